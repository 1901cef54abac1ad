"""Keeps credentials out of all that is logged, stored, or shown."""

import logging
import re
import traceback
from urllib.parse import unquote

_HIDDEN = "***"
# Names of parameters that hold no secret, in any letter case. Whatever is not listed is hidden.
_HARMLESS = re.compile(
    r"action|audio|bitrate|camera|cameraid|cam|channel|channelid|ch|codec|compression|connect_timeout|db"
    r"|download|fps|format|framerate|height|h|health_check_interval|id|index|io|linktype|mode|profile"
    r"|proto|protocol|quality|raw|ref|res|resolution|rotation|socket_connect_timeout|socket_timeout|speed"
    r"|src|ssl_cert_reqs|sslmode|stream|streamid|streamtype|subtype|timeout|transport|transportmode"
    r"|trackid|type|unicast|v|version|video|videocodec|view|w|width",
    re.IGNORECASE,
)
_FLAGS = re.compile(
    r"real_stream|enablesrtp|tcp|udp|unicast|multicast|video|audio|onvif|main|sub|live",
    re.IGNORECASE,
)
"""Queries that stand without a value and hold no secret."""
_PLAIN = re.compile(r"[A-Za-z0-9._:+-]{0,24}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
_CREDENTIAL = (
    r"(?:user(?:name)?|usr|login|account|pass(?:word|wd|phrase)?|pwd|psw|secret|(?:access_?)?token|auth"
    r"|api_?key|key|sig(?:nature)?)"
)

_SECRET_QUERY = re.compile(rf"([?&;](?:[a-z]+_)?{_CREDENTIAL}=)[^&]*", re.IGNORECASE)

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
# A quote ends an address only where text goes on after it: a password may hold quotes.
_RUN = re.compile(r"(?:(?![\"'`](?:[\s,:;)\]}]|$))[^\s<>])*")
_QUOTE_END = re.compile(r"[\"'`](?=[\s,:;)\]}]|$)")
_HOST = re.compile(r"(?:[A-Za-z0-9._*-]*|\[[0-9A-Fa-f:.%A-Za-z]*\])(?::[0-9]{1,5})?", re.ASCII)
_HOSTS = re.compile(rf"{_HOST.pattern}(?:,{_HOST.pattern})*", re.ASCII)
_AT = re.compile("@")
_AT_HOST = re.compile(r"@(?=[A-Za-z0-9\[*_])")
# An @ in the middle of a path is that of a login where a host, and then a port or another path, come after it.
_LOGIN_IN_PATH = re.compile(
    r"[^/]@(?:[A-Za-z0-9._*-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/|[^/]@[A-Za-z0-9._*-]+:[0-9]{1,5}$"
)
_ENDS_AUTHORITY = re.compile(r"[/?#]")
_PAIR = re.compile(
    r"([A-Za-z][A-Za-z0-9-]*)(=|%3d)(.*?)(?=(?:[_&;,/+]|%26)[A-Za-z][A-Za-z0-9-]*(?:=|%3d)|$)", re.IGNORECASE
)
_HAS_PAIR = re.compile(r"[A-Za-z][A-Za-z0-9-]*(?:=|%3d)", re.IGNORECASE)
# /user/admin/password/S3cret, and the form of IPTV servers: /live/admin/S3cret/12.ts
_WORD_THEN_SECRET = re.compile(rf"(/{_CREDENTIAL}/)[^/]+", re.IGNORECASE)
_IPTV = re.compile(r"(/(?:live|movie|series|timeshift)/)[^/]+/[^/]+(/[0-9]+(?:\.[a-z0-9]+)?)$", re.IGNORECASE)
_TOKEN_CHANGES = re.compile(r"(?<=[0-9])(?=[A-Za-z])|(?<=[A-Za-z])(?=[0-9])|(?<=[a-z])(?=[A-Z])")
_SENTENCE = ":,;.!)]}"
"""What ends a sentence rather than an address."""
_FILES = ("file", "sqlite")
# Outside of addresses: what is written as name=value, and addresses that are percent-encoded as a whole.
_LOOSE = re.compile(
    rf"((?<![A-Za-z0-9])(?:[a-z]+_)?{_CREDENTIAL}(?:=|%3d))('[^']*'|\"[^\"]*\"|(?:(?!&|%26){_RUN.pattern[:-1]})*)",
    re.IGNORECASE,
)
_ENCODED = re.compile(r"([a-z][a-z0-9+.-]*%3a%2f%2f)[^\s\"'<>&]{0,400}(%40)", re.IGNORECASE)
_EXAMPLE = "[user:password@]"
ENCODE = "write @ : / ? # % in a user or password as %40 %3A %2F %3F %23 %25"
"""Advice for an address in which they stand as they are."""


def shown(address: str) -> str:
    """One whole address, which may hold blanks, for people: built from its parts, of which only harmless ones stay.

    Hidden are user and password wherever they stand, every parameter whose name is not known to be harmless, and parts
    of a path that look like a key. Passwords written without percent-encoding are found too; in doubt more is hidden.

    >>> shown("rtsp://admin:S3 cr@t/#@10.0.0.7:554/cam?channel=1&sesskey=4711")
    'rtsp://***@10.0.0.7:554/cam?channel=1&sesskey=***'
    >>> shown("rtsp://10.0.0.7/user=admin_password=S3cret_channel=1_stream=0.sdp")
    'rtsp://10.0.0.7/user=***_password=***_channel=1_stream=0.sdp'
    """
    scheme = _SCHEME.match(address)
    if scheme is None:
        return redact(address)
    return scheme[0] + _without_login(scheme[1], address[scheme.end() :], strict=True)


def has_open_login(address: str) -> bool:
    """Whether user or password hold a `/`, `?` or `#` as it stands, so that programs take a part of them for the host.

    >>> has_open_login("rtsp://admin:S3/cret@cam/1"), has_open_login("rtsp://admin:S3%2Fcret@cam/1")
    (True, False)
    """
    rest = address.partition("://")[2]
    authority = _ENDS_AUTHORITY.split(rest, maxsplit=1)[0]
    tail = rest[len(authority) :]
    if "@" not in tail:
        return False
    is_host = bool(_HOSTS.fullmatch(authority.rpartition("@")[2]))
    return not is_host or "#" in tail.rpartition("@")[0] or bool(_LOGIN_IN_PATH.search(tail))


def redact(text: str) -> str:
    """`text` with every address in it as `shown` shows it, and without the values of `password=` and the like.

    An address that holds blanks ends where no login can go on: at the last @ of its line.

    >>> redact("cannot open rtsp://admin:S3cr@t/#@10.0.0.7:554/cam")
    'cannot open rtsp://***@10.0.0.7:554/cam'
    >>> redact("cannot open 'http://admin:S3 cret@10.0.0.7/video?token=x&channel=1': refused")
    "cannot open 'http://***@10.0.0.7/video?token=***&channel=1': refused"
    """
    parts: list[str] = []
    at = 0
    while scheme := _SCHEME.search(text, at):
        end = _end_of_address(text, scheme.end())
        parts.append(_loose(text[at : scheme.start()]))
        end -= len(text[scheme.end() : end]) - len(text[scheme.end() : end].rstrip(_SENTENCE))
        parts.append(scheme[0] + _without_login(scheme[1], text[scheme.end() : end], strict=False))
        at = end
    return "".join((*parts, _loose(text[at:])))


def _loose(text: str) -> str:
    return _LOOSE.sub(_without_value, _ENCODED.sub(rf"\1{_HIDDEN}\2", text))


def _without_value(match: re.Match[str]) -> str:
    name, value = match[1], match[2]
    rest = _HAS_PAIR.search(value)
    # user=admin_password=x_channel=1: the value holds further ones.
    return _pairs(match[0]) if rest else f"{name}{_HIDDEN}"


def _end_of_address(text: str, start: int) -> int:
    """Where the address whose scheme ends at `start` ends, within its line."""
    run = _RUN.match(text, start)
    end = run.end() if run else start
    if text.startswith(_EXAMPLE, start):
        return end
    line = len(text) if (line := text.find("\n", start)) < 0 else line
    if end >= line:
        return end
    authority = _ENDS_AUTHORITY.split(text[start:end], maxsplit=1)[0]
    is_open = "@" not in text[start:end] and not _HOSTS.fullmatch(authority)
    if not is_open and text[end] in "\"'`":
        return end
    following = _SCHEME.search(text, end, line)
    limit = following.start() if following else line
    quote = None if is_open else _QUOTE_END.search(text, end, limit)
    limit = quote.start() if quote else limit
    at_host = _AT if is_open else _AT_HOST
    found = [match.end() for match in at_host.finditer(text, end, limit)]
    if found:
        more = _RUN.match(text, found[-1])
        return min(more.end() if more else found[-1], line)
    # An address that can be none without a login, and whose login goes on, but where to?
    return limit if is_open and text[end] in "<>" else end


def _without_login(scheme: str, rest: str, strict: bool) -> str:
    """What stands after `scheme://`, without credentials. `strict`: paths that look like a key are hidden, too."""
    if rest.startswith(_EXAMPLE):
        return rest
    rest = _SECRET_QUERY.sub(rf"\1{_HIDDEN}", rest)
    userinfo, at, address = rest.rpartition("@")
    authority = _ENDS_AUTHORITY.split(rest, maxsplit=1)[0]
    # A colon before the last @ is a password, or a port in front of an odd path: hidden either way.
    has_login = bool(at) and (
        "@" in authority or ":" in userinfo or not _HOSTS.fullmatch(authority) or bool(_LOGIN_IN_PATH.search(rest))
    )
    if not has_login:
        address = rest
    authority = _ENDS_AUTHORITY.split(address, maxsplit=1)[0]
    if not has_login and not _HOSTS.fullmatch(authority):
        return _HIDDEN
    before, question, query = address[len(authority) :].partition("?")
    path, hash_, fragment = before.partition("#")
    if not question and "?" in fragment:
        fragment = _HIDDEN
    shown_query = f"?{_query(query)}" if question else ""
    shown_hash = f"#{_HIDDEN}" if hash_ and not scheme.lower().startswith("http") else hash_ + _loose(fragment)
    login = f"{_HIDDEN}@" if has_login else ""
    return login + authority + _path(path, scheme, strict) + shown_hash + shown_query


def _query(query: str) -> str:
    return "".join(_parameter(part) if part not in "&;" else part for part in re.split(r"([&;])", query))


def _parameter(text: str) -> str:
    name, equals, value = text.partition("=")
    if not equals:
        return text if not text or _FLAGS.fullmatch(text) or re.fullmatch(r"[0-9]{1,3}", text) else _HIDDEN
    if _HARMLESS.fullmatch(name) and _PLAIN.fullmatch(unquote(value)):
        return text
    return f"{name if _NAME.fullmatch(name) else _HIDDEN}={_HIDDEN}"


def _path(path: str, scheme: str, strict: bool) -> str:
    path = _WORD_THEN_SECRET.sub(rf"\1{_HIDDEN}", _pairs(path))
    if scheme.lower().startswith(_FILES):
        return path
    path = "/".join(_HIDDEN if ":" in segment else segment for segment in path.split("/"))
    if not strict:
        return path
    path = _IPTV.sub(rf"\1{_HIDDEN}/{_HIDDEN}\2", path)
    return "/".join(_HIDDEN if _looks_like_a_key(segment) else segment for segment in path.split("/"))


def _pairs(path: str) -> str:
    return _PAIR.sub(_pair, path) if _HAS_PAIR.search(path) else path


def _pair(match: re.Match[str]) -> str:
    name, equals, value = match.groups()
    kept = _HARMLESS.fullmatch(name) and _PLAIN.fullmatch(value)
    return f"{name}{equals}{value if kept else _HIDDEN}"


def _looks_like_a_key(segment: str) -> bool:
    """Whether a part of a path is a key rather than a name: long, and a mixture of digits and letters."""
    return any(
        len(chunk) >= 12 and len(_TOKEN_CHANGES.findall(chunk)) >= 3 for chunk in re.split(r"[^A-Za-z0-9]", segment)
    )


class RedactFilter(logging.Filter):
    """Redacts message and traceback of every record; to be added to each handler."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info:
            record.exc_text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
            record.exc_info = None
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True
