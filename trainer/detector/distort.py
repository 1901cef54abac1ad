"""What cameras, light and compression do to a whole picture; faces stay where they are."""

from dataclasses import fields, replace

import cv2
import numpy as np

from engine.fields import NonNegative, Unit, settings
from engine.items import Image

Random = np.random.Generator


@settings
class DistortConfig:
    """How much and how often. `contrast` and `saturation` are shares, `brightness` levels of 255, `gamma` powers of e
    (all of them the extreme of an even draw), `noise` the largest standard deviation in levels, `shade` that of light
    over the picture, in powers of e; the `_share`
    fields say how many pictures."""

    light_share: Unit = 0.7
    contrast: Unit = 0.4
    brightness: NonNegative = 32
    gamma: NonNegative = 0.5
    saturation: Unit = 0.5
    tint: Unit = 0.12
    gray_share: Unit = 0.15
    blur_share: Unit = 0.15
    smear_share: Unit = 0.08
    low_resolution_share: Unit = 0.12
    noise_share: Unit = 0.2
    noise: NonNegative = 18
    jpeg_share: Unit = 0.25
    shade_share: Unit = 0.0
    shade: NonNegative = 0.6

    def times(self, factor: float) -> "DistortConfig":
        """The same with every share of pictures multiplied by `factor`."""
        names = [item.name for item in fields(self) if item.name.endswith("_share")]
        return replace(self, **{name: getattr(self, name) * factor for name in names})


def distort(image: Image, config: DistortConfig, random: Random) -> Image:
    """A changed copy of `image`, uint8 BGR `(H, W, 3)`; everything is drawn from `random`."""
    if config.shade_share and random.random() < config.shade_share:
        image = _shaded(image, config, random)
    if random.random() < config.light_share:
        image = _light(image, config, random)
    if random.random() < config.gray_share:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    if random.random() < config.low_resolution_share:
        image = _coarse(image, random)
    if random.random() < config.blur_share:
        image = cv2.GaussianBlur(image, (0, 0), random.uniform(0.4, 1.6))
    if random.random() < config.smear_share:
        image = _smeared(image, random)
    if random.random() < config.noise_share:
        image = _noisy(image, config, random)
    if random.random() < config.jpeg_share:
        image = _compressed(image, random)
    return image


def _light(image: Image, config: DistortConfig, random: Random) -> Image:
    """Contrast, brightness, gamma and tint as one table for each channel, then saturation."""
    levels = np.arange(256, dtype=np.float32)
    gain = 1 + random.uniform(-config.contrast, config.contrast)
    table = (levels - 128) * gain + 128 + random.uniform(-config.brightness, config.brightness)
    curve = 255 * (np.clip(table, 0, 255) / 255) ** np.exp(random.uniform(-config.gamma, config.gamma))
    tints = 1 + random.uniform(-config.tint, config.tint, 3)
    tables = np.clip(curve[:, None] * tints, 0, 255).astype(np.uint8)
    image = cv2.LUT(image, tables.reshape(1, 256, 3))
    share = random.uniform(1 - config.saturation, 1 + config.saturation)
    gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    mixed: Image = cv2.addWeighted(image, share, gray, 1 - share, 0)
    return mixed


def _shaded(image: Image, config: DistortConfig, random: Random) -> Image:
    """Light from one side, shadows and windows: a smooth field of a few drawn values."""
    across = int(random.integers(2, 6))
    field = np.exp(random.normal(0, config.shade, (across, across))).astype(np.float32)
    field = cv2.resize(field, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    shaded: Image = cv2.multiply(image, cv2.merge([field] * 3), dtype=cv2.CV_8U)
    return shaded


def _coarse(image: Image, random: Random) -> Image:
    height, width = image.shape[:2]
    factor = random.uniform(0.35, 0.9)
    size = max(int(width * factor), 1), max(int(height * factor), 1)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    large: Image = cv2.resize(
        small, (width, height), interpolation=int(random.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
    )
    return large


def _smeared(image: Image, random: Random) -> Image:
    """Motion blur: the mean along a line of 3 to 9 pixels."""
    length = int(random.choice([3, 5, 7, 9]))
    turn = random.uniform(0, np.pi)
    steps = (np.arange(length) - length // 2)[:, None] * (np.cos(turn), np.sin(turn))
    kernel = np.zeros((length, length), np.float32)
    for x, y in np.round(steps).astype(int) + length // 2:
        kernel[y, x] += 1
    smeared: Image = cv2.filter2D(image, -1, kernel / kernel.sum())
    return smeared


def _noisy(image: Image, config: DistortConfig, random: Random) -> Image:
    noise = random.standard_normal(image.shape, np.float32) * random.uniform(0, config.noise)
    noisy: Image = np.clip(image + noise, 0, 255).astype(np.uint8)
    return noisy


def _compressed(image: Image, random: Random) -> Image:
    quality = int(random.integers(20, 91))
    written, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert written
    decoded: Image | None = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded
