"""A Redis client that answers within about a second, and what its errors mean."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import redis
from redis import exceptions
from redis.backoff import NoBackoff
from redis.connection import ConnectionPool, parse_url
from redis.retry import Retry

from engine.errors import BusError
from engine.redact import redact

_TIMEOUT_S = 1.0
# The order matters: wrong credentials and a loading server are kinds of ConnectionError in redis-py,
# a full or read-only server kinds of ResponseError.
_MEANINGS: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.AuthenticationError, "Redis refuses the credentials; check user and password in bus.url"),
    (exceptions.AuthorizationError, "Redis refuses the credentials; check user and password in bus.url"),
    (exceptions.NoPermissionError, "Redis does not let this user do that; check its ACL"),
    (exceptions.BusyLoadingError, "Redis is still loading its data"),
    (exceptions.MaxConnectionsError, "Redis has no connection left"),
    (exceptions.OutOfMemoryError, "Redis is out of memory; raise maxmemory or lower bus.maxlen"),
    (exceptions.ReadOnlyError, "Redis is a read-only replica; point bus.url at the primary"),
    (exceptions.TimeoutError, "Redis does not answer in time"),
    (exceptions.ConnectionError, "Redis cannot be reached"),
    (exceptions.ResponseError, "Redis refuses"),
    (exceptions.RedisError, "Redis failed"),
    (OSError, "Redis cannot be reached"),
)
# redis-py repeats the command, which holds a part of the event.
_COMMAND = re.compile(r"^Command # \d+ \(.*\) of pipeline caused error: ")
_SELF_EVIDENT = (
    exceptions.AuthenticationError,
    exceptions.BusyLoadingError,
    exceptions.OutOfMemoryError,
    exceptions.ReadOnlyError,
)


def check_url(url: str) -> None:
    """Without connecting, make sure that `url` can be connected to.

    Raises:
        ValueError: it cannot; the message holds no part of the URL.
    """
    if url.count("@") > 1 or "#" in url:
        raise ValueError("not a Redis URL; write @ : / ? # in a user or password as %40 %3A %2F %3F %23")
    try:
        _ = urlsplit(url).port
        _pool(url, _TIMEOUT_S).make_connection()
    except (ValueError, TypeError, exceptions.RedisError):
        raise ValueError("not a Redis URL; write redis://[user:password@]host:port/db or unix:///path?db=0") from None


def connect(url: str, timeout_s: float = _TIMEOUT_S) -> Any:
    """A client for `url`; it connects with its first command and never tries anything twice."""
    return redis.Redis.from_pool(_pool(url, timeout_s))


def _pool(url: str, timeout_s: float) -> ConnectionPool:
    options: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]
    options.update(
        socket_timeout=timeout_s,
        socket_connect_timeout=min(timeout_s, _TIMEOUT_S),
        # Whether to send again is for the relay to decide: a repeat here would be a second copy.
        retry=Retry(NoBackoff(), 0),
        retry_on_error=[],
        retry_on_timeout=False,
        health_check_interval=0,
        protocol=2,
        decode_responses=True,
        # Others may write into the stream, too: what they wrote must not end the relay.
        encoding_errors="replace",
    )
    return ConnectionPool(**options)


def ping(url: str) -> str:
    """Which Redis answers at `url`, for people.

    Raises:
        BusError: none, or `url` is none of Redis.
    """
    try:
        check_url(url)
    except ValueError as error:
        raise BusError(f"bus {redact(url)}: {error}") from error
    client = connect(url)
    try:
        with one_sentence(url):
            return f"{redact(url)} answers, Redis {client.info('server')['redis_version']}"
    finally:
        client.close()


@contextmanager
def one_sentence(url: str) -> Iterator[None]:
    """Turns what redis-py raises into `BusError`: which server, what is wrong, what to do."""
    try:
        yield
    except (exceptions.RedisError, OSError) as error:
        raise BusError(f"bus {redact(url)}: {_meaning(error)}") from error


def _meaning(error: Exception) -> str:
    sentence = next(text for kind, text in _MEANINGS if isinstance(error, kind))
    detail = _COMMAND.sub("", (str(error).splitlines() or [""])[0])[:200]
    if isinstance(error, _SELF_EVIDENT) or not detail:
        return sentence
    return f"{sentence}: {redact(detail)}"
