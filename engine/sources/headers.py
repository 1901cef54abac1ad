"""Reads the size of a picture from its first bytes, so that a huge one is refused before it is decoded."""

import struct

_TEXT_BYTES = 4096
_JPEG_SIZES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
# What may stand before the frame header. At any other marker a decoder might go on reading elsewhere than we do.
_JPEG_TABLES = frozenset({0xC4, 0xCC, 0xDB, 0xDC, 0xDD, *range(0xE0, 0xF0), 0xFE})


def picture_size(data: bytes) -> tuple[int, int] | None:
    """`(width, height)` of a PNG, JPEG, BMP, WebP, TIFF, PBM, PGM or PPM; None for anything else or a damaged header.

    >>> picture_size(b"GIF89a")
    """
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            width, height = struct.unpack_from(">II", data, 16)
            return width, height
        if data.startswith(b"\xff\xd8"):
            return _jpeg(data)
        if data.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", data, 18)
            return abs(width), abs(height)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
        if data[:4] in (b"II*\0", b"MM\0*"):
            return _tiff(data, "<" if data[:1] == b"I" else ">")
        if data[:1] == b"P" and data[1:2] in b"123456":
            return _pnm(data)
    except (struct.error, ValueError):
        return None
    return None


def _jpeg(data: bytes) -> tuple[int, int] | None:
    """Walks the segments to the frame header."""
    position = 2
    while position < len(data):
        if data[position] != 0xFF:
            return None
        (marker,) = struct.unpack_from("B", data, position + 1)
        if marker == 0xFF:  # padding
            position += 1
        elif marker in _JPEG_SIZES:
            height, width = struct.unpack_from(">HH", data, position + 5)
            return width, height
        else:
            (length,) = struct.unpack_from(">H", data, position + 2)
            if marker not in _JPEG_TABLES or length < 2:
                return None
            position += 2 + length
    return None


def _tiff(data: bytes, order: str) -> tuple[int, int] | None:
    """Of the first picture of several; of more than one directory entry only the first counts."""
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    (entries,) = struct.unpack_from(f"{order}H", data, at)
    sizes: dict[int, int] = {}
    for number in range(entries):
        tag, kind, count = struct.unpack_from(f"{order}HHI", data, at + 2 + 12 * number)
        if tag in (256, 257) and kind in (3, 4) and count == 1:
            (value,) = struct.unpack_from(order + ("H" if kind == 3 else "I"), data, at + 10 + 12 * number)
            sizes.setdefault(tag, value)
    return (sizes[256], sizes[257]) if len(sizes) == 2 else None


def _pnm(data: bytes) -> tuple[int, int] | None:
    """Two numbers after the kind; a comment runs from `#` to the end of its line."""
    head = b" ".join(line.split(b"#", 1)[0] for line in data[2:_TEXT_BYTES].splitlines())
    width, height, _, *_ = head.split()  # what follows shows that the height is whole
    return (int(width), int(height)) if width.isdigit() and height.isdigit() else None


def _webp(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    return None
