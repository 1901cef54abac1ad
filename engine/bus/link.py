"""Redis clients that answer within about a second and never try anything twice."""

from collections.abc import Mapping
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.connection import ConnectionPool
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

from engine.bus.address import Address, parse
from engine.bus.meanings import one_sentence
from engine.errors import BusError
from engine.redact import shown

TIMEOUT_S = 1.0


class Link:
    """One Redis, one behind sentinels, or a cluster. Making it connects to nothing; any thread may `close` it."""

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        """Raises `ValueError` when `url` cannot be connected to. `timeout_s` is for each answer."""
        self._address = parse(url)
        self._options = _options(timeout_s)
        self._cluster: Any = None
        self._client: Any = None
        if self._address.kind == "sentinel":
            self._client = _behind_sentinels(self._address, self._options)
        elif self._address.kind == "":
            pool = ConnectionPool(**{**self._address.options, **self._options})
            self._client = redis.Redis.from_pool(pool)

    def client(self, key: str) -> Any:
        """A client of the server that holds `key`: for commands on that key and others of its slot."""
        if self._client is not None:
            return self._client
        cluster = self._nodes()
        return cluster.get_redis_connection(cluster.get_node_from_key(key))

    def set_all(self, values: Mapping[str, bytes], ttl_s: int) -> None:
        """Set each key, for `ttl_s`."""
        if self._client is None:
            for key, value in values.items():
                self._nodes().set(key, value, ex=ttl_s)
            return
        with self._client.pipeline(transaction=False) as commands:
            for key, value in values.items():
                commands.set(key, value, ex=ttl_s)
            commands.execute()

    def renew(self) -> None:
        """After a failure: in a cluster, ask anew who holds what."""
        cluster, self._cluster = self._cluster, None
        if cluster is not None:
            cluster.close()

    def close(self) -> None:
        """Closing twice does nothing."""
        if self._client is not None:
            self._client.close()
        self.renew()

    def _nodes(self) -> Any:
        if self._cluster is None:
            options = {name: value for name, value in self._address.options.items() if name not in _OWN}
            options.update(self._options)
            del options["retry"]  # of single connections; a cluster's are never tried again
            self._cluster = RedisCluster(
                startup_nodes=[_NODE(host, port) for host, port in self._address.hosts],
                retry=Retry(NoBackoff(), 0),
                ssl=self._address.tls,
                **options,
            )
        return self._cluster


_OWN = ("host", "port", "db", "connection_class")
# Classes without type annotations.
_NODE: Any = ClusterNode
_SENTINEL: Any = Sentinel
_SENTINEL_POOL: Any = SentinelConnectionPool


def _options(timeout_s: float) -> dict[str, Any]:
    return {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": min(timeout_s, TIMEOUT_S),
        # Whether to send again is for the relay to decide: a repeat here would be a second copy.
        "retry": Retry(NoBackoff(), 0),
        "health_check_interval": 0,
        "protocol": 2,
        "decode_responses": True,
        # Others may write into the stream, too: what they wrote must not end the relay.
        "encoding_errors": "replace",
    }


def _behind_sentinels(address: Address, options: dict[str, Any]) -> Any:
    asked = {**(address.sentinel_options or {}), **options}
    asked.pop("connection_class", None)
    sentinel = _SENTINEL(address.hosts, sentinel_kwargs={**asked, "ssl": address.tls})
    own = {name: value for name, value in address.options.items() if name not in ("host", "port", "connection_class")}
    pool = _SENTINEL_POOL(address.service, sentinel, **{**own, **options}, ssl=address.tls)
    return redis.Redis.from_pool(pool)


def ping(url: str) -> str:
    """Which Redis answers at `url`, for people.

    Raises:
        BusError: none, or `url` is none of Redis.
    """
    try:
        link = Link(url)
    except ValueError as error:
        raise BusError(f"bus {shown(url)}: {error}") from error
    try:
        with one_sentence(url):
            return f"{shown(url)} answers, Redis {link.client('').info('server')['redis_version']}"
    finally:
        link.close()
