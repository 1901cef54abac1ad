import importlib.util
from itertools import pairwise
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from engine.errors import Cause, SourceError
from engine.sources.config import SourceConfig
from engine.sources.demo import open_demo, view
from engine.testing import FakeClock
from tests.support.photos import group

DEMO = SourceConfig(id="a", uri="demo:")


def _wanted(reader, count):
    pictures = []
    while len(pictures) < count:
        pictures += [picture] if (picture := reader.read()) else []
    return [picture.image for picture in pictures]


def test_the_demo_runs_in_real_time_at_fifteen_pictures_per_second():
    clock = FakeClock()
    images = _wanted(open_demo(DEMO, clock), 31)
    assert clock.monotonic() == pytest.approx(1002.0)
    assert {image.shape for image in images} == {(720, 1280, 3)}


def test_the_rate_may_be_set():
    clock = FakeClock()
    _wanted(open_demo(SourceConfig(id="a", uri="demo:", fps=5), clock), 11)
    assert clock.monotonic() == pytest.approx(1002.0)


def test_the_picture_of_a_moment_is_always_the_same_and_moves_smoothly():
    first, again = (_wanted(open_demo(DEMO, FakeClock()), 5) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    steps = [abs(a.astype(int) - b).mean() for a, b in pairwise(first)]
    assert 0 < max(steps) < 10


def test_pictures_are_left_out_when_reading_falls_behind():
    clock = FakeClock()
    reader = open_demo(DEMO, clock)
    reader.read()
    clock.advance(10.0)
    late = _wanted(reader, 1)[0]
    on_time = open_demo(DEMO, FakeClock())
    np.testing.assert_array_equal(late, _wanted(on_time, 151)[-1])


def test_without_the_photo_the_message_names_the_way_out(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(SourceError, match="make setup installs it") as caught:
        open_demo(DEMO)
    assert caught.value.cause is Cause.NOT_FOUND


def test_faces_of_another_photo_stay_still_and_that_is_said(monkeypatch, tmp_path, caplog):
    (tmp_path / "data" / "images").mkdir(parents=True)
    assert cv2.imwrite(str(tmp_path / "data" / "images" / "t1.jpg"), np.full((300, 400, 3), 90, np.uint8))
    package = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: package)
    images = _wanted(open_demo(SourceConfig(id="a", uri="demo:", fps=1), FakeClock()), 20)
    assert {np.ptp(image) for image in images} == {0}
    assert "400x300, not 1280x886" in caplog.text


def test_faces_change_while_the_camera_moves():
    reader = open_demo(SourceConfig(id="a", uri="demo:", fps=1), FakeClock())
    still = view(group(), 5.0)
    changed = np.abs(_wanted(reader, 6)[-1].astype(int) - still).max(axis=2)
    assert 0.001 < (changed > 10).mean() < 0.05
