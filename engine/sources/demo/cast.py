"""Who is in the demo's photo, and when each of them puts on which expression."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2

from engine.items import Image
from engine.sources.demo.expressions import Expression, Face, drawn

SIZE = (1280, 886)
"""Width and height of the photo that the places below belong to."""
CYCLE_S = 40.0
_RISE_S = 1.0
"""An expression comes and goes within this time."""
_LEVELS = 8
"""Drawn strengths of an expression; those in between are mixed from their neighbours."""

WOMAN_LEFT = Face(
    left=114 + 371.5j,
    middle=131.5 + 362.5j,
    right=149 + 351.5j,
    upper_lip=126 + 356j,
    lower_lip=134 + 373j,
    nose=117 + 349j,
    chin=126 + 396j,
    eyes=(83 + 331j, 129 + 309j),
    brows=((67 + 318j, 82 + 311j, 98 + 315j), (139 + 294j, 126 + 289j, 111 + 301j)),
)
MAN_LEFT = Face(
    left=482 + 367j,
    middle=509 + 385j,
    right=541 + 378j,
    upper_lip=509 + 377j,
    lower_lip=509 + 397j,
    nose=509 + 369j,
    chin=503 + 413j,
    eyes=(492 + 320j, 541 + 332j),
    brows=((478 + 305j, 490 + 307j, 506 + 314j), (560 + 329j, 542 + 323j, 527 + 324j)),
)
WOMAN_RIGHT = Face(
    left=1153 + 366j,
    middle=1172 + 367.5j,
    right=1197 + 364j,
    upper_lip=1170 + 363j,
    lower_lip=1172 + 378j,
    nose=1167 + 354j,
    chin=1178 + 400j,
    eyes=(1150 + 327j, 1194 + 325j),
    brows=((1141 + 311j, 1150 + 311j, 1159 + 315j), (1206 + 310j, 1192 + 308.5j, 1180 + 311j)),
)

# Measured with the shipped detector and emotion models and with others' models, at each zoom of the demo's camera.
HAPPINESS = Expression(widen=0.23, raised=0.24, cheeks=0.17, folds=0.45, drop=0.22, lift=0.04, teeth=0.4)
SADNESS = Expression(
    widen=-0.05, raised=-0.15, sag=0.04, cheeks=-0.12, inner_brows=0.2, outer_brows=-0.14, thin=0.12, knit=0.1
)
SURPRISE = Expression(
    widen=-0.44, raised=0.02, drop=0.38, lift=0.06, jaw=0.27, inner_brows=0.18, outer_brows=0.32, roundness=0.7
)
AMAZEMENT = Expression(
    widen=-0.5, raised=-0.2, sag=-0.08, drop=0.52, lift=0.13, jaw=0.36, cheeks=-0.07, inner_brows=0.18,
    outer_brows=0.28, roundness=0.8,
)  # fmt: skip
SOBERNESS = Expression(widen=-0.26, raised=-0.36, sag=-0.13, cheeks=-0.22, thin=0.1, inner_brows=0.02)


@dataclass(frozen=True, slots=True)
class Act:
    """One expression of one face, from `begin_s` to `end_s` of the cycle."""

    face: Face
    expression: Expression
    begin_s: float
    end_s: float

    def amount(self, time_s: float) -> float:
        """Strength of the expression, 0..1, `time_s` into the cycle."""
        share = min(max(min(time_s - self.begin_s, self.end_s - time_s) / _RISE_S, 0.0), 1.0)
        return share * share * (3 - 2 * share)


# A face acts while the demo's camera shows it. Between its acts it looks as in the photo.
ACTS = (
    Act(WOMAN_RIGHT, SADNESS, 3.0, 8.0),
    Act(WOMAN_RIGHT, SURPRISE, 11.5, 16.0),
    Act(MAN_LEFT, AMAZEMENT, 15.5, 20.0),
    Act(WOMAN_LEFT, HAPPINESS, 20.5, 26.0),
    Act(MAN_LEFT, SOBERNESS, 27.0, 32.0),
    Act(WOMAN_LEFT, HAPPINESS, 30.0, 35.5),
)


class Cast:
    """The photo with what its faces do at a moment. One thread.

    Each strength of an expression is drawn when it is first needed and kept: 0.1 MB each, 6 MB in all.
    """

    def __init__(self, photo: Image, acts: Sequence[Act] = ACTS) -> None:
        self._photo, self._acts = photo, acts
        self._canvas = photo.copy()
        self._touched: list[Face] = []
        self._drawn: dict[tuple[Face, Expression, int], Image] = {}

    def at(self, time_s: float) -> Image:
        """The photo at `time_s`, always the same for the same moment; valid until the next call."""
        for face in self._touched:
            self._part(self._canvas, face)[:] = self._part(self._photo, face)
        self._touched = []
        for act in self._acts:
            if amount := act.amount(time_s % CYCLE_S):
                self._part(self._canvas, act.face)[:] = self._patch(act, amount * _LEVELS)
                self._touched.append(act.face)
        return self._canvas

    def _patch(self, act: Act, level: float) -> Image:
        low = min(int(level), _LEVELS - 1)
        share = level - low
        mixed: Image = cv2.addWeighted(self._level(act, low), 1 - share, self._level(act, low + 1), share, 0)
        return mixed

    def _level(self, act: Act, level: int) -> Image:
        key = (act.face, act.expression, level)
        if key not in self._drawn:
            self._drawn[key] = drawn(self._photo, act.face, act.expression.scaled(level / _LEVELS))
        return self._drawn[key]

    def _part(self, image: Image, face: Face) -> Image:
        x1, y1, x2, y2 = face.region(*SIZE)
        return image[y1:y2, x1:x2]
