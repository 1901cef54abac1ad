"""A published file, read over HTTP from any byte on, or from a mounted folder."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests

from engine.errors import DownloadError
from engine.redact import redact, shown

CHUNK = 16 * 1024
"""Bytes at a time. Less than one chunk is lost when a connection breaks."""
CONNECT_S = 10.0


@dataclass(frozen=True, slots=True)
class Promise:
    """What a catalogue says of a file: where it is, its size in bytes and its hash."""

    name: str
    url: str
    size: int
    sha256: str

    @property
    def host(self) -> str:
        """Who gives it, without credentials."""
        parts = urlsplit(self.url)
        return parts.hostname or shown(self.url)

    def check_size(self, size: int) -> None:
        """Raises `DownloadError` when what is offered has another size in bytes."""
        if size != self.size:
            raise DownloadError(
                f"{self.name}: {self.host} has a file of {size} bytes, promised are {self.size}; "
                "nothing was taken, and nothing installed has changed"
            )


class CutError(Exception):
    """The bytes ended before their time. The message is the reason in a few words."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Bytes on their way. `chunks` raises `CutError` when they end early, if that can be noticed."""

    start: int | None
    """Where in the file they belong; None when the server cannot go on there and must be asked for all."""
    validator: str | None
    """By what the server tells this version of the file from others, for `If-Range`."""
    chunks: Iterator[bytes]
    whole: bool = False
    """Whether a quiet end means that this was all there is. Where the length is not known it may be a cut."""
    known: bool = True
    """Whether length or version is told. Otherwise it may be anything that is shown instead, a login page say."""


@contextmanager
def opened(promise: Promise, offset: int, validator: str | None, timeout_s: float) -> Iterator[Answer]:
    """Ask for the promised file from byte `offset` on. Proxies and certificates come from the environment.

    `validator` is that of the version whose first `offset` bytes one has: of another version, all comes anew.

    Raises:
        DownloadError: it cannot be reached, is refused, or has another size than promised.
    """
    if urlsplit(promise.url).scheme == "file":
        with Path(unquote(urlsplit(promise.url).path)).open("rb") as source:
            promise.check_size(source.seek(0, 2))
            source.seek(offset)
            yield Answer(offset, None, iter(lambda: source.read(CHUNK), b""))
    else:
        with _ask(promise, offset, validator, timeout_s) as response:
            chunked = response.headers.get("Transfer-Encoding", "").lower() == "chunked"
            start, validator = _start_of(response, promise, offset), _validator_of(response)
            known = response.status_code == 206 or bool(validator) or _length_of(response) is not None
            yield Answer(start, validator, _chunks_of(response), chunked, known)


def _ask(promise: Promise, offset: int, validator: str | None, timeout_s: float) -> requests.Response:
    headers = {"Accept-Encoding": "identity", "User-Agent": "moodline"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if validator:
            headers["If-Range"] = validator
    try:
        return requests.get(promise.url, headers=headers, stream=True, timeout=(CONNECT_S, timeout_s))
    except (requests.RequestException, UnicodeError) as error:
        raise DownloadError(_unreachable(promise, error)) from error


def _unreachable(promise: Promise, error: Exception) -> str:
    name, host, why = promise.name, promise.host, _reason(error)
    if isinstance(error, requests.TooManyRedirects):
        return f"{name}: {host} sends in circles ({why}); correct the url in the catalogue, or try later"
    if isinstance(error, requests.exceptions.ProxyError):
        what = f"the proxy on the way to {host} refuses ({why}); see HTTPS_PROXY and NO_PROXY"
    elif isinstance(error, requests.exceptions.SSLError):
        what = f"the certificate of {host} is not trusted ({why}); REQUESTS_CA_BUNDLE names your own"
    else:
        what = f"{host} cannot be reached ({why})"
    return (
        f"{name}: {what}. Without a network: `moodline models pull {name} --to DIR` where there is one, "
        "copy DIR here and set MOODLINE_MODELS=DIR"
    )


def _start_of(response: requests.Response, promise: Promise, offset: int) -> int | None:
    if response.status_code == 206:
        span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if not span or int(span[1]) != offset:
            return None
        if span[2] != "*":
            promise.check_size(int(span[2]))
        return offset
    if response.status_code == 416 and offset:
        return None
    if response.status_code != 200:
        raise DownloadError(
            f"{promise.name}: {shown(promise.url)} answered {response.status_code} {response.reason}; "
            "try later, or name a catalogue of your own with --catalogue"
        )
    length = _length_of(response)
    if length is not None:
        promise.check_size(length)
    return 0


def _length_of(response: requests.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() and "Content-Encoding" not in response.headers else None


def _validator_of(response: requests.Response) -> str | None:
    """A strong entity tag, else the date (RFC 9110, section 13.1.5)."""
    tag: str = response.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")


def _chunks_of(response: requests.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_content(CHUNK)
    except requests.RequestException as error:
        raise CutError(_reason(error)) from error


def _reason(error: BaseException) -> str:
    """The innermost cause that says something, in a few words."""
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke"
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return "no answer in time"
    said = str(error)
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        seen.append(cause)
        if isinstance(cause, OSError) and cause.strerror:
            said = cause.strerror
        inner = getattr(cause, "reason", None) or next(iter(cause.args), None)
        cause = inner if isinstance(inner, BaseException) else cause.__cause__ or cause.__context__
    return redact(said.splitlines()[0])[:200] if said else type(error).__name__
