"""Bus URLs: one Redis, one behind sentinels, or a cluster of them."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from redis import exceptions
from redis.connection import ConnectionPool, parse_url

from engine.redact import ENCODE, has_open_login

SCHEMES = (
    "redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster",
)  # fmt: skip
_PORTS = {"sentinel": 26379, "cluster": 6379}
_FORMS = {
    "": "redis://[user:password@]host:port/db or unix:///path?db=0",
    "sentinel": "redis+sentinel://[user:password@]host:port,host:port/service[/db]",
    "cluster": "redis+cluster://[user:password@]host:port,host:port",
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect. `options` are redis-py's, for the server itself; `hosts` are sentinels or cluster nodes."""

    kind: str
    """Empty for one server, `sentinel` or `cluster`."""
    tls: bool
    options: dict[str, Any]
    hosts: tuple[tuple[str, int], ...] = ()
    service: str = ""
    sentinel_options: dict[str, Any] | None = None


def parse(url: str) -> Address:
    """Take `url` apart, without connecting.

    Raises:
        ValueError: it cannot be connected to; the message holds no part of it.
    """
    if url.count("@") > 1 or "#" in url or has_open_login(url) or _misplaced_at(url):
        raise ValueError(f"not a Redis URL; {ENCODE}")
    kind = url.partition("://")[0].partition("+")[2]
    try:
        address = _of_many(url, kind) if kind else Address("", url.startswith("rediss"), _options(url))
        for options in (address.options, address.sentinel_options or {}):
            _try(options)
    except (ValueError, TypeError, exceptions.RedisError):
        raise ValueError(f"not a Redis URL; write {_FORMS.get(kind, _FORMS[''])}") from None
    return address


def _misplaced_at(url: str) -> bool:
    """Whether an @ stands where no login ends: a part of the password is taken for the host then."""
    return "@" in re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[-1] and "@" not in _authority(url)


def _authority(url: str) -> str:
    return re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]


def _options(url: str) -> dict[str, Any]:
    _ = urlsplit(url).port
    options: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]
    return options


def _try(options: dict[str, Any]) -> None:
    """Unknown options and values of the wrong kind show when a connection is made, which opens nothing yet."""
    ConnectionPool(**options).make_connection()


def _of_many(url: str, kind: str) -> Address:
    scheme, _, rest = url.partition("://")
    beginning, question, query = rest.partition("?")
    authority, *path = beginning.split("/")
    userinfo, at, names = authority.rpartition("@")
    hosts = tuple(_host(name, _PORTS[kind]) for name in names.split(","))
    service = ""
    if kind == "sentinel":
        service = unquote(path.pop(0)) if path else ""
        if not service:
            raise ValueError("a sentinel is asked for a service")
    if len(path) > 1 or (kind == "cluster" and path and path[0] not in ("", "0")):
        raise ValueError("a cluster has no databases")
    tls = scheme.startswith("rediss")
    plain = f"{'rediss' if tls else 'redis'}://{userinfo}{at}host/{path[0] if path else ''}{question}{query}"
    options = _options(plain)
    return Address(kind, tls, options, hosts, service, _for_sentinels(options))


def _for_sentinels(options: dict[str, Any]) -> dict[str, Any]:
    """Sentinels have credentials of their own, `sentinel_username` and `sentinel_password`, and the same TLS."""
    own = {name.removeprefix("sentinel_"): options.pop(name) for name in list(options) if name.startswith("sentinel_")}
    shared = {name: value for name, value in options.items() if name.startswith("ssl_") or name == "connection_class"}
    return {**shared, **own}


def _host(text: str, port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("a host is missing")
    return unquote(parts.hostname), parts.port or port
