"""More than one Redis: a cluster of three, and a primary with its replica behind a sentinel. All on free TCP ports."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis

from tests.support.redis_server import RedisServer, until

_SLOTS = ((0, 5460), (5461, 10922), (10923, 16383))


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment."""
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in taken]


def listening(port: int, *options: str, password: str | None = None) -> RedisServer:
    """A server that also listens on TCP `port`."""
    own = ("--bind", "127.0.0.1", "--port", str(port), "--appendonly", "no")
    return RedisServer(*own, *options, password=password)


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Certificate and key for `localhost`, made on the spot."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=30)
    return certificate, key


@contextmanager
def redis_cluster(password: str | None = None) -> Iterator[tuple[str, list[RedisServer]]]:
    """The URL of a cluster of three primaries without replicas, and the three."""
    ports = free_ports(6)
    with ExitStack() as stack:
        servers = []
        for port, cluster_port in zip(ports[:3], ports[3:], strict=True):
            options = (
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                str(cluster_port),
                "--cluster-node-timeout",
                "1000",
            )
            servers.append(stack.enter_context(listening(port, *options, password=password)))
        clients = [stack.enter_context(redis.Redis.from_url(server.url, decode_responses=True)) for server in servers]
        for client, (first, last) in zip(clients, _SLOTS, strict=True):
            client.execute_command("CLUSTER ADDSLOTSRANGE", first, last)
        for port, cluster_port in zip(ports[1:3], ports[4:], strict=True):
            clients[0].execute_command("CLUSTER MEET", "127.0.0.1", port, cluster_port)
        until(lambda: all(_whole(client) for client in clients), 20)
        userinfo = f":{password}@" if password else ""
        yield f"redis+cluster://{userinfo}" + ",".join(f"127.0.0.1:{port}" for port in ports[:3]), servers


def _whole(client: Any) -> bool:
    told = client.execute_command("CLUSTER INFO")
    info = told if isinstance(told, dict) else dict(line.split(":", 1) for line in told.split())
    return info["cluster_state"] == "ok" and info["cluster_known_nodes"] == "3"


class Watched:
    """A primary and a replica watched over by one sentinel, which `fail_over` tells to change them."""

    def __init__(self, stack: ExitStack) -> None:
        first, second, self._port = free_ports(3)
        # Of its own accord a primary waits five seconds for more replicas before it sends its data.
        at_once = ("--repl-diskless-sync-delay", "0")
        self.servers = [stack.enter_context(listening(port, *at_once)) for port in (first, second)]
        self.clients: list[Any] = [
            stack.enter_context(redis.Redis.from_url(server.url, decode_responses=True)) for server in self.servers
        ]
        self.clients[1].replicaof("127.0.0.1", first)
        # A sentinel that finds the replica at its first look need not look again ten seconds later.
        until(self._follows, 20)
        self._folder = self.servers[0].folder
        config = self._folder / "sentinel.conf"
        config.write_text(
            f"port {self._port}\nbind 127.0.0.1\ndir {self._folder}\n"
            f"sentinel monitor shop 127.0.0.1 {first} 1\nsentinel down-after-milliseconds shop 1500\n"
            "sentinel failover-timeout shop 2000\n"
        )
        command = ["redis-server", str(config), "--sentinel"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(self._process.wait, 10)
        stack.callback(self._process.kill)
        self._sentinel: Any = stack.enter_context(redis.Redis(port=self._port, decode_responses=True))
        until(self._ready, 20)
        for name, milliseconds in (("info-period", 200), ("ping-period", 100), ("publish-period", 200)):
            self._sentinel.execute_command("SENTINEL DEBUG", name, milliseconds)

    @property
    def url(self) -> str:
        return f"redis+sentinel://127.0.0.1:1,127.0.0.1:{self._port}/shop/0"

    def fail_over(self) -> None:
        """Returns when the replica has become the primary."""
        self._sentinel.execute_command("SENTINEL FAILOVER shop")
        until(lambda: self._role(1) == "master", 20)

    def _role(self, number: int) -> str:
        try:
            return str(self.clients[number].info("replication")["role"])
        except redis.exceptions.ConnectionError:  # who changes roles lets go of its connections
            return ""

    def _ready(self) -> bool:
        try:
            return bool(self._sentinel.execute_command("SENTINEL REPLICAS shop"))
        except redis.exceptions.ConnectionError:
            return False

    def _follows(self) -> bool:
        return bool(self.clients[1].info("replication").get("master_link_status") == "up")


@contextmanager
def behind_a_sentinel() -> Iterator[Watched]:
    with ExitStack() as stack:
        yield Watched(stack)
