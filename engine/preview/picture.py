"""A shot as a JPEG, and what is known of it in a few lines of text."""

import json
from dataclasses import dataclass
from typing import Any

import cv2

from engine.clock import Clock, SystemClock, rfc3339
from engine.events import Emotion, pixel_box
from engine.items import Image, TrackedFace
from engine.preview.blur import covers, hide
from engine.preview.shots import Shot

_CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture is to look. `width` in pixels, None for the frame's own; never more than that."""

    width: int | None = None
    quality: int = 80
    blur: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """A JPEG, and headers that tell of the frame: index, times, size, latency; `faces` is one more of them."""

    jpeg: bytes
    headers: tuple[tuple[str, str], ...]
    faces: str


def render(shot: Shot, look: Look, clock: Clock = _CLOCK) -> Rendered:
    """Takes some milliseconds; any thread. The shot itself stays as it is. `clock` is the one frames arrive by.

    Raises:
        ValueError: the picture is to be blurred, but the detector has not looked at it.
    """
    if look.blur and not shot.tracked.looked:
        raise ValueError("only a frame that the detector has looked at can be blurred")
    frame = shot.tracked.frame
    width, height = frame.size
    scale = min(1.0, (look.width or width) / width)
    image = _scaled(frame.image, scale)
    if look.blur:
        image = image.copy() if image is frame.image else image
        hide(image, covers(shot.tracked), scale)
    data = _jpeg(image, look.quality)
    headers = (
        ("X-Frame-Index", str(frame.index)),
        ("X-Time", f"{frame.time_s:.3f}"),
        ("X-Captured-At", rfc3339(frame.captured_at)),
        ("X-Frame-Size", f"{width}x{height}"),
        *_latency(frame.received_s, clock),
    )
    return Rendered(data, headers, faces_text(shot))


def _latency(received_s: float, clock: Clock) -> tuple[tuple[str, str], ...]:
    """Nothing for a recording: it never arrived."""
    if not received_s:
        return ()
    return (("X-Latency-Ms", str(max(0, round((clock.monotonic() - received_s) * 1000)))),)


def jpeg(image: Image, width: int, quality: int = 80) -> bytes:
    """`image` as it is, no face hidden, at most `width` pixels wide."""
    return _jpeg(_scaled(image, min(1.0, width / image.shape[1])), quality)


def _jpeg(image: Image, quality: int) -> bytes:
    data: bytes = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
    return data


def faces_text(shot: Shot) -> str:
    """`faces_of` as a JSON list in ASCII, on one line."""
    return json.dumps(faces_of(shot), separators=(",", ":"), ensure_ascii=True)


def faces_of(shot: Shot) -> list[dict[str, Any]]:
    """The confirmed tracks on the frame and what each shows; boxes in pixels of the frame."""
    tracked = shot.tracked
    return [_face(face, shot.emotion_of(face.key), tracked.frame.size) for face in tracked.faces if face.confirmed]


def _face(face: TrackedFace, emotion: Emotion | None, size: tuple[int, int]) -> dict[str, Any]:
    shown = emotion.after() if emotion else {}
    return {
        "track_id": face.key.track_id,
        "track_uid": face.track_uid,
        "bbox": pixel_box(face.detection.box, size),
        "label": shown.get("label"),
        "confidence": shown.get("confidence"),
        "scores": shown.get("scores", {}),
        **({"reason": emotion.reason, "gated": list(emotion.gates)} if emotion and emotion.reason else {}),
    }


def _scaled(image: Image, scale: float) -> Image:
    if scale >= 1:
        return image
    height, width = image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    smaller: Image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return smaller
