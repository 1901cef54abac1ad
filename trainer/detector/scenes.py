"""Scenes to learn from, composed of labelled pictures: one face large or small, mosaics, crowds, and nobody.

The pictures at hand are portraits, one face each and of one size; cameras show many faces and small ones.
Mosaics are those of Bochkovskiy et al. 2020 (YOLOv4, arXiv 2004.10934), pasting is that of Ghiasi et al. 2021
(arXiv 2012.07177), here with a soft edge and with labels that say what is covered.
"""

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np

from engine.errors import ConfigError
from engine.fields import NonNegative, Positive, Unit, settings
from engine.items import Box, Image
from trainer.detector import layers
from trainer.detector.disguise import decoy, tinted
from trainer.detector.distort import DistortConfig, distort
from trainer.detector.layers import Scene, placing
from trainer.detector.occlude import OccludeConfig, occlude
from trainer.detector.pictures import Face, PictureSet, Split
from trainer.detector.texture import texture

Random = np.random.Generator
_TRIES = 8
_UNFOCUSED = (2.0, 12.0)
"""Deviation of the blur in pixels."""
_WITHIN = 0.85
"""The part of a single face that is kept from the scene's edge; cameras cut faces off as well."""


@settings
class SceneConfig:
    """What scenes are made of. The shares need not add up to 1.

    Faces have a side (the root of their area) of `smallest` to `largest` pixels, evenly over the logarithm, but no
    picture is enlarged more than `enlarge` times; smaller ones are ignored regions. A face smaller than `sure` pixels
    need not be scored as high as others, at half of it half as high: much of what is small and round looks like one.
    `turn` is the standard deviation of their tilt in degrees; `tilted_share` of them are turned by anything up to
    `tilt`, as of people who lie down, or before a camera that hangs askew.

    Of the pictures with faces, stills (alone in their group) are drawn `still_share` of the time, frames of clips for
    the rest, every clip as often as any other. Of gray pictures `tint_share` get the colour of skin; `decoys` is how
    many pieces without a face lie about, on average, `drawn_share` of the grounds are drawn textures, and
    `unfocused_share` are as far out of focus as rooms behind a face are."""

    single: NonNegative = 0.4
    mosaic: NonNegative = 0.3
    crowd: NonNegative = 0.2
    zoom: NonNegative = 0.05
    nobody: NonNegative = 0.05
    smallest: Positive = 8
    enlarge: Positive = 2.5
    sure: NonNegative = 0
    largest: Positive = 310
    turn: NonNegative = 12
    tilted_share: Unit = 0.0
    tilt: NonNegative = 120
    still_share: Unit = 0.65
    tint_share: Unit = 0.6
    decoys: NonNegative = 1.5
    drawn_share: Unit = 0.0
    unfocused_share: Unit = 0.0
    occlude: OccludeConfig = OccludeConfig()
    distort: DistortConfig = DistortConfig()

    @property
    def shares(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in ("single", "mosaic", "crowd", "zoom", "nobody")}


class Composer:
    """Composes square scenes of `size` pixels from the pictures of one split.

    Raises:
        ConfigError: the split has no picture with a face.
    """

    def __init__(self, pictures: PictureSet, split: Split, size: int, config: SceneConfig) -> None:
        self.pictures, self.size, self.config = pictures, size, config
        numbers = pictures.of(split)
        held = [number for number in numbers if pictures.pictures[number].faces]
        if not held:
            raise ConfigError(f"data: split {split!r} holds no picture with a face to compose scenes of")
        self._empty = [n for n in numbers if not (pictures.pictures[n].faces or pictures.pictures[n].ignored)]
        groups = _by_group(pictures, held)
        self._stills = [group[0] for group in groups if len(group) == 1]
        self._clips = [group for group in groups if len(group) > 1]
        makers: Mapping[str, Callable[[Scene, Random], None]] = {
            "single": self._single,
            "mosaic": self._mosaic,
            "crowd": self._crowd,
            "zoom": self._zoom,
            "nobody": lambda _scene, _random: None,
        }
        total = sum(config.shares.values())
        self._makers = list(makers.values())
        self._shares = [config.shares[name] / total for name in makers]

    def compose(self, random: Random) -> Scene:
        """A new scene, everything about it drawn from `random`."""
        scene = Scene(self._ground(random))
        self._makers[int(random.choice(len(self._makers), p=self._shares))](scene, random)
        self._lay_decoys(scene, random)
        occlude(scene.image, scene.faces, self.config.occlude, random)
        scene.clean = scene.image
        scene.image = distort(scene.image, self.config.distort, random)
        return scene

    def _lay_decoys(self, scene: Scene, random: Random) -> None:
        for _ in range(random.poisson(self.config.decoys) if self._empty else 0):
            side = float(np.exp(random.uniform(np.log(self.config.smallest), np.log(self.size / 2))))
            decoy(scene, self.pictures, self._empty[random.integers(len(self._empty))], side, random)

    def _image(self, number: int, random: Random) -> Image:
        image = self.pictures.image(number)
        return tinted(image, random) if random.random() < self.config.tint_share else image

    def _draw(self, random: Random) -> int:
        """The number of a picture with a face: a still, or a frame of any clip."""
        if not self._clips or (self._stills and random.random() < self.config.still_share):
            return self._stills[random.integers(len(self._stills))]
        clip = self._clips[random.integers(len(self._clips))]
        return clip[random.integers(len(clip))]

    def _ground(self, random: Random) -> Image:
        ground = self._sharp_ground(random)
        if self.config.unfocused_share and random.random() < self.config.unfocused_share:
            ground = cv2.GaussianBlur(ground, (0, 0), float(np.exp(random.uniform(*np.log(_UNFOCUSED)))))
        return ground

    def _sharp_ground(self, random: Random) -> Image:
        """A picture without faces that fills the scene, or a plain colour where there is none (and at times)."""
        if self.config.drawn_share and random.random() < self.config.drawn_share:
            return texture(self.size, random)
        canvas = np.empty((self.size, self.size, 3), np.uint8)
        canvas[:] = random.integers(0, 256, 3) if random.random() < 0.5 else random.integers(0, 256)
        if not self._empty or random.random() < 0.1:
            return canvas
        number = self._empty[random.integers(len(self._empty))]
        picture = self.pictures.pictures[number]
        cover = self.size / min(picture.width, picture.height)
        ground = Scene(canvas)
        matrix = self._anywhere(picture.width, picture.height, cover * random.uniform(1, 1.6), random)
        ground.put(self.pictures.image(number), picture, matrix, ground.whole, 0)
        return ground.image

    def _anywhere(self, width: int, height: int, scale: float, random: Random) -> layers.Matrix:
        """A matrix under which a picture of that size, at least as large as the scene, covers it."""
        spare_x, spare_y = max(width * scale - self.size, 0), max(height * scale - self.size, 0)
        target = (-random.uniform(0, 1) * spare_x, -random.uniform(0, 1) * spare_y)
        flip = bool(random.random() < 0.5)
        return placing((width if flip else 0, 0), target, scale, 0, flip)

    def _single(self, scene: Scene, random: Random) -> None:
        """One picture, one of its faces of a drawn size at a drawn place."""
        number = self._draw(random)
        picture = self.pictures.pictures[number]
        face = picture.faces[random.integers(len(picture.faces))]
        side = self._side(random)
        scale = min(side / _side_of(face), self.config.enlarge)
        half = min(_WITHIN * scale * _side_of(face) / 2, self.size / 2 - 1)
        target = tuple(random.uniform(half, self.size - half, 2))
        matrix = self._turned(_centre(face), target, scale, random)
        scene.put(self._image(number, random), picture, matrix, scene.whole, self.config.smallest)

    def _mosaic(self, scene: Scene, random: Random) -> None:
        """A grid of 2x2 to 9x9 pictures; some cells stay as they are."""
        cells = int(random.choice([2, 3, 4, 5, 6, 7, 8, 9]))
        edges = np.linspace(0, self.size, cells + 1).round().astype(int)
        for row in range(cells):
            for column in range(cells):
                if random.random() < 0.15:
                    continue
                region = (int(edges[column]), int(edges[row]), int(edges[column + 1]), int(edges[row + 1]))
                self._fill(scene, region, random)

    def _fill(self, scene: Scene, region: layers.Region, random: Random) -> None:
        number = self._draw(random)
        picture = self.pictures.pictures[number]
        face = picture.faces[random.integers(len(picture.faces))]
        x1, y1, x2, y2 = region
        scale = (x2 - x1) * random.uniform(0.3, 0.8) / _side_of(face)
        place = random.uniform(0.3, 0.7, 2)
        target = (x1 + (x2 - x1) * place[0], y1 + (y2 - y1) * place[1])
        matrix = self._turned(_centre(face), target, min(scale, self.config.enlarge), random)
        scene.put(self._image(number, random), picture, matrix, region, self.config.smallest)

    def _crowd(self, scene: Scene, random: Random) -> None:
        """Heads of about one size, cut out with a soft edge, over the ground; few of them overlap."""
        side = float(np.exp(random.uniform(np.log(self.config.smallest), np.log(self.size / 4))))
        most = max(int((self.size / side) ** 2 / 8), 1)
        for _ in range(random.integers(1, min(most, 40) + 1)):
            self._paste(scene, side * float(np.exp(random.normal(0, 0.25))), random)

    def _paste(self, scene: Scene, side: float, random: Random) -> None:
        number = self._draw(random)
        faces = self.pictures.pictures[number].faces
        face = faces[random.integers(len(faces))]
        scale = min(side / _side_of(face), self.config.enlarge)
        flip, turn = bool(random.random() < 0.5), self._turn(random)
        for _ in range(_TRIES):
            target = tuple(random.uniform(0.4 * side, self.size - 0.4 * side, 2))
            matrix = placing(_centre(face), target, scale, turn, flip)
            box = layers.as_box(layers.turned_box(face.box, matrix))
            near = max((layers.shared(box, each.box) for each in scene.faces), default=0)
            if near <= random.choice([0.0, 0.25]) * layers.area(box):
                break
        else:
            return
        _blend(scene, self._image(number, random), matrix, box, random)
        scene.cover(box)
        scene.take([face], matrix, scene.whole, self.config.smallest)

    def _zoom(self, scene: Scene, random: Random) -> None:
        """A corner of a picture enlarged: hands, collars and hair that are no face."""
        number = self._draw(random)
        picture = self.pictures.pictures[number]
        cover = self.size / min(picture.width, picture.height)
        matrix = self._anywhere(picture.width, picture.height, cover * random.uniform(1.5, 3), random)
        scene.put(self._image(number, random), picture, matrix, scene.whole, self.config.smallest)

    def _side(self, random: Random) -> float:
        return float(np.exp(random.uniform(np.log(self.config.smallest), np.log(self.config.largest))))

    def _turn(self, random: Random) -> float:
        if self.config.tilted_share and random.random() < self.config.tilted_share:
            return float(np.radians(random.uniform(-self.config.tilt, self.config.tilt)))
        return float(np.radians(random.normal(0, self.config.turn)))

    def _turned(
        self, source: tuple[float, float], target: Sequence[float], scale: float, random: Random
    ) -> layers.Matrix:
        flip = bool(random.random() < 0.5)
        return placing(source, (target[0], target[1]), scale, self._turn(random), flip)


def _blend(scene: Scene, image: Image, matrix: layers.Matrix, box: Box, random: Random) -> None:
    """Draw the head around `box` over the scene, fading out towards its edge."""
    low, high = np.array(box[:2]), np.array(box[2:])
    centre, half = (low + high) / 2, (high - low) / 2
    reach = half * random.uniform(1.15, 1.6)
    region = np.concatenate([np.floor(centre - reach), np.ceil(centre + reach)]).astype(int)
    x1, y1 = np.maximum(region[:2], 0)
    x2, y2 = np.minimum(region[2:], scene.image.shape[1::-1])
    if x2 - x1 < 2 or y2 - y1 < 2:
        return
    small, moved = layers.shrunk(image, layers.moved_by(matrix, -x1, -y1))
    size = (int(x2 - x1), int(y2 - y1))
    head = cv2.warpAffine(small, moved, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    x, y = np.arange(x1, x2) + 0.5 - centre[0], np.arange(y1, y2) + 0.5 - centre[1]
    distance = np.sqrt((x / reach[0])[None, :] ** 2 + (y / reach[1])[:, None] ** 2)
    soft = np.clip((1 - distance) / random.uniform(0.05, 0.25), 0, 1)[..., None].astype(np.float32)
    under = scene.image[y1:y2, x1:x2]
    scene.image[y1:y2, x1:x2] = (head * soft + under * (1 - soft)).astype(np.uint8)


def _by_group(pictures: PictureSet, numbers: Sequence[int]) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for number in numbers:
        groups.setdefault(pictures.pictures[number].group, []).append(number)
    return list(groups.values())


def _centre(face: Face) -> tuple[float, float]:
    x1, y1, x2, y2 = face.box
    return (x1 + x2) / 2, (y1 + y2) / 2


def _side_of(face: Face) -> float:
    x1, y1, x2, y2 = face.box
    return float(np.sqrt((x2 - x1) * (y2 - y1)))
