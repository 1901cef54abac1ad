"""Says whether bytes are missing at a file's end, by the sizes that its container states."""

import os
import struct
from pathlib import Path
from typing import BinaryIO

_MAX_BOXES = 100_000
_BOXES = frozenset(
    {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"moof", b"sidx", b"ssix", b"mfra", b"uuid"}
    | {b"meta", b"pnot", b"pdin", b"emsg", b"prft", b"udta"}
)
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_HEAD_BYTES = 64 * 1024


def missing_bytes(path: Path) -> int:
    """How many bytes the container of `path` promises and the file lacks.

    0 when nothing is missing, and for formats or files that do not say: MPEG streams, live recordings. Reads headers
    only. Raises `OSError`.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(16)
        try:
            end = _promised(file, head, size)
        except struct.error:  # a header is cut itself
            return 1
    return max(end - size, 0)


def _promised(file: BinaryIO, head: bytes, size: int) -> int:
    if head[4:8] in _BOXES:
        return _boxes(file, size)
    if head.startswith(b"\x1aE\xdf\xa3"):
        return _segment(file)
    if head[:4] == b"RIFF":
        return _riff(file, size)
    if head.startswith(b"0&\xb2u"):
        return _asf(file)
    return _flv(file, size) if head.startswith(b"FLV") else 0


def _boxes(file: BinaryIO, size: int) -> int:
    """End of the last of the boxes on top of an MP4 or MOV."""
    at = 0
    for _ in range(_MAX_BOXES):
        if at >= size:
            return at
        file.seek(at)
        head = file.read(16)
        length, kind = struct.unpack_from(">I4s", head)
        if kind not in _BOXES or length in range(2, 8) or length == 0:
            return 0  # stray bytes at the end, or a box that reaches to the end, however far that is
        if length == 1:
            (length,) = struct.unpack_from(">Q", head, 8)
        at += length
    return 0


def _segment(file: BinaryIO) -> int:
    """End of the segment of a Matroska or WebM file; 0 where its length was left open, as in live recordings."""
    file.seek(4)
    _, length = _vint(file)
    file.seek(length or 0, os.SEEK_CUR)
    if file.read(4) != b"\x18S\x80g":
        return 0
    _, length = _vint(file)
    return 0 if length is None else file.tell() + length


def _vint(file: BinaryIO) -> tuple[int, int | None]:
    """A length of Matroska: how many bytes it takes, and its value, None for unknown."""
    (first,) = struct.unpack("B", file.read(1))
    width = 9 - first.bit_length()
    value = int.from_bytes(bytes((first & (0x7F >> (width - 1)),)) + file.read(width - 1), "big") if width < 9 else 0
    return width, None if value == (1 << 7 * width) - 1 else value


def _riff(file: BinaryIO, size: int) -> int:
    """End of the last chunk on top of an AVI; large ones have several."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        kind, length = struct.unpack("<4sI", file.read(8))
        if kind != b"RIFF" or length in (0, 0xFFFFFFFF):  # stray bytes, or a recording that was never finished
            return 0
        at += 8 + length + length % 2
    return at - at % 2 if at <= size + 1 else at


def _asf(file: BinaryIO) -> int:
    file.seek(0)
    head = file.read(_ASF_HEAD_BYTES)
    at = head.find(_ASF_PROPERTIES)
    return int(struct.unpack_from("<Q", head, at + 40)[0]) if at >= 0 else 0


def _flv(file: BinaryIO, size: int) -> int:
    """Each tag is followed by its length: where the last four bytes are none, the last tag is cut."""
    file.seek(max(size - 4, 0))
    (length,) = struct.unpack(">I", file.read(4))
    if 11 <= length <= size - 4:
        file.seek(size - 4 - length)
        if file.read(1)[0] & 0x1F in (8, 9, 18):
            return size
    return size + 1
