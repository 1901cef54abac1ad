"""How long rivals take for a frame on one core, measured in turns so that what slows one slows all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import cv2
import numpy as np

from engine.items import Image
from engine.pixels import InputSpec, fit, to_tensor
from trainer.detector.rivals import Rival
from trainer.detector.views import FULL

USUAL = (640, 360)
"""Width and height of the frame at which the engine's default detector is judged."""
SCORE = 0.6
"""The engine's default: what is below costs nothing there."""
TURNS = 15


@dataclass(frozen=True, slots=True)
class Runner:
    """Something to time: a rival's whole `detect`, or its network alone."""

    rival: Rival
    frame: tuple[int, int]
    part: str
    call: Callable[[Image], object]


def frames(photos: Sequence[Image], size: tuple[int, int]) -> list[Image]:
    """`photos` fitted into frames of `size` (width, height), black beside them."""
    width, height = size
    made = []
    for photo in photos:
        shrink = min(width / photo.shape[1], height / photo.shape[0])
        small = fit(photo, max(int(photo.shape[1] * shrink), 1), max(int(photo.shape[0] * shrink), 1))
        frame = np.zeros((height, width, 3), np.uint8)
        frame[: small.shape[0], : small.shape[1]] = small
        made.append(frame)
    return made


def measure(
    rivals: Sequence[Rival],
    photos: Sequence[Image],
    sizes: Sequence[tuple[int, int]],
    reference: str | None,
    turns: int = TURNS,
    done: Callable[[int], object] = lambda _count: None,
) -> list[dict[str, Any]]:
    """Median milliseconds for frames of each of `sizes` (width, height), made of `photos`: `detect` from BGR pixels to
    faces at score 0.6, and `network`, ONNX Runtime alone on a prepared input. `ratio` is the median over all turns of
    the time over that of `reference` in the same turn. `done` is told after each turn; OpenCV runs on one thread."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return [row for size in sizes for row in _measure(rivals, frames(photos, size), size, reference, turns, done)]
    finally:
        cv2.setNumThreads(threads)


def _measure(
    rivals: Sequence[Rival],
    shown: Sequence[Image],
    size: tuple[int, int],
    reference: str | None,
    turns: int,
    done: Callable[[int], object],
) -> list[dict[str, Any]]:
    able = [rival for rival in rivals if rival.side is None or max(size) <= rival.side]
    runners = [runner for rival in able for runner in _runners(rival, size, shown[0])]
    for runner in runners:
        runner.call(shown[0])
    times: list[list[float]] = [[] for _ in runners]
    for turn in range(turns):
        for own, runner in zip(times, runners, strict=True):
            started = perf_counter()
            runner.call(shown[turn % len(shown)])
            own.append(perf_counter() - started)
        done(1)
    return [
        _row(runner, own, _reference(runners, times, runner.part, reference))
        for runner, own in zip(runners, times, strict=True)
    ]


def _runners(rival: Rival, size: tuple[int, int], frame: Image) -> list[Runner]:
    detector = rival.build(FULL if rival.side is None else rival.side, SCORE)
    runners = [Runner(rival, size, "detect", lambda image: detector.detect([image]))]
    if rival.session is not None:
        session, batch = rival.session, _batch(rival, frame)
        runners.append(Runner(rival, size, "network", lambda _image: session.run(batch)))
    return runners


def _batch(rival: Rival, frame: Image) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    """`frame` as the network's input, at the network's own size where that is fixed."""
    assert rival.session is not None
    facts = rival.about["input"]
    spec = InputSpec(None, None, facts["colour"], facts["scale"], tuple(facts["mean"]), tuple(facts["std"]))
    height, width = rival.session.input_shape[2:]
    return to_tensor([fit(frame, width or frame.shape[1], height or frame.shape[0])], spec)


def _reference(
    runners: Sequence[Runner], times: Sequence[Sequence[float]], part: str, name: str | None
) -> Sequence[float] | None:
    return next(
        (own for runner, own in zip(runners, times, strict=True) if (runner.rival.name, runner.part) == (name, part)),
        None,
    )


def _row(runner: Runner, own: Sequence[float], other: Sequence[float] | None) -> dict[str, Any]:
    shape = None if runner.rival.session is None else runner.rival.session.input_shape[2:]
    fixed = shape is not None and None not in shape and (runner.part == "network" or runner.rival.side is not None)
    # A network held to its own input did other work than the reference.
    elsewhere = runner.part == "network" and fixed and shape is not None and tuple(shape) != runner.frame[::-1]
    ratios = [mine / theirs for mine, theirs in zip(own, other, strict=True)] if other is not None else []
    return {
        "model": runner.rival.name,
        "frame": "x".join(map(str, runner.frame)),
        "part": runner.part,
        "ms": round(1000 * median(own), 3),
        "ratio": round(median(ratios), 3) if ratios and not elsewhere else None,
        "input": f"{shape[1]}x{shape[0]}" if fixed and shape else None,
        "turns": len(own),
    }
