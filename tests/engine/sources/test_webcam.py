import numpy as np
import pytest

from engine.errors import Cause, SourceError
from engine.sources.config import SourceConfig
from engine.sources.opencv_reader import open_webcam
from tests.support.webcam import StillWebcam


@pytest.fixture
def devices(tmp_path):
    (tmp_path / "video2").touch()
    return tmp_path


def _config(**more):
    return SourceConfig(id="a", uri="webcam:2", **more)


def test_pictures_beyond_the_rate_are_taken_but_not_converted(devices):
    webcam = StillWebcam(fps=200, pictures=40)
    reader = open_webcam(_config(fps=10), lambda *_: webcam, devices)
    wanted = [reader.read() for _ in range(40)]
    assert 1 <= webcam.retrieved <= 5
    assert sum(picture is not None for picture in wanted) == webcam.retrieved


def test_a_grey_webcam_gives_bgr(devices):
    webcam = StillWebcam()
    webcam.image = np.full((48, 64), 7, np.uint8)
    picture = open_webcam(_config(), lambda *_: webcam, devices).read()
    assert picture.image.shape == (48, 64, 3)


def test_an_unplugged_webcam_has_ended(devices):
    reader = open_webcam(_config(), lambda *_: StillWebcam(pictures=1), devices)
    reader.read()
    with pytest.raises(SourceError, match="is it plugged in") as caught:
        reader.read()
    assert caught.value.cause is Cause.ENDED


def test_a_webcam_that_stays_silent_times_out(devices):
    reader = open_webcam(_config(read_timeout_s=0.05), lambda *_: StillWebcam(fps=10, pictures=0), devices)
    with pytest.raises(SourceError) as caught:
        reader.read()
    assert caught.value.cause is Cause.TIMEOUT


def test_a_webcam_that_is_not_there_is_not_found(tmp_path):
    with pytest.raises(SourceError, match="video2") as caught:
        open_webcam(_config(), lambda *_: StillWebcam(), tmp_path)
    assert caught.value.cause is Cause.NOT_FOUND


def test_a_webcam_in_use_is_refused_and_let_go(devices):
    webcam = StillWebcam(opens=False)
    with pytest.raises(SourceError, match="in use") as caught:
        open_webcam(_config(), lambda *_: webcam, devices)
    assert caught.value.cause is Cause.REFUSED
    assert webcam.released
