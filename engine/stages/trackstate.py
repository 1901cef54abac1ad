"""What one track is judged to show: scores smoothed, a label decided by evidence, and given up with it."""

from collections import deque
from dataclasses import replace
from typing import Literal

import numpy as np

from engine.events import Emotion, Reason
from engine.fields import Positive, Seconds, Unit, presets, settings
from engine.items import EmotionScores, Floats
from engine.stages.evidence import CLEAR, Evidence, Rivals
from engine.stages.resting import RestingFace

_EPSILON_S = 1e-6
_PAUSE_S = 0.25
"""A pause between two readings counts for this long at most, or for half of `min_dwell_s`."""
_LOOKS = 3
PRESETS: dict[str, dict[str, float]] = {
    "calm": {"half_life_s": 1.0, "min_dwell_s": 0.8, "min_confidence": 0.35, "margin": 0.07},
    "balanced": {},
    "quick": {"half_life_s": 0.3, "min_dwell_s": 0.25, "margin": 0.03},
}
"""What each preset sets; the other keys keep their defaults. `balanced` are the defaults."""


@settings
class SmoothConfig:
    """All times are in seconds of the stream's clock, so that events do not depend on the frame rate."""

    preset: Literal["calm", "balanced", "quick"] = "balanced"
    """Values for the keys that are not given."""
    half_life_s: Seconds = 0.6
    """Of the scores that are told: after this time an old reading weighs half as much as a new one."""
    min_dwell_s: Seconds = 0.5
    """Clear evidence for another emotion is decided on within this time, strong evidence sooner, weak later.
    No label is left sooner than this after it was told. 0 takes each reading as it comes."""
    min_confidence: Unit = 0.3
    """A reading speaks for an emotion from this score on. A label is given up, for none, at half of it."""
    margin: Unit = 0.05
    """A reading speaks for another emotion when it leads the present one by this much: hysteresis."""
    hold_s: Seconds = 1.0
    """A face that could not be read for this long has no label any more."""
    own_neutral: bool = False
    """Scores are read against the track's own resting face, once it has been read for ten seconds."""
    update_s: Positive = 1.0
    """Shortest time between two `update` events of a track."""
    state_ttl_s: Positive = 30.0
    """A track without a sign of life for this long is given up."""

    _by_preset = presets(PRESETS)


class TrackState:
    """One track's filter and state machine.

    The scores told are an exponential moving average whose weight follows elapsed time:
    `s <- s + (1 - 2^(-dt / half_life)) * (reading - s)`. The label follows the evidence (`Evidence`) and is
    given up when nothing could be read for `hold_s`. Where a source is looked at less often than that, a label is
    held for one and a half of its intervals.
    """

    def __init__(self, config: SmoothConfig, time_s: float) -> None:
        self._config = config
        self._labels: tuple[str, ...] = ()
        self._scores: Floats | None = None
        self._evidence: Evidence | None = None
        self._resting = RestingFace()
        self._read_s = time_s
        self._label: int | None = None
        self._led = 0.0
        self._told_s: float | None = None
        self._given_up: Reason | None = None
        self._gates: tuple[str, ...] = ()
        self._looked_s: float | None = None
        self._intervals: deque[float] = deque(maxlen=_LOOKS)
        self.since_s = time_s
        """When the evidence for the present judgement began."""

    @property
    def waits(self) -> bool:
        """Whether there are scores of a moment ago: what was not read just now may be read in the next."""
        return self._scores is not None

    def look(self, time_s: float) -> None:
        """The detector looked for the face, whether it could be read or not."""
        if self._looked_s is not None:
            self._intervals.append(time_s - self._looked_s)
        self._looked_s = time_s

    def lapse(self, time_s: float, reason: Reason, gates: tuple[str, ...] = ()) -> Emotion | None:
        """Give up what has not been read for `hold_s`; returns the emotion left behind where a label was told."""
        if self._scores is None:
            if self._given_up:
                self._given_up, self._gates = reason, gates
            return None
        if time_s - self._read_s < self._hold_s() - _EPSILON_S:
            return None
        left = self.before(self._read_s)
        told = self._label is not None
        self._scores = self._label = self._evidence = None
        self._given_up, self._gates, self.since_s = reason, gates, self._read_s
        if told:
            self._told_s = time_s
        return left if told else None

    def read(self, scores: EmotionScores, time_s: float) -> Emotion | None:
        """Take one reading; returns the emotion left behind when the label changes, else None.

        The first decision leaves behind an emotion whose label is None.
        """
        gap_s = time_s - self._read_s
        self._read_s = time_s
        if self._config.own_neutral:
            scores = self._resting.read(scores, time_s)
        if self._scores is None or self._evidence is None:
            self._begin(scores, time_s)
        else:
            half_life_s = self._config.half_life_s
            weight = 1.0 - 0.5 ** (gap_s / half_life_s) if half_life_s else 1.0
            self._scores = self._scores + np.float32(weight) * (scores.values - self._scores)
            counted_s = min(gap_s, max(_PAUSE_S, self._config.min_dwell_s / 2))
            self._evidence.add(scores.values, time_s, counted_s, self._rivals())
        return self._decide(scores, time_s)

    def adopt(self, config: SmoothConfig) -> None:
        """Go on with these settings, from where the filter is."""
        self._config = config

    def emotion(self, time_s: float) -> Emotion | None:
        """The present judgement; None before the first reading."""
        if self._scores is None:
            unread_s = max(0.0, time_s - self.since_s)
            return Emotion(None, 0.0, unread_s, {}, self._given_up, self._gates) if self._given_up else None
        reason: Reason = "undecided" if self._told_s is None or self._given_up else "faded"
        shown = int(self._scores.argmax()) if self._label is None else self._label
        return Emotion(
            label=None if self._label is None else self._labels[self._label],
            confidence=float(self._scores[shown]),
            dwell_s=max(0.0, min(time_s, self._read_s) - self.since_s),
            scores=dict(zip(self._labels, (float(value) for value in self._scores), strict=True)),
            reason=reason if self._label is None else None,
        )

    def before(self, time_s: float) -> Emotion | None:
        """The judgement as something that is over: its confidence is the last with which it led unchallenged."""
        now = self.emotion(time_s)
        return now if now is None or now.label is None else replace(now, confidence=self._led)

    def _hold_s(self) -> float:
        usual_s = min(self._intervals) if len(self._intervals) == _LOOKS else 0.0
        return max(self._config.hold_s, 1.5 * usual_s, _PAUSE_S)

    def _rivals(self) -> Rivals:
        return Rivals(self._label, self._config.min_confidence, self._config.margin)

    def _begin(self, scores: EmotionScores, time_s: float) -> None:
        self._labels, self._scores = scores.labels, scores.values.copy()
        self._evidence = Evidence(len(scores.labels))
        self._evidence.begin(scores.values, time_s, self._rivals())
        self.since_s = time_s

    def _decide(self, scores: EmotionScores, time_s: float) -> Emotion | None:
        assert self._evidence is not None and self._scores is not None
        challenger = self._evidence.proven(CLEAR * self._config.min_dwell_s - _EPSILON_S)
        held_s = np.inf if self._told_s is None else time_s - self._told_s
        if challenger is None or held_s < self._config.min_dwell_s - _EPSILON_S:
            if self._label is not None and not self._evidence.challenged:
                self._led = float(self._scores[self._label])
            return None
        since_s = self._evidence.since_s(challenger)
        left = self.before(since_s)
        self._label = None if challenger == len(self._labels) else challenger
        self._scores = self._evidence.mean(challenger)
        self._led = 0.0 if self._label is None else float(self._scores[self._label])
        self.since_s, self._told_s, self._given_up = since_s, time_s, None
        self._evidence.begin(scores.values, time_s, self._rivals())
        return left
