"""Looks into an ONNX file, without a library: whether all of it lies in the file, so that its hash covers it."""

from collections.abc import Iterator
from pathlib import Path

from engine.errors import ModelError

_DEEPEST = 60
"""Protobuf itself gives up at a hundred; a graph within a graph within a graph takes nine."""

# Which fields of which message may lead to a tensor: field number, message. Numbers are those of onnx.proto.
_FIELDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA, _DATA_LOCATION, _EXTERNAL = 13, 14, 1


def check_whole(path: Path) -> None:
    """Make sure that no weight of the network lies in another file, which no hash covers.

    Raises:
        ModelError: one does, or the file is none of ONNX.
    """
    where = f"model {str(path)!r}"
    try:
        outside = _has_outside(memoryview(path.read_bytes()))
    except OSError as error:
        raise ModelError(f"{where} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ModelError(f"{where} cannot be opened: it is not a sound ONNX file ({error})") from error
    if outside:
        raise ModelError(
            f"{where} keeps weights in another file (external data), which its hash does not cover; "
            "save it as one file: onnx.save(onnx.load(FILE), FILE)"
        )


def _has_outside(data: memoryview) -> bool:
    if bytes(data[4:8]) == b"ORTM":
        raise ValueError("it has the format of ONNX Runtime's own files")
    return _search(data, "model", 0)


def _search(data: memoryview, message: str, depth: int) -> bool:
    if depth > _DEEPEST:
        raise ValueError("its graphs are nested too deeply")
    inside = _FIELDS[message]
    for number, value in _fields(data):
        if message == "tensor" and number in (_EXTERNAL_DATA, _DATA_LOCATION):
            if number == _EXTERNAL_DATA or value == _EXTERNAL:
                return True
        elif number in inside:
            if not isinstance(value, memoryview):
                raise ValueError(f"field {number} is no message")
            if _search(value, inside[number], depth + 1):
                return True
    return False


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field; fixed-width numbers are passed over."""
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield number, value
        elif kind == 2:
            length, at = _varint(data, at)
            if at + length > end:
                raise ValueError("it is cut off")
            yield number, data[at : at + length]
            at += length
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError(f"a field of kind {kind}")
    if at > end:
        raise ValueError("it is cut off")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data):
            raise ValueError("it is cut off")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")
