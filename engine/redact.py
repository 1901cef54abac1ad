"""Keeps credentials out of all that is logged, stored, or shown."""

import logging
import re
import traceback

# A quote ends an address only where text goes on after it: a password may hold quotes.
_RUN = r"(?:(?![\"'`](?:[\s,:;)\]}]|$))[^\s<>])"
_URL = re.compile(rf"([a-z][a-z0-9+.-]*://)({_RUN}+)", re.IGNORECASE)
_QUERY = re.compile(
    r"([?&;](?:[a-z]+_)?(?:user(?:name)?|usr|login|account|pass(?:word|wd)?|pwd|psw|secret|(?:access_?)?token|auth"
    r"|api_?key|key|sig(?:nature)?)=)"
    rf"(?:(?!&){_RUN})*",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """`text` with user and password of every address, and the values of `?user=&password=&token=`, as `***`.

    Passwords written without percent-encoding are found too; in doubt more is hidden, not less.

    >>> redact("cannot open rtsp://admin:S3cr@t/#@10.0.0.7:554/cam")
    'cannot open rtsp://***@10.0.0.7:554/cam'
    >>> redact("http://10.0.0.7/video?user=admin&password=x&channel=1")
    'http://10.0.0.7/video?user=***&password=***&channel=1'
    """
    return _URL.sub(_without_userinfo, _QUERY.sub(r"\1***", text))


def _without_userinfo(match: re.Match[str]) -> str:
    scheme, rest = match.groups()
    userinfo, at, address = rest.rpartition("@")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    # A colon before the last @ is a password, or a port in front of an odd path: hidden either way.
    if not at or not ("@" in authority or ":" in userinfo):
        return f"{scheme}{rest}"
    return f"{scheme}***@{address}"


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
