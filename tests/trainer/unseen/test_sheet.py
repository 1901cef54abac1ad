"""A contact sheet: faces evenly from all clips, cut by the engine, with what the model says."""

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.stages.smooth import SmoothConfig
from tests.trainer.photos import Told, face_at
from tests.trainer.sources.layouts import write_pictures
from tests.trainer.unseen.drawn import write_faces
from trainer.labels import FERPLUS
from trainer.subjects import Subject
from trainer.unseen.cutting import serving_detector
from trainer.unseen.sheet import contact_sheet, open_clips, shared_out, spread

FRAMES = [f"{number:03d}.png" for number in range(200)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A clip of 200 frames, each a little lighter."""
    folder = tmp_path_factory.mktemp("clips") / "long"
    write_faces(folder, FRAMES[:40])
    for number, name in enumerate(FRAMES[40:], start=40):
        (folder / name).hardlink_to(folder / FRAMES[number % 40])
    return folder


def told(confidence=0.9, colour=True):
    rest = (1 - confidence) / 7

    def score(images):
        rows = np.full((len(images), 8), rest, np.float32)
        rows[:, 4] = confidence
        return rows

    return Subject("told", FERPLUS, score, "probabilities", temperature=1.0, colour=colour)


def sheet(clips, count=60, subject=None, detector=None):
    found = detector or Told((face_at(),))
    return contact_sheet(subject or told(), found, open_clips([str(each) for each in clips]), count)


def test_a_long_clip_is_looked_at_evenly_and_not_frame_by_frame(clip):
    detector = Told((face_at(),))
    made = sheet([clip], 4, detector=detector)
    assert len(made.faces) == 4 and len(detector.seen) < 120
    times = [face.time_s for face in made.faces]
    steps = np.diff(times)
    whole = times[-1] + steps.mean()
    assert times == sorted(times) and steps.max() <= 1.5 * steps.min() and times[0] < 0.3 * whole


def test_clips_share_the_sheet_and_a_short_one_gives_what_it_has(clip, tmp_path):
    short = write_faces(tmp_path / "short", FRAMES[:4])
    made = sheet([short, clip], 20)
    names = [face.clip for face in made.faces]
    assert (names.count("short"), names.count("long")) == (4, 16)
    assert made.clips == ("short", "long")
    assert len(sheet([short], 20).faces) == 4


def test_what_the_engine_would_not_say_is_marked(tmp_path):
    short, least = write_faces(tmp_path / "short", FRAMES[:2]), SmoothConfig().min_confidence
    for confidence in (least + 0.01, least - 0.01):
        (face, _) = sheet([short], subject=told(confidence)).faces
        assert (face.label, face.said) == ("anger", confidence >= least)
        assert face.confidence == pytest.approx(confidence, abs=1e-4)


def test_faces_that_the_engine_would_not_read_are_left_out_and_counted(tmp_path):
    short = write_faces(tmp_path / "short", FRAMES[:3])
    made = sheet([short], detector=Told((face_at(), face_at(size=20))))
    assert len(made.faces) == 3 and made.left_out == {"small": 3}
    with pytest.raises(ConfigError, match=r"no face fit to be read in .*short \(left out: 3 small\)"):
        sheet([short], detector=Told((face_at(size=20),)))


def test_faces_are_the_engines_own_chips(tmp_path):
    short = write_faces(tmp_path / "short", FRAMES[:1])
    (face,) = sheet([short], detector=serving_detector()).faces
    assert face.chip.shape == (112, 112, 3) and face.time_s == 0


def test_models_of_gray_faces_are_asked_too(tmp_path):
    assert len(sheet([write_faces(tmp_path / "short", FRAMES[:2])], subject=told(colour=False)).faces) == 2


def test_what_is_no_clip_is_refused_in_one_line(tmp_path):
    (tmp_path / "text.mp4").write_text("not a film")
    (tmp_path / "empty").mkdir()
    cases = {
        "missing.mp4": "--contact-sheet .*missing.mp4: no such file",
        "webcam:0": "name a file, or a folder of frames",
        "rtsp://camera/1": "name a file, or a folder of frames",
        "text.mp4": r"--contact-sheet: .*text\.mp4",
        "empty": "--contact-sheet: .*empty",
        str(write_pictures(tmp_path / "noise", FRAMES[:2])): "no face fit to be read",
    }
    for address, message in cases.items():
        place = address if ":" in address or address.startswith("/") else tmp_path / address
        with pytest.raises(ConfigError, match=message) as raised:
            sheet([place], detector=Told(()))
        assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("available", "count", "shares"),
    [([9, 9], 4, [2, 2]), ([1, 9], 4, [1, 3]), ([2, 1], 9, [2, 1]), ([0, 0], 3, [0, 0])],
)
def test_a_sheet_is_dealt_out_evenly(available, count, shares):
    assert shared_out(available, count) == shares


def test_places_are_spread_from_end_to_end():
    assert spread(10, 2) == [2, 7] and spread(3, 3) == [0, 1, 2] and spread(5, 0) == []
