"""The tap: keeps the newest frame of what is watched, and nothing else."""

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from threading import Thread

import pytest

from engine.events import Emotion
from engine.items import FaceChip, Quality, TrackKey
from engine.preview import Shots
from engine.preview.picture import faces_of
from engine.preview.shots import TRACKS
from tests.support.shots import NOON, noise, tracked_face, tracked_frame


def emotion(label: str) -> Emotion:
    return Emotion(label, 0.8, 1.0, {label: 0.8, "other": 0.2})


def chip(number: int, source_id: str = "door") -> FaceChip:
    image = noise(8, 8)
    key = TrackKey(source_id, number)
    return FaceChip(key, f"uid{number}", 0, 0.0, NOON, (0, 0, 8, 8), (320, 180), 0.9, 1.0, Quality(1.0), image)


@pytest.fixture
def shots() -> Iterator[Shots]:
    made = Shots()
    yield made
    assert made.watched == ()


def nothing() -> None:
    """Nobody needs to be woken."""


def test_no_frame_is_kept_of_what_nobody_watches(shots: Shots) -> None:
    tracked = tracked_frame()
    before = sys.getrefcount(tracked)
    shots.on_faces(tracked)
    with shots.watch("desk", nothing):
        shots.on_faces(tracked)
        assert sys.getrefcount(tracked) == before
    with shots.watch("door", nothing):
        shots.on_faces(tracked)
        assert sys.getrefcount(tracked) > before
    assert sys.getrefcount(tracked) == before


def test_what_is_watched_is_kept_as_it_is_and_forgotten_with_the_last_watcher(shots: Shots) -> None:
    rung: list[int] = []
    with shots.watch("door", lambda: rung.append(1)) as first, shots.watch("door", nothing) as second:
        assert shots.watched == ("door",)
        assert first.newest() is None
        for index in range(3):
            tracked = tracked_frame(index, looked=index == 1)
            shots.on_faces(tracked)
        newest, looked = first.newest(), first.newest(looked=True)
        assert newest and looked
        assert newest.tracked is tracked  # not a copy
        assert (newest.number, looked.number, looked.tracked.frame.index) == (3, 2, 1)
        assert second.newest() is not newest and len(rung) == 3
    shots.on_faces(tracked_frame(9))
    assert newest is first.newest()


def test_a_shot_tells_what_its_tracks_show_by_now_also_to_whoever_comes_later(shots: Shots) -> None:
    shots.on_emotion(chip(1), emotion("happiness"))
    shots.on_emotion(chip(2), None)
    with shots.watch("door", nothing) as watch:
        shots.on_faces(tracked_frame(0, (tracked_face((0, 0, 9, 9), 1), tracked_face((0, 0, 9, 9), 2))))
        shot = watch.newest()
        assert shot
        before = shot.emotion_of(TrackKey("door", 1))
        assert before and before.label == "happiness"
        assert shot.emotion_of(TrackKey("door", 2)) is None
        shots.on_emotion(chip(1), emotion("anger"))
        after = shot.emotion_of(TrackKey("door", 1))
        assert after and after.label == "anger"


def test_judgements_do_not_pile_up(shots: Shots) -> None:
    with shots.watch("door", nothing) as watch:
        shots.on_faces(tracked_frame())
        shot = watch.newest()
        assert shot
        for number in range(1, TRACKS + 100):
            shots.on_emotion(chip(number), emotion("neutral"))
            shots.on_emotion(chip(1), emotion("fear"))  # in view all the time
        held = [number for number in range(1, TRACKS + 100) if shot.emotion_of(TrackKey("door", number))]
    assert len(held) == TRACKS and held[0] == 1 and held[-1] == TRACKS + 99


def test_closing_tells_all_who_watch(shots: Shots) -> None:
    rung: list[str] = []
    with shots.watch("door", lambda: rung.append("door")), shots.watch("desk", lambda: rung.append("desk")):
        shots.close()
        assert sorted(rung) == ["desk", "door"]
    assert shots.closed


def test_watchers_come_and_go_while_frames_pass(shots: Shots) -> None:
    done: list[int] = []

    def come_and_go() -> None:
        for _ in range(300):
            with shots.watch("door", nothing) as watch:
                watch.newest()
        done.append(1)

    threads = [Thread(target=come_and_go) for _ in range(4)]
    for thread in threads:
        thread.start()
    tracked = tracked_frame()
    while len(done) < 4 and any(thread.is_alive() for thread in threads):
        shots.on_faces(tracked)
    for thread in threads:
        thread.join(20)
    assert len(done) == 4


def test_a_frame_that_nobody_watches_costs_next_to_nothing(shots: Shots) -> None:
    """Less than a thousandth of what copying it would."""
    tracked = tracked_frame(image=noise(1280, 720))

    def best_of(rounds: int, call: object) -> float:
        assert callable(call)
        times = []
        for _ in range(rounds):
            started = time.perf_counter()
            call()
            times.append(time.perf_counter() - started)
        return min(times)

    tap = best_of(200, lambda: shots.on_faces(tracked))
    copy = best_of(20, lambda: tracked.frame.image.copy())
    assert tap < copy / 20


def test_a_face_that_was_never_read_is_told_with_what_is_in_the_way(shots: Shots) -> None:
    dark = replace(chip(1), quality=Quality(0.3, ("dark",)))
    with shots.watch("door", nothing) as watch:
        shots.on_emotion(dark, None)
        shots.on_faces(tracked_frame(faces=(tracked_face((10, 10, 50, 60)),)))
        shot = watch.newest()
        assert shot
        (told,) = faces_of(shot)
    assert {name: told[name] for name in ("label", "reason", "gated", "scores")} == {
        "label": None, "reason": "unreadable", "gated": ["dark"], "scores": {},
    }  # fmt: skip
