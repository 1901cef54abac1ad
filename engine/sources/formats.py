"""Which files can be read, by what is in them: one list for commands, folders, streams and the trainer."""

from pathlib import Path

VIDEO = (
    "mov,mp4,matroska,webm,avi,mpegts,mpeg,mpegvideo,h264,hevc,m4v,ivf,obu,flv,asf,ogg,mxf,gif,apng,nut,"
    "yuv4mpegpipe,dv,mjpeg"
)
"""FFmpeg's names of what may be opened: formats that hold pictures themselves and cannot name other files."""
ROWS = "jpeg_pipe"
"""How FFmpeg reads a file of JPEGs one after the other. Not for networks: a single JPEG is no stream."""
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"}
)
"""How names of pictures end. A name decides nothing but whether a file that is no picture deserves a word."""

HEAD_BYTES = 4096
_JPEG = b"\xff\xd8\xff"
_ROW_SUFFIXES = frozenset({".mjpeg", ".mjpg", ".mjp"})
_ROW_BYTES = 4 * 2**20
# What a file begins with, where, and what it is. Containers before the words for what is not opened.
_PICTURES = (b"\x89PNG\r\n\x1a\n", _JPEG, b"BM", b"II*\0", b"MM\0*", *(b"P%d" % number for number in range(1, 7)))
_CONTAINERS: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftyp", "MP4 or MOV"),
    (4, b"moov", "MP4 or MOV"),
    (4, b"mdat", "MP4 or MOV"),
    (4, b"styp", "MP4"),
    (0, b"\x1aE\xdf\xa3", "Matroska or WebM"),
    (8, b"AVI ", "AVI"),
    (0, b"FLV", "FLV"),
    (0, b"OggS", "Ogg"),
    (0, b"0&\xb2u", "ASF or WMV"),
    (0, b"GIF8", "GIF"),
    (0, b"YUV4MPEG2", "YUV4MPEG"),
    (0, b"DKIF", "IVF"),
    (0, b"\0\0\1\xba", "MPEG"),
    (0, b"\0\0\1\xb3", "MPEG"),
    (0, b"\0\0\0\1", "raw H.264 or H.265"),
    (188, b"G", "MPEG-TS"),
)
_OTHERS: tuple[tuple[int, bytes, str], ...] = (
    (8, b"heic", "a HEIC photograph; save it as JPEG"),
    (8, b"heix", "a HEIC photograph; save it as JPEG"),
    (8, b"mif1", "a HEIF photograph; save it as JPEG"),
    (8, b"avif", "an AVIF photograph; save it as JPEG"),
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\3\4", "a ZIP archive; unpack it first"),
    (0, b"\x1f\x8b", "a gzip archive; unpack it first"),
    (0, b"#EXTM3U", "a playlist; name the files in it"),
    (0, b"ffconcat", "a list of other files; name them one by one"),
    (0, b"8BPS", "a Photoshop document; save it as PNG"),
    (0, b"ID3", "sound alone"),
    (0, b"fLaC", "sound alone"),
    (8, b"WAVE", "sound alone"),
    (0, b"<", "a page or drawing in text form"),
)


def head_of(path: Path, count: int = HEAD_BYTES) -> bytes:
    """The first bytes of a file. Raises `OSError`."""
    with path.open("rb") as file:
        return file.read(count)


def is_picture(head: bytes) -> bool:
    """Whether a file that begins like this is a picture.

    >>> is_picture(b"P6 640 480 255 "), is_picture(b"P7"), is_picture(b"RIFF____WEBP")
    (True, False, True)
    """
    if head[:1] == b"P":
        return head[:2] in _PICTURES and head[2:3].isspace()
    return head.startswith(_PICTURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def is_row(path: Path) -> bool:
    """Whether `path`, which begins like a JPEG, holds a video of JPEGs. Photographs may hold two. Raises `OSError`."""
    start = head_of(path, _ROW_BYTES)
    return start.count(b"\xff\xd9" + _JPEG) >= (1 if path.suffix.lower() in _ROW_SUFFIXES else 2)


def without_stray(data: bytes) -> bytes:
    """A JPEG without the bytes that some programs leave before it; anything else as it is."""
    start = -1 if is_picture(data[:16]) else data.find(_JPEG, 0, HEAD_BYTES)
    return data[start:] if start > 0 else data


def is_stray_jpeg(head: bytes) -> bool:
    """Whether this is a JPEG with a few bytes before it that belong to nothing."""
    return _known(head, _CONTAINERS) is None and without_stray(head) is not head


def complaint(head: bytes) -> str:
    """Why a file that begins like this cannot be opened: not supported, or damaged.

    >>> complaint(b"%PDF-1.7")
    'not a video or picture, but a PDF document'
    >>> complaint(b"____ftypisom")
    'damaged: it begins like MP4 or MOV but does not open'
    """
    if other := _known(head, _OTHERS):
        return f"not a video or picture, but {other}"
    if container := _known(head, _CONTAINERS):
        return f"damaged: it begins like {container} but does not open"
    return "not a video or picture that is supported; MP4, MOV, MKV, AVI, MPEG-TS, JPEG and PNG are, among others"


def _known(head: bytes, table: tuple[tuple[int, bytes, str], ...]) -> str | None:
    return next((name for at, begin, name in table if head[at : at + len(begin)] == begin), None)
