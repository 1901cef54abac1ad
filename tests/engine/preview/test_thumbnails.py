"""Small pictures of faces: the best look, for a while, and of nobody who was promised otherwise."""

import weakref
from dataclasses import replace

import cv2
import numpy as np
import pytest

from engine.ids import fingerprint
from engine.items import FaceChip, Quality, TrackKey
from engine.preview import Thumbnails
from engine.testing import FakeClock
from tests.support.shots import NOON


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def chip(uid: str, gray: int, quality: float = 0.5, side: int = 112, source_id: str = "door") -> FaceChip:
    image = np.full((side, side, 3), gray, np.uint8)
    key = TrackKey(source_id, 1)
    return FaceChip(key, uid, 0, 0.0, NOON, (0, 0, 8, 8), (320, 180), 0.9, 1.0, Quality(quality), image)


def shown(thumbnails: Thumbnails, uid: str) -> np.ndarray:
    jpeg = thumbnails.jpeg(uid)
    assert jpeg is not None
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def test_the_best_look_is_kept(clock: FakeClock) -> None:
    kept = Thumbnails(clock)
    assert kept.jpeg("a") is None
    for gray, quality in ((10, 0.3), (200, 0.8), (90, 0.81), (50, 0.5)):
        kept.on_emotion(chip("a", gray, quality), None)
    assert abs(int(shown(kept, "a").mean()) - 200) <= 2


def test_large_chips_are_shown_small(clock: FakeClock) -> None:
    kept = Thumbnails(clock)
    kept.on_emotion(chip("a", 100, side=224), None)
    kept.on_emotion(chip("b", 100, side=64), None)
    assert (shown(kept, "a").shape[0], shown(kept, "b").shape[0]) == (112, 64)


def test_faces_are_forgotten_when_asked_and_some_time_after_they_were_seen(clock: FakeClock) -> None:
    kept = Thumbnails(clock, kept_s=60)
    kept.on_emotion(chip("a", 10), None)
    kept.on_emotion(chip("b", 20), None)
    clock.advance(40)
    kept.on_emotion(chip("a", 10), None)
    clock.advance(30)
    assert (kept.jpeg("b"), kept.jpeg("a") is not None) == (None, True)
    kept.forget(fingerprint("a"))
    kept.forget(fingerprint("never"))
    assert kept.jpeg("a") is None


def test_what_is_over_leaves_the_memory_though_nobody_comes_or_asks(clock: FakeClock) -> None:
    kept = Thumbnails(clock, kept_s=60)
    face = chip("a", 10)
    held = weakref.ref(face.image)
    kept.on_emotion(face, None)
    del face
    kept.tidy()
    assert held() is not None
    clock.advance(61)
    kept.tidy()
    assert held() is None


def test_no_more_faces_than_allowed_are_in_memory_the_longest_unseen_go_first(clock: FakeClock) -> None:
    kept = Thumbnails(clock, tracks=2)
    for uid in ("a", "b", "a", "c"):
        kept.on_emotion(chip(uid, 10), None)
    assert [kept.jpeg(uid) is not None for uid in ("a", "b", "c")] == [True, False, True]


def test_of_some_sources_nothing_is_kept(clock: FakeClock) -> None:
    kept = Thumbnails(clock, lambda source_id: source_id == "laptop")
    kept.on_emotion(chip("a", 10, source_id="laptop"), None)
    kept.on_emotion(replace(chip("b", 10), key=TrackKey("door", 2)), None)
    assert (kept.jpeg("a"), kept.jpeg("b") is not None) == (None, True)
