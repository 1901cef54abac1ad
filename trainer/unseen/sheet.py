"""Faces sampled evenly from clips, cut by the engine, with what a model says of each: for looking at."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine.detectors.base import Detector
from engine.errors import Cause, ConfigError, SourceError
from engine.items import Image
from engine.sources.config import SourceConfig
from engine.sources.reader import Picture, is_lossless, open_reader
from engine.stages.chip import ChipConfig, cut, judge
from engine.stages.smooth import SmoothConfig
from trainer.metrics import softmax
from trainer.recording import source_config
from trainer.subjects import Subject
from trainer.unseen.judging import logits_of

FACES = 60
_LOOKS = 4
"""Frames looked at for each face wanted, at most twice as many: not every frame shows one that can be read."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One face: `chip` uint8 BGR `(112, 112, 3)`, the clip and second it is from, and what the model says of it.

    `said` is False where the engine would say nothing, since the confidence does not reach its `min_confidence`.
    """

    chip: Image
    clip: str
    time_s: float
    label: str
    confidence: float
    said: bool


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """The faces of a sheet, clip after clip in time order. `left_out` counts faces that the engine would not read, by
    reason, among the frames looked at."""

    faces: tuple[Shown, ...]
    clips: tuple[str, ...]
    left_out: Mapping[str, int]


def open_clips(addresses: Sequence[str]) -> tuple[SourceConfig, ...]:
    """The files and folders at `addresses`.

    Raises:
        ConfigError: one does not exist, is live, or is no address of a source.
    """
    clips = tuple(source_config(address, "--contact-sheet") for address in addresses)
    for clip in clips:
        if not is_lossless(clip):
            raise ConfigError(
                f"--contact-sheet {clip.shown!r}: name a file, or a folder of frames; a camera has no end"
            )
    return clips


def contact_sheet(
    subject: Subject,
    detector: Detector,
    clips: Sequence[SourceConfig],
    count: int = FACES,
    progress: Callable[[int], Any] = lambda _: None,
) -> Sheet:
    """`count` faces of `clips`, as many from each as far as they have them, and what `subject` says of each alone,
    without smoothing. `progress` gets counts of frames read.

    Raises:
        ConfigError: a clip cannot be read, or none shows a face fit to be read.
    """
    left_out: Counter[str] = Counter()
    quota = -(-count // len(clips))
    seen = [list(_seen(clip, detector, _LOOKS * quota, left_out, progress)) for clip in clips]
    shares = shared_out([len(each) for each in seen], count)
    picked = [each[place] for each, share in zip(seen, shares, strict=True) for place in spread(len(each), share)]
    if not picked:
        reasons = ", ".join(f"{number} {reason}" for reason, number in left_out.items())
        raise ConfigError(
            f"--contact-sheet: no face fit to be read in {', '.join(clip.shown for clip in clips)}"
            + (f" (left out: {reasons})" if reasons else "")
        )
    probabilities = softmax(logits_of(subject, np.stack([chip for _, _, chip in picked])), subject.temperature or 1.0)
    least = SmoothConfig().min_confidence
    faces = [
        Shown(chip, name, time_s, subject.labels[int(row.argmax())], float(row.max()), bool(row.max() >= least))
        for (name, time_s, chip), row in zip(picked, probabilities, strict=True)
    ]
    return Sheet(tuple(faces), tuple(_name(clip) for clip in clips), dict(left_out))


def shared_out(available: Sequence[int], count: int) -> list[int]:
    """`count` dealt out as evenly as `available` allows.

    >>> shared_out([2, 100, 100], 9)
    [2, 4, 3]
    """
    given = [0] * len(available)
    left = min(count, sum(available))
    while left:
        for place, most in enumerate(available):
            if left and given[place] < most:
                given[place], left = given[place] + 1, left - 1
    return given


def spread(length: int, count: int) -> list[int]:
    """`count` places of `length`, evenly apart, the middle of each part.

    >>> spread(10, 2), spread(3, 3)
    ([2, 7], [0, 1, 2])
    """
    return [int((number + 0.5) * length / count) for number in range(count)]


Face = tuple[str, float, Image]
"""The clip's name, the second, and the chip."""


@dataclass(slots=True)
class _Sample:
    """Faces by frame number, of every `stride`-th frame: where more than `most` frames were looked at, every second is
    dropped, so that the clip's length need not be known."""

    most: int
    stride: int = 1
    by_frame: dict[int, list[Face]] = field(default_factory=dict)

    def add(self, number: int, faces: list[Face]) -> None:
        self.by_frame[number] = faces
        if len(self.by_frame) > self.most:
            self.stride *= 2
            self.by_frame = {frame: kept for frame, kept in self.by_frame.items() if frame % self.stride == 0}


def _seen(
    clip: SourceConfig, detector: Detector, looks: int, left_out: Counter[str], progress: Callable[[int], Any]
) -> Iterator[Face]:
    """The faces of up to `looks` frames of `clip` that the engine would read, in time order."""
    sample, config = _Sample(2 * looks), ChipConfig()
    for number, picture in enumerate(_frames(clip)):
        progress(1)
        if number % sample.stride:
            continue
        faces = []
        for face in detector.detect([picture.image])[0]:
            chip = cut(picture.image, face, config.size)
            gated = judge(face, chip, config).gated
            left_out.update(gated)
            if not gated:
                faces.append((_name(clip), picture.media_s or 0.0, chip))
        sample.add(number, faces)
    for faces in sample.by_frame.values():
        yield from faces


def _frames(clip: SourceConfig) -> Iterator[Picture]:
    try:
        reader = open_reader(clip)
    except SourceError as error:
        raise ConfigError(f"--contact-sheet: {error}") from error
    try:
        while True:
            picture = reader.read()
            if picture is not None:
                yield picture
    except SourceError as error:
        if error.cause != Cause.ENDED:
            raise
    finally:
        reader.close()


def _name(clip: SourceConfig) -> str:
    return Path(clip.uri).name or clip.shown
