"""Smoothing: readings flicker, events must not. A filter and a state machine per track, on stream time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.events import Emotion, EventBuilder, Reason
from engine.items import (
    EmotionEvent,
    EmotionScores,
    FaceChip,
    Reading,
    SourceStatus,
    TrackEnded,
    TrackKey,
    Unseen,
)
from engine.stages.doubt import Doubt
from engine.stages.trackstate import SmoothConfig, TrackState

__all__ = ["Observer", "Smooth", "SmoothConfig"]

_EPSILON_S = 1e-6
_SILENT_STATES = {"connecting"}

Observer = Callable[[FaceChip | Unseen, Emotion | None], None]


@dataclass(slots=True)
class _Track:
    state: TrackState
    chip: FaceChip
    event_s: float
    doubt: Doubt | None
    """What speaks against its being a face; None once it has been told."""


class Smooth:
    """The stage: readings and markers in, numbered events out."""

    def __init__(self, config: SmoothConfig, builder: EventBuilder, observer: Observer | None = None) -> None:
        self._config = self._wanted = config
        self._builder = builder
        self._observer = observer
        self._tracks: dict[TrackKey, _Track] = {}
        self._swept_s: dict[str, float] = {}
        self.rejected = 0
        """Tracks that were never told, since they are no faces (`Doubt`). Any thread may read it."""

    def process(self, items: Sequence[Reading | Unseen | TrackEnded | SourceStatus]) -> Sequence[EmotionEvent]:
        self._take_over()
        events: list[EmotionEvent] = []
        for item in items:
            if isinstance(item, Reading):
                events += self._read(item.chip, item.scores)
                events += self._sweep(item.chip)
            elif isinstance(item, Unseen):
                events += self._miss(item)
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

    def _read(self, chip: FaceChip, scores: EmotionScores | None) -> list[EmotionEvent]:
        track = self._tracks.get(chip.key)
        if track is None:
            state = TrackState(self._config, chip.time_s)
            track = self._tracks[chip.key] = _Track(state, chip, chip.time_s, Doubt())
        track.chip, state = chip, track.state
        fresh = track.doubt is not None
        if track.doubt:
            track.doubt.see(chip)
            if not (scores or track.doubt.is_gone):
                return []
            track.doubt = None
        state.look(chip.time_s)
        # A readable chip after a pause: nobody saw the face meanwhile.
        events = self._lapse(track, chip, "unreadable" if chip.quality.gated else "unseen", chip.quality.gated)
        left = state.read(scores, chip.time_s) if scores else None
        now = state.emotion(chip.time_s)
        if self._observer:
            self._observer(chip, now)
        if fresh:
            events.append(self._builder.of_track("new", chip, None, left or now))
        if left:
            events.append(self._changed(chip, left if left.label else None, now, state.since_s))
        elif not events and self._is_due(track, chip.time_s) and (scores or not state.waits):
            events.append(self._builder.of_track("update", chip, None, now))
        if events:
            track.event_s = chip.time_s
        return events

    def _miss(self, unseen: Unseen) -> list[EmotionEvent]:
        """Time passes for a face that is not seen."""
        track = self._tracks.get(unseen.key)
        if track is None:
            return []
        if unseen.looked:
            track.state.look(unseen.time_s)
        events = self._lapse(track, unseen, "unseen")
        if self._observer and not track.doubt:
            self._observer(unseen, track.state.emotion(unseen.time_s))
        return events

    def _lapse(
        self, track: _Track, seen: FaceChip | Unseen, reason: Reason, gates: tuple[str, ...] = ()
    ) -> list[EmotionEvent]:
        """The event of a label that has outlived its evidence."""
        left = track.state.lapse(seen.time_s, reason, gates)
        if left is None:
            return []
        track.event_s = seen.time_s
        return [self._changed(seen, left, track.state.emotion(seen.time_s), track.state.since_s)]

    def _changed(
        self, seen: FaceChip | Unseen, before: Emotion | None, now: Emotion | None, since_s: float
    ) -> EmotionEvent:
        return self._builder.of_track("emotion_changed", seen, before, now, since_s)

    def _is_due(self, track: _Track, time_s: float) -> bool:
        return time_s - track.event_s >= self._config.update_s - _EPSILON_S

    def _end(self, ended: TrackEnded) -> list[EmotionEvent]:
        track = self._tracks.pop(ended.key, None)
        if track is None:
            return []
        events = []
        if track.doubt:
            if track.doubt.disagrees:
                self.rejected += 1
                return []
            events.append(self._builder.of_track("new", track.chip, None, None))
        before = track.state.before(ended.last_seen_s)
        return [*events, self._builder.of_track("end", ended, before, None)]

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
