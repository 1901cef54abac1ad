"""Drawing: boxes, track ids, labels and a small emotion bar on a frame."""

from dataclasses import dataclass

import cv2
import numpy as np

from engine.events import Emotion
from engine.items import Box, Image
from engine.words import unread

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_DARK, _LIGHT, _UNSURE = (24, 24, 24), (245, 245, 245), (150, 150, 150)
_COLOURS: dict[str, tuple[int, int, int]] = {  # BGR
    "neutral": (190, 180, 170),
    "happiness": (60, 200, 250),
    "surprise": (220, 160, 60),
    "sadness": (200, 110, 70),
    "anger": (60, 60, 230),
    "disgust": (80, 170, 90),
    "fear": (190, 80, 170),
    "contempt": (110, 150, 200),
}


@dataclass(frozen=True, slots=True)
class FaceMark:
    """What is drawn for one face: `emotion` None before the first reading."""

    track_id: int
    box: Box
    predicted: bool
    emotion: Emotion | None
    gated: tuple[str, ...] = ()


def colour_of(label: str | None) -> tuple[int, int, int]:
    """The BGR colour of an emotion, grey for one that is undecided or unknown here."""
    return _COLOURS.get(label or "", _UNSURE)


def annotate(image: Image, marks: tuple[FaceMark, ...]) -> Image:
    """A copy of `image`, uint8 `(H, W, 3)` BGR, with every mark drawn on it."""
    drawn = np.ascontiguousarray(image).copy()
    scale = min(max(min(drawn.shape[:2]) / 720, 0.75), 2.5)
    for mark in marks:
        _draw(drawn, mark, scale)
    return drawn


def fitted(image: Image, width: int, height: int) -> Image:
    """`image` as large as fits into `width` times `height`, in the middle of black; itself where it has that size."""
    high, wide = image.shape[:2]
    if (wide, high) == (width, height):
        return image
    scale = min(width / wide, height / high)
    size = (max(round(wide * scale), 1), max(round(high * scale), 1))
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas[top : top + size[1], left : left + size[0]] = cv2.resize(image, size, interpolation=way)
    return canvas


def _draw(image: Image, mark: FaceMark, scale: float) -> None:
    x1, y1, x2, y2 = (round(value) for value in mark.box)
    colour = colour_of(mark.emotion.label if mark.emotion else None)
    cv2.rectangle(image, (x1, y1), (x2, y2), colour, max(1, round((1 if mark.predicted else 2) * scale)), cv2.LINE_AA)
    _tag(image, _words(mark), (x1, y1), colour, scale)
    if mark.emotion and mark.emotion.scores:
        _bars(image, mark.emotion, (x2 + round(6 * scale), y1 + round(4 * scale)), scale)


def _words(mark: FaceMark) -> str:
    """The label with its score where it leads, or why there is none."""
    emotion = mark.emotion
    if emotion and emotion.label:
        return f"{mark.track_id} {emotion.label}" + ("" if emotion.sure is None else f" {emotion.sure:.0%}")
    return f"{mark.track_id} {unread(emotion.after() if emotion else {}, mark.gated) or '...'}"


def _tag(image: Image, words: str, corner: tuple[int, int], colour: tuple[int, int, int], scale: float) -> None:
    """Words on a filled strip above the box, moved so that they stay inside the picture."""
    size, pad = 0.55 * scale, round(4 * scale)
    (width, height), base = cv2.getTextSize(words, _FONT, size, 1)
    left = min(max(corner[0], 0), max(0, image.shape[1] - width - 2 * pad))
    bottom = max(corner[1], height + base + 2 * pad)
    cv2.rectangle(image, (left, bottom - height - base - pad), (left + width + 2 * pad, bottom), colour, cv2.FILLED)
    cv2.putText(
        image, words, (left + pad, bottom - base), _FONT, size, _readable_on(colour), max(1, round(scale)), cv2.LINE_AA
    )


def _readable_on(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    blue, green, red = colour
    return _DARK if 0.114 * blue + 0.587 * green + 0.299 * red > 120 else _LIGHT


def _bars(image: Image, emotion: Emotion, corner: tuple[int, int], scale: float) -> None:
    """One horizontal bar per class, most of its length where the score is."""
    step, length, thick = round(9 * scale), round(56 * scale), round(6 * scale)
    left, top = corner
    left = min(max(left, 0), max(0, image.shape[1] - length))
    top = min(max(top, 0), max(0, image.shape[0] - step * len(emotion.scores)))
    panel = image[top : top + step * len(emotion.scores), left : left + length]
    panel[:] = panel // 2
    for row, (label, score) in enumerate(emotion.scores.items()):
        y = top + row * step
        right = left + max(1, round(length * score))
        cv2.rectangle(image, (left, y), (right, y + thick), colour_of(label), cv2.FILLED)
