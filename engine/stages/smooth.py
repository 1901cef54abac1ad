"""Smoothing: readings flicker, events must not. A filter and a state machine per track, on stream time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.events import Emotion, EventBuilder
from engine.fields import Positive, Seconds, Unit, settings
from engine.items import (
    EmotionEvent,
    EmotionScores,
    FaceChip,
    Floats,
    Reading,
    SourceStatus,
    TrackEnded,
    TrackKey,
)

_EPSILON_S = 1e-6
_SILENT_STATES = {"connecting"}


@settings
class SmoothConfig:
    """All times are in seconds of the stream's clock, so that events do not depend on the frame rate."""

    half_life_s: Seconds = 0.6
    """After this time an old reading weighs half as much as a new one; 0 takes each as it comes."""
    min_dwell_s: Seconds = 0.5
    """A new emotion must lead without a break for this long, and three readings, before it counts."""
    min_confidence: Unit = 0.45
    """A new emotion must reach this smoothed score. A label is given up, for none, at half of it."""
    margin: Unit = 0.05
    """A new emotion must lead the present one by this much: hysteresis against flicker."""
    update_s: Positive = 1.0
    """Shortest time between two `update` events of a track."""
    state_ttl_s: Positive = 30.0
    """A track without a sign of life for this long is given up."""


Observer = Callable[[FaceChip, Emotion | None], None]


class TrackState:
    """One track's filter and state machine.

    The filter is an exponential moving average whose weight follows elapsed time:
    `s <- s + (1 - 2^(-dt / half_life)) * (reading - s)`. A challenger becomes the label once it has led
    by `margin`, at `min_confidence` or more, over `min_dwell_s` and three readings without a break. No label
    at all is a challenger too: it leads while the present label has fallen below half of `min_confidence`.
    """

    def __init__(self, config: SmoothConfig, time_s: float) -> None:
        self._config = config
        self._scores: Floats | None = None
        self._labels: tuple[str, ...] = ()
        self._read_s = time_s
        self._label: int | None = None
        self._label_since_s = time_s
        self._challenger: int | None = None
        self._evidence_s = 0.0

    def read(self, scores: EmotionScores, time_s: float) -> Emotion | None:
        """Take one reading; returns the emotion left behind when the label changes, else None.

        The first decision leaves behind an emotion whose label is None.
        """
        gap_s = time_s - self._read_s
        # A face nobody could read for a while gives no evidence: a pause counts for half the dwell at most.
        self._evidence_s += min(gap_s, self._config.min_dwell_s / 2)
        if self._scores is None:
            self._labels, self._scores = scores.labels, scores.values.copy()
        else:
            half_life_s = self._config.half_life_s
            weight = 1.0 - 0.5 ** (gap_s / half_life_s) if half_life_s else 1.0
            self._scores = self._scores + np.float32(weight) * (scores.values - self._scores)
        self._read_s = time_s
        return self._decide(time_s)

    def _decide(self, time_s: float) -> Emotion | None:
        challenger = self._leader()
        if challenger != self._challenger:
            self._challenger, self._evidence_s = challenger, 0.0
        if challenger == self._label or self._evidence_s < self._config.min_dwell_s - _EPSILON_S:
            return None
        left = self.emotion(time_s)
        self._label, self._label_since_s = challenger, time_s
        return left

    def _leader(self) -> int | None:
        """What the label should be by the evidence of now: another class, none, or what it is."""
        assert self._scores is not None
        config, top = self._config, int(self._scores.argmax())
        held = 0.0 if self._label is None else float(self._scores[self._label])
        if self._scores[top] >= config.min_confidence and self._scores[top] >= held + config.margin:
            return top
        if self._label is not None and held < config.min_confidence / 2:
            return None
        return self._label

    def adopt(self, config: SmoothConfig) -> None:
        """Go on with these settings, from where the filter is."""
        self._config = config

    def emotion(self, time_s: float) -> Emotion | None:
        """The present judgement; None before the first reading."""
        if self._scores is None:
            return None
        shown = int(self._scores.argmax()) if self._label is None else self._label
        return Emotion(
            label=None if self._label is None else self._labels[self._label],
            confidence=float(self._scores[shown]),
            dwell_s=max(0.0, time_s - self._label_since_s),
            scores=dict(zip(self._labels, (float(value) for value in self._scores), strict=True)),
        )


@dataclass(slots=True)
class _Track:
    state: TrackState
    chip: FaceChip
    event_s: float


class Smooth:
    """The stage: readings and markers in, numbered events out."""

    def __init__(self, config: SmoothConfig, builder: EventBuilder, observer: Observer | None = None) -> None:
        self._config = self._wanted = config
        self._builder = builder
        self._observer = observer
        self._tracks: dict[TrackKey, _Track] = {}
        self._swept_s: dict[str, float] = {}

    def process(self, items: Sequence[Reading | TrackEnded | SourceStatus]) -> Sequence[EmotionEvent]:
        self._take_over()
        events: list[EmotionEvent] = []
        for item in items:
            if isinstance(item, Reading):
                events += self._read(item)
                events += self._sweep(item.chip)
            elif isinstance(item, TrackEnded):
                events += self._end(item)
                self._forget(item)
            elif item.state not in _SILENT_STATES:
                events.append(self._builder.of_source(item))
        return events

    def flush(self) -> Sequence[EmotionEvent]:
        return [event for track in list(self._tracks.values()) for event in self._end(_lost(track.chip))]

    def close(self) -> None:
        self._tracks.clear()

    def adopt(self, config: SmoothConfig) -> None:
        """From the next batch on these settings hold, also for the tracks that are alive; any thread."""
        self._wanted = config

    def _take_over(self) -> None:
        if self._wanted is not self._config:
            self._config = self._wanted
            for track in self._tracks.values():
                track.state.adopt(self._config)

    def _read(self, reading: Reading) -> list[EmotionEvent]:
        chip = reading.chip
        track = self._tracks.get(chip.key)
        fresh = track is None
        if track is None:
            track = self._tracks[chip.key] = _Track(TrackState(self._config, chip.time_s), chip, chip.time_s)
        track.chip = chip
        left = track.state.read(reading.scores, chip.time_s) if reading.scores else None
        now = track.state.emotion(chip.time_s)
        if self._observer:
            self._observer(chip, now)
        events = [self._builder.of_track("new", chip, None, left or now)] if fresh else []
        if left:
            before = left if left.label else None
            events.append(self._builder.of_track("emotion_changed", chip, before, now))
        elif not fresh and chip.time_s - track.event_s >= self._config.update_s - _EPSILON_S:
            events.append(self._builder.of_track("update", chip, None, now))
        if events:
            track.event_s = chip.time_s
        return events

    def _end(self, ended: TrackEnded) -> list[EmotionEvent]:
        track = self._tracks.pop(ended.key, None)
        if track is None:
            return []
        return [self._builder.of_track("end", ended, track.state.emotion(ended.last_seen_s), None)]

    def _forget(self, ended: TrackEnded) -> None:
        """With its last track a live source leaves nothing behind: it may never come back."""
        source_id = ended.key.source_id
        if not ended.lossless and all(key.source_id != source_id for key in self._tracks):
            self._swept_s.pop(source_id, None)

    def _sweep(self, chip: FaceChip) -> list[EmotionEvent]:
        """Give up tracks of this source that have shown no life for `state_ttl_s`."""
        ttl_s = self._config.state_ttl_s
        source_id, now_s = chip.key.source_id, chip.time_s
        if now_s - self._swept_s.setdefault(source_id, now_s) < ttl_s:
            return []
        self._swept_s[source_id] = now_s
        old = [
            track
            for key, track in self._tracks.items()
            if key.source_id == source_id and now_s - track.chip.time_s >= ttl_s
        ]
        return [event for track in old for event in self._end(_lost(track.chip))]


def _lost(chip: FaceChip) -> TrackEnded:
    """The end of a track whose own end never came."""
    return TrackEnded(
        key=chip.key,
        track_uid=chip.track_uid,
        frame_index=chip.frame_index,
        time_s=chip.time_s,
        last_seen_s=chip.time_s,
        captured_at=chip.captured_at,
        box=chip.box,
        frame_size=chip.frame_size,
        age_s=chip.age_s,
        received_s=chip.received_s,
        lossless=chip.lossless,
    )
