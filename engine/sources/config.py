"""What a source may be, checked at the door."""

import re
from pathlib import Path
from typing import Annotated, Literal

from engine.fields import AfterValidator, Field, Name, Positive, Seconds, Text, settings
from engine.redact import ENCODE, has_open_login, shown

Kind = Literal["rtsp", "http", "webcam", "demo", "file", "browser"]
_SCHEMES: dict[str, Kind] = {
    "rtsp": "rtsp",
    "rtsps": "rtsp",
    "http": "http",
    "https": "http",
    "webcam": "webcam",
    "demo": "demo",
    "file": "file",
}
_ALLOWED = "rtsp://, rtsps://, http://, https://, webcam:0, demo:, file:// or a path"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)(?::|,[^/]*:)")
# What no address may hold as it stands, and what every camera takes in its place.
_UNSAFE = re.compile(r"[ <>\"`|^]")
# What follows the scheme; a host may not be empty, as FFmpeg would then ask the network for "".
_SHAPES: dict[Kind, tuple[str, str]] = {
    "rtsp": (r"rtsps?://[^/?#\s].*", "rtsp://host/path"),
    "http": (r"https?://[^/?#\s].*", "http://host/path"),
    "webcam": (r"webcam:[0-9]{1,3}", "webcam:0"),
    "demo": (r"demo:", "demo:"),
    "file": (r"(?!file:).+|file:///.+", "file:///path or a plain path"),
}


def kind_of(uri: str) -> Kind:
    """Which kind of source `uri` names.

    Raises:
        ValueError: no kind we open; the message does not repeat the address.
    """
    scheme = _SCHEME.match(uri)
    if scheme is None:
        return "file"
    name = scheme[1].lower()
    if name not in _SCHEMES:
        raise ValueError(f"{name!r} is no kind of source; use {_ALLOWED} (a path with a colon: ./name)")
    return _SCHEMES[name]


def _checked(uri: str) -> str:
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in uri):
        raise ValueError("an address must not hold line breaks or control characters")
    kind = kind_of(uri)
    pattern, example = _SHAPES[kind]
    # The address is not repeated: one of a wrong shape may hold a password where nobody looks for it.
    if not re.fullmatch(pattern, uri, re.IGNORECASE):
        raise ValueError(f"expected {example}")
    if kind in ("rtsp", "http"):
        uri = _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", uri)
        if has_open_login(uri):
            raise ValueError(f"expected {example}; {ENCODE}")
    if uri.startswith("~"):
        try:
            Path(uri).expanduser()
        except RuntimeError as error:
            raise ValueError("no such home folder; write the whole path") from error
    return uri


@settings
class SourceConfig:
    """One camera, stream, file, folder of pictures, or the demo. Its `repr` holds no credentials.

    Blanks, quotes and `<>` in a network address are percent-encoded.
    """

    id: Name
    uri: Annotated[Text, AfterValidator(_checked)]
    fps: Positive | None = None
    """At most this many pictures per second; for a folder of pictures the rate it is played at."""
    transport: Literal["tcp", "udp"] = "tcp"
    open_timeout_s: Annotated[Seconds, Field(gt=0)] = 5.0
    read_timeout_s: Annotated[Seconds, Field(gt=0)] = 5.0
    stall_after_s: Annotated[Seconds, Field(gt=0)] = 3.0
    max_lag_s: Seconds = 3.0
    """A camera whose pictures are older when they arrive is connected to again; 0 only tells how old they are."""
    frozen_after_s: Seconds = 20.0
    """The same picture for so long is told as `frozen`; 0 never, for test cards."""
    loop: bool = False
    """Files and folders: start again at the end; `time_s` goes on increasing."""
    rotate: Literal[0, 90, 180, 270] = 0
    """Degrees clockwise by which its pictures are turned, after what a file itself asks for."""
    mirror: bool = False
    """Swap left and right, after turning."""
    max_pixels: Annotated[int, Field(ge=1, le=2**31 - 1)] = 4096 * 2304
    """Larger pictures are refused before they are decoded."""

    @property
    def kind(self) -> Kind:
        return kind_of(self.uri)

    @property
    def shown(self) -> str:
        """The address without credentials, for people."""
        return shown(self.uri)

    def __repr__(self) -> str:
        return f"SourceConfig(id={self.id!r}, uri={self.shown!r})"
