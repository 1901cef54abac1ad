"""Real servers of every kind that a bus URL can lead to: TLS, users of an ACL, a cluster, a sentinel."""

from pathlib import Path
from typing import Any

import orjson
import pytest
import redis

from engine.bus import BusConfig, RedisBus, ping
from engine.bus.address import parse
from engine.bus.reader import OLDEST, StreamReader
from engine.bus.redis_bus import mark_name
from engine.errors import BusError
from engine.history import History
from tests.support.documents import event
from tests.support.redis_many import behind_a_sentinel, free_ports, listening, redis_cluster, self_signed
from tests.support.redis_server import RedisServer, until
from tests.support.relaying import Relaying

CANARY = "hunter2-S3cr3t"


def read_all(url: str) -> list[int]:
    """The numbers of all events of the stream, as a reader of the same URL gets them."""
    reader = StreamReader(url, "moodline", OLDEST)
    try:
        return [orjson.loads(entry.payload)["seq"] for entry in reader.read()]
    finally:
        reader.close()


def test_tls_with_a_certificate_of_one_s_own(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    [port] = free_ports(1)
    options = ("--tls-port", str(port), "--tls-cert-file", str(certificate), "--tls-key-file", str(key))
    with RedisServer(*options, "--tls-ca-cert-file", str(certificate), "--tls-auth-clients", "no", password=CANARY):
        url = f"rediss://:{CANARY}@localhost:{port}/0?ssl_ca_certs={certificate}"
        bus = RedisBus(url, "moodline")
        bus.publish([event(1), event(2)])
        bus.close()
        assert read_all(url) == [1, 2]
        assert CANARY not in ping(url)
        strange = RedisBus(f"rediss://:{CANARY}@localhost:{port}/0", "moodline")
        with pytest.raises(BusError, match="certificate verify failed") as caught:
            strange.publish([event(3)])
        assert CANARY not in str(caught.value)
        strange.close()


def test_a_user_of_an_acl_needs_no_more_than_the_documentation_says() -> None:
    rules = (
        "~moodline:* &moodline:* -@all +eval +xadd +xtrim +xrevrange +xinfo +exists +get +set +del +publish +info +ping"
    )
    with RedisServer() as server, redis.Redis.from_url(server.url) as client:
        client.execute_command("ACL SETUSER", "engine", "on", f">{CANARY}", *rules.split())
        bus = RedisBus(server.url.replace("unix://", f"unix://engine:{CANARY}@"), "moodline")
        with pytest.raises(BusError, match="lost events"):
            bus.resume(event(1))
        bus.publish([event(1), event(2)])
        bus.heartbeat(event(1).run_id, {}, {"door": {}})
        assert client.xlen("moodline:events") == 2
        bus.close()


def test_a_cluster_keeps_stream_and_mark_together_and_passes_on_what_is_published() -> None:
    with redis_cluster() as (url, servers):
        bus = RedisBus(url, "moodline")
        clients = [redis.Redis.from_url(server.url, decode_responses=True) for server in servers]
        listeners = [client.pubsub() for client in clients]
        for listener in listeners:
            listener.subscribe("moodline:events:door")
            assert listener.get_message(timeout=10)["type"] == "subscribe"
        bus.publish([event(1), event(2)])
        bus.publish([event(2), event(3)])  # as after an answer that got lost
        bus.heartbeat(event(1).run_id, {"run_id": "x"}, {"door": {}, "desk": {}, "yard": {}})
        assert read_all(url) == [1, 2, 3]
        for listener in listeners:
            assert orjson.loads(listener.get_message(timeout=10)["data"])["seq"] == 1
            listener.close()
        keys = [key for client in clients for key in client.keys()]  # noqa: SIM118
        assert sorted(keys) == sorted([
            "moodline:events", mark_name("moodline", event(1).run_id), f"moodline:engine:{event(1).run_id}",
            "moodline:source:door", "moodline:source:desk", "moodline:source:yard",
        ])  # fmt: skip
        for client in clients:
            client.close()
        bus.close()


def test_a_cluster_without_the_stream_s_node_is_a_state_and_goes_on_when_it_is_back() -> None:
    with redis_cluster() as (url, servers):
        bus = RedisBus(url, "moodline")
        bus.publish([event(1)])
        holder = next(server for server in servers if _has_stream(server))
        holder.freeze()
        for _ in range(2):
            with pytest.raises(BusError) as caught:
                bus.publish([event(2)])
            assert caught.value.cause in ("timeout", "moved", "unreachable")
        holder.thaw()
        until(lambda: _published(bus, 2), 20)
        assert read_all(url) == [1, 2]
        bus.close()


def _has_stream(server: RedisServer) -> bool:
    with redis.Redis.from_url(server.url) as client:
        return bool(client.keys("moodline:events"))


def _published(bus: RedisBus, seq: int) -> bool:
    try:
        bus.publish([event(seq)])
    except BusError:
        return False
    return True


def test_one_node_s_own_url_of_a_cluster_tells_how_to_write_it() -> None:
    with redis_cluster() as (url, _servers):
        ports = [one.rpartition(":")[2] for one in url.split(",")]
        told = []
        for port in ports:
            bus = RedisBus(f"redis://127.0.0.1:{port}/0", "moodline")
            try:
                bus.publish([event(1)])
            except BusError as error:
                told.append((error.cause, str(error)))
            bus.close()
        assert len(told) == 2
        assert all(cause == "moved" for cause, _ in told)


@pytest.mark.slow  # a failover takes some seconds
def test_behind_a_sentinel_events_go_on_to_the_new_primary_once_each(begun: History) -> None:
    """Also those that the old primary took and had not passed on when it was demoted: the mark tells."""
    with behind_a_sentinel() as watched:
        bus = RedisBus(watched.url, "moodline")
        with Relaying(begun, bus, rate=200) as running:
            until(lambda: running.appended >= 100 and running.status.state == "ok")
            watched.fail_over()
            goal = running.appended + 200
            until(lambda: running.appended >= goal)
            running.stop_feeding()
            until(lambda: running.status.pending == 0 and running.status.state == "ok")
            until(lambda: _seqs(watched.clients[1]) == list(range(1, running.appended + 1)), 20)
        bus.close()


def _seqs(client: Any) -> list[int]:
    return [int(fields["seq"]) for _, fields in client.xrange("moodline:events")]


def test_a_service_that_the_sentinels_do_not_know_is_told() -> None:
    with behind_a_sentinel() as watched:
        bus = RedisBus(watched.url.replace("/shop/", "/store/"), "moodline")
        with pytest.raises(BusError, match="Redis cannot be reached: No master found for 'store'"):
            bus.publish([event(1)])
        bus.close()


def test_a_user_and_password_in_a_tcp_url() -> None:
    [port] = free_ports(1)
    with listening(port, password="p@ss/w:rd#?"):
        url = f"redis://default:p%40ss%2Fw%3Ard%23%3F@127.0.0.1:{port}/0"
        bus = RedisBus(url, "moodline")
        bus.publish([event(1)])
        assert read_all(url) == [1]
        bus.close()


@pytest.mark.parametrize(
    ("url", "hosts", "service", "database"),
    [
        ("redis+sentinel://a:1,b/shop/3", (("a", 1), ("b", 26379)), "shop", 3),
        ("rediss+sentinel://u:p%40@[::1]:7/shop", (("::1", 7),), "shop", None),
        ("redis+cluster://a,b:2", (("a", 6379), ("b", 2)), "", None),
        ("redis+cluster://u:p@a/0", (("a", 6379),), "", 0),
    ],
)
def test_addresses_of_many_are_taken_apart(
    url: str, hosts: tuple[tuple[str, int], ...], service: str, database: int | None
) -> None:
    address = parse(url)
    assert (address.hosts, address.service, address.options.get("db")) == (hosts, service, database)
    assert address.tls == url.startswith("rediss")
    BusConfig(url=url)


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://a:1",  # no service
        "redis+sentinel://a:1/shop/0/more",
        "redis+cluster://a:1/3",  # clusters have no databases
        f"redis+cluster://u:{CANARY}@/0",  # no host
        f"redis+sentinel://u:{CANARY}@h:port/shop",
        f"redis+sentinel://u:{CANARY}@h/shop?colour=red",
    ],
)
def test_addresses_of_many_that_cannot_work_are_refused_early(url: str) -> None:
    with pytest.raises(ValueError, match=r"not a Redis URL; write redis\+(sentinel|cluster)://") as caught:
        BusConfig(url=url)
    assert CANARY not in getattr(caught.value, "errors")()[0]["msg"]  # noqa: B009


def test_sentinels_have_credentials_of_their_own_and_they_are_hidden() -> None:
    url = f"redis+sentinel://u:p@a/shop?sentinel_username=s&sentinel_password={CANARY}&ssl_ca_certs=/ca.pem"
    address = parse(url.replace("redis+", "rediss+"))
    assert address.sentinel_options is not None
    assert address.sentinel_options["password"] == CANARY
    assert address.options["password"] == "p"
    bus = RedisBus(url.replace("&ssl_ca_certs=/ca.pem", ""), "moodline")
    assert CANARY not in bus.url
    bus.close()
