"""Making faces unrecognisable: each becomes a few smooth patches of colour."""

import math
from collections.abc import Iterable

import cv2

from engine.items import Box, Image, TrackedFace
from engine.stages.track import TrackedFrame

MARGIN = 0.3
"""So much of a box's width and height is hidden on each side of it: hair, ears, chin."""
CELLS = 4
"""So many patches are left across the longer side of a face, whatever its size in pixels."""


def covers(tracked: TrackedFrame) -> tuple[Box, ...]:
    """Boxes that together hold every face the detector or the tracker knows in this frame, confirmed or not.

    Of a face that was not seen in it: all from where it was last to where it should be by now. Places that only may be
    faces are among them: hiding needs less certainty than tracking.
    """
    return (*(_cover(face) for face in tracked.faces), *tracked.astray, *tracked.faint)


def _cover(face: TrackedFace) -> Box:
    box, seen = face.detection.box, face.seen_box
    if seen is None:
        return box
    return min(box[0], seen[0]), min(box[1], seen[1]), max(box[2], seen[2]), max(box[3], seen[3])


def hide(image: Image, boxes: Iterable[Box], scale: float = 1.0) -> None:
    """Hide what is in `boxes` and around them, in place; `image` is `scale` times the frame they belong to."""
    for box in boxes:
        x1, y1, x2, y2 = (side * scale for side in box)
        margin_x, margin_y = MARGIN * (x2 - x1), MARGIN * (y2 - y1)
        left, top = max(0, math.floor(x1 - margin_x)), max(0, math.floor(y1 - margin_y))
        region = image[top : max(0, math.ceil(y2 + margin_y)), left : max(0, math.ceil(x2 + margin_x))]
        if region.size:
            _smear(region, max(x2 - x1, y2 - y1) / CELLS)


def _smear(region: Image, cell: float) -> None:
    """Average over patches of about `cell` pixels, rather larger, and blend from patch to patch."""
    height, width = region.shape[:2]
    patches = (max(1, int(width / cell)), max(1, int(height / cell)))
    few = cv2.resize(region, patches, interpolation=cv2.INTER_AREA)
    region[:] = cv2.resize(few, (width, height), interpolation=cv2.INTER_LINEAR)
