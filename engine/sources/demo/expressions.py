"""Expressions on a still face: its parts are moved by smooth displacement fields, an open mouth is painted.

Points are complex numbers, x + 1j * y, so that one multiplication turns and scales a face. In a face's own
coordinates the corners of the mouth are at -1 and 1, and y grows towards the chin.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.items import Image

Points = NDArray[np.complex128]
Layer = NDArray[np.float32]
Place = TypeVar("Place", complex, Points)

_STEP = 4
"""The fields are so smooth that every fourth pixel of them is computed and the rest interpolated."""
_LIP_LINE = np.array([-1, -0.8, -0.5, 0, 0.5, 0.8, 1])
_RIM = 12.0
"""Over so many pixels at its edge the region fades into the photo."""
_SOFT = 1.3
"""Width of a painted edge in pixels."""
_DEEP, _TONGUE, _TEETH = np.array(((34, 30, 70), (66, 72, 150), (160, 196, 238)), np.float32)
_FOLD = np.array((0.34, 0.27, 0.16), np.float32)
"""Share of blue, green and red that the darkest fold takes away."""
_FOLD_WIDTH = 0.085


@dataclass(frozen=True, slots=True)
class Face:
    """Where the parts of a face are, in pixels of the photo. Left is the left side of the picture."""

    left: complex
    """Corner of the mouth; so is `right`."""
    middle: complex
    """Middle of the line between the lips."""
    right: complex
    upper_lip: complex
    """Middle of its upper edge."""
    lower_lip: complex
    """Middle of its lower edge."""
    nose: complex
    """Where it meets the upper lip."""
    chin: complex
    eyes: tuple[complex, complex]
    brows: tuple[tuple[complex, complex, complex], tuple[complex, complex, complex]]
    """Left and right, each from its outer to its inner end."""

    def region(self, width: int, height: int) -> tuple[int, int, int, int]:
        """`x1, y1, x2, y2` of the square that moves, within a photo of `width` times `height`."""
        between = sum(self.eyes) / 2
        centre, reach = (between + self.chin) / 2, 1.25 * abs(self.chin - between)
        x, y = centre.real, centre.imag
        return (
            max(int(x - reach), 0),
            max(int(y - reach), 0),
            min(int(x + reach), width),
            min(int(y + reach), height),
        )

    @property
    def scale(self) -> complex:
        """From the middle of the mouth to its right corner."""
        return (self.right - self.left) / 2

    def own(self, place: Place) -> Place:
        """Pixels of the photo in the face's own coordinates."""
        return (place - (self.left + self.right) / 2) / self.scale


@dataclass(frozen=True, slots=True)
class Expression:
    """How far the parts of a face move, in halves of the mouth's width. All zero is the photo itself."""

    widen: float = 0.0
    """Corners of the mouth away from its middle."""
    raised: float = 0.0
    """Corners of the mouth up."""
    sag: float = 0.0
    """Middle of the mouth down."""
    drop: float = 0.0
    """Lower lip down: the mouth opens."""
    lift: float = 0.0
    """Upper lip up: the mouth opens."""
    thin: float = 0.0
    """Lower edge of the lower lip up."""
    jaw: float = 0.0
    """Chin down."""
    cheeks: float = 0.0
    """Cheeks and lower lids up."""
    inner_brows: float = 0.0
    """Inner ends of the brows up."""
    outer_brows: float = 0.0
    knit: float = 0.0
    """Inner ends of the brows towards each other."""
    folds: float = 0.0
    """Darkness of the folds from the nose to the mouth, 0..1."""
    roundness: float = 0.0
    """Shape of an open mouth, from 0, pointed at its corners, to 1, an ellipse. Independent of the amount."""
    teeth: float = 0.0
    """Height of the upper teeth that show in an open mouth. Independent of the amount."""

    def scaled(self, amount: float) -> "Expression":
        """This expression at `amount` of its strength, 0..1."""
        moves = {field.name: amount * getattr(self, field.name) for field in fields(self)}
        return replace(self, **{**moves, "roundness": self.roundness, "teeth": self.teeth})


def drawn(photo: Image, face: Face, expression: Expression) -> Image:
    """The face's region of `photo` (uint8 BGR) with `expression` on it, as a new image."""
    x1, y1, x2, y2 = face.region(photo.shape[1], photo.shape[0])
    columns, rows = np.meshgrid(np.arange(x1, x2), np.arange(y1, y2))
    pixels = columns + 1j * rows
    mouth = _Mouth(face, expression, face.own(pixels))
    upper, lower = (_moved(photo, face, expression, pixels, below) for below in (False, True))
    image = _mixed(upper, lower, mouth.below)
    if mouth.opens:
        image = _mixed(image, mouth.cavity(), mouth.inside())
    if expression.folds:
        image *= 1 - _folds(face, expression, mouth.own)[..., None] * _FOLD
    new: Image = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return new


def _mixed(one: Layer, other: Layer, share: Layer) -> Layer:
    mixed: Layer = one + (other - one) * share[..., None]
    return mixed


def _moved(photo: Image, face: Face, expression: Expression, pixels: Points, below: bool) -> Layer:
    """The region as everything on one side of the mouth's line moves: float32 `(H, W, 3)`."""
    height, width = pixels.shape
    points, shifts = np.array(list(_moves(face, expression, pixels, below))).T
    coarse = np.linspace(0, height - 1, height // _STEP)[:, None] * 1j + np.linspace(0, width - 1, width // _STEP)
    field = _thin_plate(points + shifts, shifts, face.own(coarse + pixels[0, 0])) * face.scale
    x, y = (cv2.resize(part.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
            for part in (field.real, field.imag))  # fmt: skip
    row, column = np.arange(height)[:, None], np.arange(width)
    edge = np.minimum(np.minimum(row, height - 1 - row), np.minimum(column, width - 1 - column))
    fade = np.clip(edge / _RIM, 0, 1)
    source = pixels - (x + 1j * y) * fade
    seen: Layer = cv2.remap(
        photo,
        source.real.astype(np.float32),
        source.imag.astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.float32)
    return seen


def _moves(face: Face, to: Expression, pixels: Points, below: bool) -> Iterator[tuple[complex, complex]]:
    """Points of the face in its own coordinates, and how far each moves; the edge of the region stays."""
    step = len(pixels) // 4
    for edge in (pixels[::step, 0], pixels[::step, -1], pixels[0, ::step], pixels[-1, ::step]):
        yield from ((place, 0j) for place in face.own(edge))
    still, line = _line(face, Expression(), _LIP_LINE, below), _line(face, to, _LIP_LINE, below)
    yield from zip(still, line - still, strict=True)
    if below:
        yield face.own(face.lower_lip), 1j * (0.6 * to.sag + to.drop - to.thin)
    else:
        yield face.own(face.upper_lip), 1j * (0.6 * to.sag - to.lift)
    yield face.own(face.nose), -0.2j * to.lift
    yield face.own(face.chin), 1j * to.jaw
    yield face.own(face.chin) + 0.6j, 0.3j * to.jaw
    for side, eye, brow in zip((-1, 1), face.eyes, face.brows, strict=True):
        yield side * 1.35 - 0.55j, side * 0.3 * to.widen - 1j * to.cheeks
        yield side * 1.45 + 0.35j, side * 0.2 * to.widen - 0.3j * to.raised
        centre = face.own(eye)
        for offset in (0, -0.38 + 0.05j, 0.38 + 0.05j, -0.15j):
            yield centre + offset, 0j
        yield centre + 0.15j, -0.15j * to.cheeks
        yield centre + 0.34j, -0.5j * to.cheeks
        for inwards, end in zip((0, 0.5, 1), brow, strict=True):
            up = to.outer_brows + (to.inner_brows - to.outer_brows) * inwards
            yield face.own(end), -side * inwards * to.knit - 1j * up
            yield face.own(end) - 0.55j, -0.4j * up


def _line(face: Face, to: Expression, along: NDArray[np.float64], below: bool) -> Points:
    """The edge of one lip at the opening: `along` runs from -1 to 1 between the corners of the mouth."""
    bow = 1 - along**2
    y = (face.own(face.middle).imag + to.sag) * bow - to.raised * np.abs(along) ** 1.5
    opening = (1 - to.roundness) * (1 - np.abs(along) ** 2.2) + to.roundness * np.sqrt(bow)
    points: Points = along * (1 + to.widen) + 1j * (y + (to.drop if below else -to.lift) * opening)
    return points


def _thin_plate(points: Points, values: Points, wanted: Points) -> Points:
    """The smoothest field through `values` at `points`, read off at `wanted` (Bookstein, 1989)."""
    flat, count = wanted.ravel(), len(points)

    def basis(at: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        squares = np.abs(at[:, None] - points) ** 2
        return squares * np.log(squares + 1e-12), np.column_stack([np.ones(len(at)), at.real, at.imag])

    kernel, plane = basis(points)
    system = np.block([[kernel + 1e-3 * np.eye(count), plane], [plane.T, np.zeros((3, 3))]])
    weights = np.linalg.solve(system, np.concatenate([values, np.zeros(3)]))
    kernel, plane = basis(flat)
    return np.reshape(kernel @ weights[:count] + plane @ weights[count:], wanted.shape)


class _Mouth:
    """Where the mouth is open, per pixel of the region. `own` are the pixels in the face's coordinates."""

    def __init__(self, face: Face, expression: Expression, own: Points) -> None:
        self.own = own
        self.opens = expression.drop + expression.lift > 0
        self._pixels = abs(face.scale)
        self._teeth = expression.teeth
        self._along = np.clip(own.real / (1 + expression.widen), -1, 1)
        upper, lower = (_line(face, expression, self._along, below).imag for below in (False, True))
        self._under_upper, self._over_lower, self._gap = own.imag - upper, lower - own.imag, lower - upper
        self.below = self._edge((self._under_upper - self._over_lower) / 2)

    def _edge(self, distance: NDArray[np.float64]) -> Layer:
        """0 outside, 1 inside, soft in between."""
        edge: Layer = np.clip(distance * self._pixels / _SOFT + 0.5, 0, 1).astype(np.float32)
        return edge

    def inside(self) -> Layer:
        """1 where the opening is, 0 elsewhere."""
        corners = np.clip((1 - np.abs(self._along)) * self._pixels / 1.5, 0, 1)
        height = np.clip(self._gap * self._pixels / 2, 0, 1)
        between = self._edge(self._under_upper) * self._edge(self._over_lower)
        inside: Layer = (between * corners * height).astype(np.float32)
        return inside

    def cavity(self) -> Layer:
        """Dark above, the tongue below, upper teeth where they show: float32 `(H, W, 3)`."""
        depth = np.clip(self._under_upper / np.maximum(self._gap, 1e-3), 0, 1)
        sides = np.abs(self._along)
        tongue = np.clip(2 * depth - 1, 0, 1) * np.clip(1.2 * (1 - sides), 0, 1)
        painted: Layer = _DEEP + (_TONGUE - _DEEP) * tongue[..., None].astype(np.float32)
        if not self._teeth:
            return painted
        row = self._edge(self._teeth * np.sqrt(1 - sides**2) - self._under_upper)
        row = row * np.clip(5 * (1 - sides), 0, 1).astype(np.float32)
        light = (1 - 0.32 * sides**2) * np.clip(0.75 + self._under_upper * self._pixels / 12, 0.75, 1)
        teeth: Layer = light[..., None].astype(np.float32) * _TEETH
        return _mixed(painted, teeth, row)


def _folds(face: Face, expression: Expression, own: Points) -> Layer:
    """Darkness 0..1 of the two folds between the nose and the corners of the mouth."""
    nose, mask = face.own(face.nose), np.zeros(own.shape, np.uint8)
    along = np.linspace(0, 1, 12)
    for side in (-1, 1):
        start = nose + side * 0.42 - 0.12j
        end = side * (1.22 + expression.widen) - 1j * (expression.raised - 0.05)
        bend = (start + end) / 2 + side * 0.18 - 0.12j
        curve = ((1 - along) ** 2 * start + 2 * along * (1 - along) * bend + along**2 * end - own[0, 0]) * face.scale
        # Fixed point with four bits of fraction: the fold glides between the pixels.
        line = np.rint(np.column_stack([curve.real, curve.imag]) * 16).astype(np.int32)
        cv2.polylines(mask, [line], False, 255, 1, cv2.LINE_AA, 4)
    sigma = _FOLD_WIDTH * abs(face.scale)
    # A line one pixel wide is 1 / (2.5 * sigma) of its height after the blur.
    blurred = cv2.GaussianBlur(mask.astype(np.float32), None, sigma) * np.float32(2.5 * sigma / 255)
    folds: Layer = np.minimum(expression.folds * blurred, 1)
    return folds
