"""How soon, how rightly and how calmly labels are told: the engine's smoothing beside single readings and an average.

python -m benchmarks.smoothing --sequences FOLDER --calm CLIP [CLIP ...] [--model emotion-fer]

FOLDER holds EMOTION/SEQUENCE/pictures, each from neutral to the peak of the emotion (CK+ is of that shape). A sequence
is played at 30 pictures a second between one second of its first and two of its last, and looked at ten times a
second. `looped` rests for eight seconds, shows the expression and goes back, three times over; the third time counts.
Calm clips show people who change their expression little or not at all.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, median

import cv2
import numpy as np

from engine.clock import SystemClock
from engine.detectors.base import Detector
from engine.detectors.build import build_detector
from engine.errors import Cause, SourceError
from engine.events import EventBuilder
from engine.items import Floats, Frame, Image, Reading, TrackEnded, TrackKey, Unseen
from engine.ledger import Ledger
from engine.modelcard import find_model
from engine.sessions import open_session
from engine.sources.config import SourceConfig
from engine.sources.reader import open_reader
from engine.stages.chip import Chip, ChipConfig
from engine.stages.classify import Classify, EmotionClassifier
from engine.stages.detect import Detect, DetectConfig, DetectedFrame
from engine.stages.smooth import Smooth, SmoothConfig
from engine.stages.track import Track, TrackConfig

EVERY_S = 0.1
_NOON = datetime(2026, 1, 1, tzinfo=UTC)

Item = Reading | Unseen | TrackEnded
Told = list[tuple[TrackKey, float, str | None]]
"""Who was told to show what from when on."""


@dataclass
class Average:
    """The former smoothing: an exponential average whose leader must lead by a margin for half a second."""

    half_life_s: float = 0.6
    dwell_s: float = 0.5
    least: float = 0.45
    margin: float = 0.05
    scores: Floats | None = None
    read_s: float = 0.0
    label: int | None = None
    challenger: int | None = None
    lead_s: float = 0.0

    def read(self, values: Floats, time_s: float) -> bool:
        gap_s = time_s - self.read_s if self.scores is not None else 0.0
        self.read_s, self.lead_s = time_s, self.lead_s + min(gap_s, self.dwell_s / 2)
        weight = np.float32(1 - 0.5 ** (gap_s / self.half_life_s))
        self.scores = values.copy() if self.scores is None else self.scores + weight * (values - self.scores)
        top, held = int(self.scores.argmax()), 0.0 if self.label is None else float(self.scores[self.label])
        leader = self.label
        if self.scores[top] >= self.least and self.scores[top] >= held + self.margin:
            leader = top
        elif self.label is not None and held < self.least / 2:
            leader = None
        if leader != self.challenger:
            self.challenger, self.lead_s = leader, 0.0
        if leader == self.label or self.lead_s < self.dwell_s - 1e-6:
            return False
        self.label = leader
        return True


def raw(items: Sequence[Item]) -> Told:
    """Each reading's best class."""
    told: Told = []
    last: dict[TrackKey, str] = {}
    for item in items:
        if isinstance(item, Reading) and item.scores:
            label = item.scores.labels[int(item.scores.values.argmax())]
            if last.get(item.chip.key) != label:
                last[item.chip.key] = label
                told.append((item.chip.key, item.chip.time_s, label))
    return told


def average(items: Sequence[Item]) -> Told:
    told: Told = []
    states: dict[TrackKey, Average] = {}
    for item in items:
        if isinstance(item, Reading) and item.scores:
            state = states.setdefault(item.chip.key, Average())
            if state.read(item.scores.values, item.chip.time_s):
                label = None if state.label is None else item.scores.labels[state.label]
                told.append((item.chip.key, item.chip.time_s, label))
    return told


def engine(config: SmoothConfig) -> Callable[[Sequence[Item]], Told]:
    """The labels that the engine gives with these settings."""

    def tell(items: Sequence[Item]) -> Told:
        stage = Smooth(config, EventBuilder("run", ("model", "0" * 64), SystemClock(), replay=True))
        documents = [event.document for event in stage.process(list(items))]
        return [
            (TrackKey(one["source_id"], one["track_id"]), one["time_s"], one["after"]["label"])
            for one in documents
            if one["type"] == "emotion_changed"
        ]

    return tell


WAYS: dict[str, Callable[[Sequence[Item]], Told]] = {
    "raw": raw,
    "average (before)": average,
    "evidence (balanced)": engine(SmoothConfig()),
    "  own_neutral": engine(SmoothConfig(own_neutral=True)),
    "  preset: calm": engine(SmoothConfig(preset="calm")),
    "  preset: quick": engine(SmoothConfig(preset="quick")),
}


class Reader:
    """Detector, tracker, chips and classifier as the engine has them, called in order."""

    def __init__(self, model: str) -> None:
        self._detector: Detector = build_detector(DetectConfig())[0]
        found = find_model(model, "emotion")
        self._classify = Classify(EmotionClassifier(open_session(found, "cpu", 1), found.card, 8))

    def clip(self, path: Path) -> list[Item]:
        """Everything the smoothing gets of a clip, or of a folder of pictures at 30 a second."""
        ledger = Ledger()
        ledger.register("clip")
        detect = Detect(self._detector, DetectConfig(every_s=EVERY_S), ledger, SystemClock())
        track, chip = Track(TrackConfig(), "run"), Chip(ChipConfig())
        items: list[Item] = []
        for index, (time_s, image) in enumerate(_pictures(path)):
            frame = Frame("clip", index, time_s, _NOON, image, lossless=True)
            ledger.enter("clip")
            items += self._classify.process(chip.process(track.process(detect.process([frame]))))
        return [*items, *track.flush()]

    def sequence(self, folder: Path) -> list[Reading]:
        """One reading for each picture in which a face was found."""
        track, chip = TrackConfig(confirm_s=0), Chip(ChipConfig())
        readings = []
        for path in sorted(folder.iterdir()):
            image = cv2.imread(str(path))
            frame = Frame("sequence", 0, 0.0, _NOON, image, lossless=True)
            faces = sorted(self._detector.detect([image])[0], key=lambda face: -face.score)[:1]
            found = Track(track, "run").process([DetectedFrame(frame, tuple(faces))])
            readings += [item for item in self._classify.process(chip.process(found)) if isinstance(item, Reading)]
        return readings


def _pictures(path: Path) -> Iterator[tuple[float, Image]]:
    if path.is_dir():
        yield from ((number / 30, cv2.imread(str(one))) for number, one in enumerate(sorted(path.iterdir())))
        return
    reader = open_reader(SourceConfig(id="clip", uri=str(path)))
    try:
        while True:
            if (picture := reader.read()) is not None:
                yield picture.media_s or 0.0, picture.image
    except SourceError as error:
        if error.cause is not Cause.ENDED:
            raise
    finally:
        reader.close()


def played(readings: Sequence[Reading], rest_s: float, peak_s: float, loops: int) -> list[Reading]:
    """The sequence with a rest before and its peak held, and back again where it is looped."""
    count, rise_s = len(readings), len(readings) / 30
    whole_s = rest_s + rise_s + peak_s + (rise_s if loops > 1 else 0)
    items = []
    for number in range(round(whole_s * loops / EVERY_S)):
        at_s = number * EVERY_S % whole_s
        rising = (at_s - rest_s) * 30
        falling = count - 1 - (at_s - rest_s - rise_s - peak_s) * 30
        place = int(min(max(min(rising, falling), 0), count - 1))
        chip = replace(readings[place].chip, time_s=number * EVERY_S, frame_index=number)
        items.append(Reading(chip, readings[place].scores))
    return items


def label_at(told: Told, time_s: float) -> str | None:
    return next((label for _, at_s, label in reversed(told) if at_s <= time_s), None)


def changes(told: Told) -> int:
    """How often another label than before was told; the first of a track, and the same again, do not count."""
    last: dict[TrackKey, str] = {}
    count = 0
    for key, _, label in told:
        if label is not None:
            count += key in last and last[key] != label
            last[key] = label
    return count


def onset_s(items: Sequence[Reading], emotion: str) -> float | None:
    """When the readings begin to show the emotion for good; None where they never do."""
    start = None
    for item in items:
        if item.scores and item.scores.labels[int(item.scores.values.argmax())] == emotion:
            start = item.chip.time_s if start is None else start
        else:
            start = None
    return start


def row(name: str, sequences: Sequence[tuple[str, list[Reading]]], calm: Sequence[list[Item]]) -> str:
    """One line of the table."""
    way = WAYS[name]
    counts, delays, right, looped = [], [], 0, 0
    for emotion, readings in sequences:
        items = played(readings, 1.0, 2.0, 1)
        told = way(items)
        counts.append(changes(told))
        hit = label_at(told, 99) == emotion
        right += hit
        start = onset_s(items, emotion)
        if hit and start:
            delays.append(max(at_s for _, at_s, label in told if label == emotion) - start)
        again = played(readings, 8.0, 1.5, 3)
        end_s = again[-1].chip.time_s - len(readings) / 30 - EVERY_S
        looped += label_at(way(again), end_s) == emotion
    still = [way(items) for items in calm]
    given_up = sum(label is None for told in still for *_, label in told)
    cells = [
        name, f"{mean(counts):.2f}", f"{right}/{len(sequences)}", f"{looped}/{len(sequences)}",
        f"{median(delays):.2f}" if delays else "-", f"{max(delays):.2f}" if delays else "-",
        " + ".join(str(changes(told)) for told in still), str(given_up),
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


HEAD = (
    "| way | changes a sequence | right at the end | right, looped | delay s, median | worst "
    "| changes on calm clips | given up there |\n|---|---|---|---|---|---|---|---|"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--calm", type=Path, nargs="*", default=[], metavar="CLIP")
    parser.add_argument("--model", default="emotion-fer")
    args = parser.parse_args()
    reader = Reader(args.model)
    folders = sorted(path for path in args.sequences.glob("*/*") if path.is_dir())
    sequences = [(path.parent.name, found) for path in folders if (found := reader.sequence(path))]
    calm = [reader.clip(path) for path in args.calm]
    print(f"{args.model}: {len(sequences)} sequences; calm: {', '.join(path.name for path in args.calm) or 'none'}")
    print(HEAD)
    for name in WAYS:
        print(row(name, sequences, calm), flush=True)


if __name__ == "__main__":
    main()
