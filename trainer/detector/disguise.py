"""Against shortcuts: gray portraits in skin colours, and cut-outs that are no faces.

Many portraits are gray press photos; laid over coloured grounds their colour and their edges would say "face".
"""

import cv2
import numpy as np

from engine.items import Box, Image
from trainer.detector.layers import Scene, placing, shared
from trainer.detector.pictures import Picture, PictureSet

Random = np.random.Generator
_PALEST, _DARKEST = np.array((0.85, 0.92, 1.0)), np.array((0.5, 0.68, 1.0))
"""Of skin, blue and green for each red."""
_STEP = 16


def tinted(image: Image, random: Random) -> Image:
    """A gray picture in a skin colour, others as they are. uint8 BGR `(H, W, 3)`."""
    few = image[::_STEP, ::_STEP].astype(np.int16)
    if np.abs(few - few[..., :1]).max(initial=0) > 8:
        return image
    tone = _DARKEST + (_PALEST - _DARKEST) * random.random() + random.uniform(-0.04, 0.04, 3)
    # Of the same brightness as before: the weights of blue, green and red in gray.
    tone /= tone @ (0.114, 0.587, 0.299)
    table = np.clip(np.arange(256)[:, None] * tone, 0, 255).astype(np.uint8)
    coloured: Image = cv2.LUT(image, table.reshape(1, 256, 3))
    return coloured


def decoy(scene: Scene, pictures: PictureSet, number: int, side: float, random: Random) -> None:
    """Lay a turned piece of picture `number`, one without faces, over `scene` where it covers no face: about
    `side` pixels wide, and half of the time gray."""
    whole = pictures.image(number)
    height, width = whole.shape[:2]
    high, wide = max(int(height * random.uniform(0.2, 0.6)), 4), max(int(width * random.uniform(0.2, 0.6)), 4)
    top, left = random.integers(height - high + 1), random.integers(width - wide + 1)
    piece = whole[top : top + high, left : left + wide]
    if random.random() < 0.5:
        piece = cv2.cvtColor(cv2.cvtColor(piece, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        piece = tinted(piece, random) if random.random() < 0.3 else piece
    size = scene.image.shape[0]
    x, y = random.uniform(0, size, 2)
    box: Box = (x - side, y - side, x + side, y + side)
    if any(shared(face.box, box) for face in scene.faces):
        return
    nobody = Picture("", "", "train", wide, high, (), (), 0)
    turn = float(np.radians(random.normal(0, 15)))
    matrix = placing((wide / 2, high / 2), (x, y), side / max(wide, high), turn, False)
    scene.put(piece, nobody, matrix, scene.whole, 0, covers=False)
