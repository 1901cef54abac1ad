import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest
import redis
from redis import exceptions

from engine.bus import RedisBus, ping
from engine.bus.meanings import one_sentence
from engine.bus.redis_bus import mark_name
from engine.errors import BusError, BusForgot
from tests.support.documents import event, status
from tests.support.redis_server import RedisServer, until

CANARY = "hunter2-S3cr3t"


def seqs(reader: Any) -> list[int]:
    return [int(fields["seq"]) for _, fields in reader.xrange("moodline:events")]


def test_an_entry_of_the_stream_has_the_contract_s_fields(server: RedisServer, client: Any) -> None:
    made = event(7)
    RedisBus(server.url, "moodline").publish([made, status(8)])
    [(_, fields), (_, of_source)] = client.xrange("moodline:events")
    assert fields.pop("payload") == orjson.dumps(made.document).decode()
    assert fields == {
        "event_id": made.event_id, "type": "new", "source_id": "door", "track_uid": made.track_uid, "seq": "7",
    }  # fmt: skip
    assert of_source["track_uid"] == ""


def test_both_channels_carry_the_same_document(server: RedisServer, client: Any) -> None:
    with client.pubsub() as listener:
        listener.subscribe("moodline:events", "moodline:events:desk")
        for _ in range(2):
            assert listener.get_message(timeout=10)["type"] == "subscribe"
        RedisBus(server.url, "moodline").publish([event(1), event(2, source_id="desk")])
        got = [listener.get_message(timeout=10) for _ in range(3)]
    assert [(one["channel"], orjson.loads(one["data"])["seq"]) for one in got] == [
        ("moodline:events", 1), ("moodline:events", 2), ("moodline:events:desk", 2),
    ]  # fmt: skip


def test_the_stream_is_trimmed_to_about_maxlen(server: RedisServer, client: Any) -> None:
    bus = RedisBus(server.url, "moodline", maxlen=100)
    for first in range(1, 1001, 100):
        bus.publish([event(n) for n in range(first, first + 100)])
    assert 100 <= client.xlen("moodline:events") < 300
    assert seqs(client)[-1] == 1000


def test_the_heartbeat_is_forgotten_by_itself(server: RedisServer, client: Any) -> None:
    RedisBus(server.url, "lobby").heartbeat("run-1", {"run_id": "run-1"}, {})
    assert orjson.loads(client.get("lobby:engine:run-1")) == {"run_id": "run-1"}
    assert 0 < client.ttl("lobby:engine:run-1") <= 15


def test_each_source_has_a_key_that_is_forgotten_by_itself(server: RedisServer, client: Any) -> None:
    RedisBus(server.url, "lobby").heartbeat("run-1", {"run_id": "run-1"}, {"door": {"state": "online"}, "desk": {}})
    assert orjson.loads(client.get("lobby:source:door")) == {"state": "online"}
    assert orjson.loads(client.get("lobby:source:desk")) == {}
    assert 0 < client.ttl("lobby:source:door") <= 15


def test_two_runs_share_a_stream_and_each_goes_on_where_it_was(server: RedisServer, client: Any) -> None:
    one, other = RedisBus(server.url, "moodline"), RedisBus(server.url, "moodline")
    one.publish([event(1, run_id="one"), event(2, run_id="one")])
    other.publish([event(1, run_id="other")])
    one.publish([event(3, run_id="one")])
    assert [fields["event_id"] for _, fields in client.xrange("moodline:events")] == [
        event(seq, run_id=run_id).event_id for run_id, seq in (("one", 1), ("one", 2), ("other", 1), ("one", 3))
    ]
    assert (one.sent("one"), one.sent("other"), one.sent("third")) == (3, 1, 0)


def test_a_stream_from_before_there_were_marks_is_gone_on_with(server: RedisServer, client: Any) -> None:
    RedisBus(server.url, "moodline").publish([event(n) for n in range(1, 1501)])
    client.delete(mark_name("moodline", event(1).run_id))
    bus = RedisBus(server.url, "moodline")
    bus.resume(event(200))  # further back than one look
    bus.publish([event(n) for n in range(201, 301)])
    assert len(seqs(client)) == 1600


def test_a_batch_half_of_which_is_there_is_completed_also_without_a_mark(server: RedisServer, client: Any) -> None:
    RedisBus(server.url, "moodline").publish([event(1), event(2)])
    client.delete(mark_name("moodline", event(1).run_id))
    RedisBus(server.url, "moodline").publish([event(1), event(2), event(3)])
    assert seqs(client) == [1, 2, 3]


def test_a_redis_that_forgot_says_so_once_and_takes_everything_then(server: RedisServer, client: Any) -> None:
    bus = RedisBus(server.url, "moodline")
    bus.publish([event(1), event(2)])
    client.flushall()
    with pytest.raises(BusForgot) as caught:
        bus.publish([event(3)])
    assert (caught.value.sent, caught.value.kept, caught.value.run_id) == (2, 0, event(1).run_id)
    assert client.keys() == []
    bus.publish([event(1), event(2), event(3)])
    assert seqs(client) == [1, 2, 3]
    client.flushall()
    with pytest.raises(BusForgot):
        bus.heartbeat(event(1).run_id, {}, {})


def evicted(client: Any) -> None:
    """As `allkeys-lru` does it: the stream goes, the mark stays."""
    client.delete("moodline:events")


@pytest.mark.parametrize("told", ["publish", "heartbeat", "resume"])
@pytest.mark.parametrize(
    "remade",
    [
        lambda client: client.xgroup_create("moodline:events", "alarms", id="0", mkstream=True),
        lambda client: client.xadd("moodline:events", {"made": "by somebody else"}),
        lambda client: [client.xadd("moodline:events", {"n": n}, id=f"{n}-1") for n in range(1, 9)],
    ],
    ids=["by a group", "by an entry", "by many old entries"],
)
def test_a_stream_that_others_made_anew_after_its_eviction_is_no_hiding_place(
    server: RedisServer, client: Any, remade: Callable[[Any], Any], told: str
) -> None:
    bus = RedisBus(server.url, "moodline")
    bus.publish([event(1), event(2), event(3)])
    evicted(client)
    remade(client)
    others = client.xlen("moodline:events")
    with pytest.raises(BusForgot) as caught:
        if told == "publish":
            bus.publish([event(4)])
        elif told == "heartbeat":
            bus.heartbeat(event(1).run_id, {}, {})
        else:
            bus = RedisBus(server.url, "moodline")
            bus.resume(event(3))
    assert (caught.value.sent, caught.value.kept) == (3, 0)
    bus.publish([event(n) for n in range(1, 5)])
    assert [int(fields["seq"]) for _, fields in client.xrange("moodline:events")[others:]] == [1, 2, 3, 4]


@pytest.mark.parametrize("gone", ["trimmed", "erased"])
@pytest.mark.parametrize("allowed", ["+@all", "-xinfo"])
def test_a_stream_whose_entries_were_taken_out_is_still_the_same(
    server: RedisServer, client: Any, gone: str, allowed: str
) -> None:
    client.execute_command("ACL SETUSER", "writer", "on", ">p", "~*", "&*", "+@all", allowed)
    bus = RedisBus(server.url.replace("unix://", "unix://writer:p@"), "moodline")
    bus.publish([event(1), event(2), event(3)])
    if gone == "trimmed":
        client.xtrim("moodline:events", maxlen=0, approximate=False)
    else:
        client.xdel("moodline:events", *[entry for entry, _ in client.xrange("moodline:events")])
    bus.heartbeat(event(1).run_id, {}, {})
    bus.publish([event(4)])
    assert seqs(client) == [4]


def test_a_mark_of_an_older_program_is_gone_on_with(server: RedisServer, client: Any) -> None:
    bus = RedisBus(server.url, "moodline")
    bus.publish([event(1), event(2)])
    client.set(mark_name("moodline", event(1).run_id), 2)
    RedisBus(server.url, "moodline").publish([event(1), event(2), event(3)])
    assert seqs(client) == [1, 2, 3]


def test_the_loss_of_one_run_is_noticed_before_another_is_begun(server: RedisServer, client: Any) -> None:
    for told in ("publish", "heartbeat"):
        bus = RedisBus(server.url, "moodline")
        bus.publish([event(1, run_id="one"), event(2, run_id="one")])
        client.flushall()
        with pytest.raises(BusForgot) as caught:
            bus.publish([event(1, run_id="two")]) if told == "publish" else bus.heartbeat("two", {}, {})
        assert (caught.value.run_id, client.keys()) == ("one", [])


def test_a_start_notices_that_redis_was_wiped_meanwhile(server: RedisServer) -> None:
    with pytest.raises(BusForgot):
        RedisBus(server.url, "moodline").resume(event(7))


def test_a_user_who_may_not_publish_still_gets_the_stream_filled_once(server: RedisServer, client: Any) -> None:
    client.execute_command("ACL SETUSER", "writer", "on", ">p", "~moodline:*", "resetchannels", "+@all")
    bus = RedisBus(server.url.replace("unix://", "unix://writer:p@"), "moodline")
    bus.publish([event(1)])
    bus.publish([event(2)])
    assert seqs(client) == [1, 2]


def test_a_user_who_may_not_keep_the_mark_adds_nothing(server: RedisServer, client: Any) -> None:
    client.execute_command("ACL SETUSER", "writer", "on", ">p", "~moodline:events", "%R~moodline:*", "&*", "+@all")
    bus = RedisBus(server.url.replace("unix://", "unix://writer:p@"), "moodline")
    with pytest.raises(BusError, match="check its ACL"):
        bus.publish([event(1)])
    assert client.keys() == []


def test_what_the_stream_already_has_is_not_sent_again_after_a_restart(server: RedisServer, client: Any) -> None:
    sent = [event(n) for n in range(1, 8)]
    RedisBus(server.url, "moodline").publish(sent[:5])
    after_the_crash = RedisBus(server.url, "moodline")
    after_the_crash.publish(sent[:2])  # smaller batches than before
    after_the_crash.publish(sent[2:4])
    after_the_crash.publish(sent[4:7])
    assert seqs(client) == [1, 2, 3, 4, 5, 6, 7]


def test_a_frozen_redis_costs_a_second_and_no_copy(server: RedisServer, client: Any) -> None:
    bus = RedisBus(server.url, "moodline")
    bus.publish([event(1)])
    server.freeze()
    began = time.monotonic()
    with pytest.raises(BusError, match="does not answer in time"):
        bus.publish([event(2), event(3)])
    assert time.monotonic() - began < 3  # one second, no repeat, and room for a busy machine
    server.thaw()
    until(lambda: len(seqs(client)) == 3)  # the server has read it all the same
    bus.publish([event(2), event(3)])
    bus.publish([event(4)])
    assert seqs(client) == [1, 2, 3, 4]


def test_a_killed_redis_is_found_again(server: RedisServer) -> None:
    bus = RedisBus(server.url, "moodline")
    bus.publish([event(1)])
    server.kill()
    with pytest.raises(BusError, match="cannot be reached"):
        bus.publish([event(2)])
    server.start()
    bus.publish([event(2)])
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        assert seqs(client) == [1, 2]


def test_nothing_listening_is_told_at_once() -> None:
    bus = RedisBus(f"redis://user:{CANARY}@127.0.0.1:1/0", "moodline")
    with pytest.raises(BusError, match=r"bus redis://\*\*\*@127\.0\.0\.1:1/0: Redis cannot be reached") as caught:
        bus.publish([event(1)])
    assert CANARY not in str(caught.value)


def test_wrong_and_missing_credentials_are_told_apart_from_an_outage() -> None:
    with RedisServer(password="right") as server:
        wrong = RedisBus(server.url_with(CANARY), "moodline")
        missing = RedisBus(server.url.replace(":right@", ""), "moodline")
        for bus in (wrong, missing):
            with pytest.raises(BusError, match="Redis refuses the credentials; check user and password") as caught:
                bus.publish([event(1)])
            assert CANARY not in str(caught.value)


def test_a_full_redis_takes_nothing_of_a_batch() -> None:
    with RedisServer("--maxmemory", "1", "--maxmemory-policy", "noeviction") as server:
        bus = RedisBus(server.url, "moodline")
        with pytest.raises(BusError, match=r"Redis is out of memory; raise maxmemory or lower bus\.maxlen"):
            bus.publish([event(1), event(2)])
        with redis.Redis.from_url(server.url, decode_responses=True) as client:
            client.config_set("maxmemory", 0)
            bus.publish([event(1), event(2)])
            assert seqs(client) == [1, 2]


def test_a_replica_is_named_as_such(server: RedisServer, client: Any) -> None:
    client.replicaof("127.0.0.1", 1)
    with pytest.raises(BusError, match=r"read-only replica; point bus\.url at the primary"):
        RedisBus(server.url, "moodline").publish([event(1)])


def test_what_others_write_into_the_stream_does_no_harm(server: RedisServer, client: Any) -> None:
    client.xadd("moodline:events", {b"\xff": b"\xfe no text"})
    RedisBus(server.url, "moodline").publish([event(1)])
    assert client.xlen("moodline:events") == 2


def test_what_redis_refuses_is_told_without_the_event(server: RedisServer, client: Any) -> None:
    client.execute_command("ACL SETUSER", "writer", "on", ">p", "~*", "&*", "+@all", "-xadd")
    bus = RedisBus(server.url.replace("unix://", "unix://writer:p@"), "moodline")
    with pytest.raises(BusError, match=r"check its ACL: [^{}]*$") as caught:
        bus.publish([event(1)])
    assert caught.value.cause == "forbidden"
    assert client.keys() == []


def test_a_key_of_another_kind_is_told(server: RedisServer, client: Any) -> None:
    client.set("moodline:events", "mine")
    with pytest.raises(BusError, match=r"the stream's key holds something else; choose another bus\.prefix"):
        RedisBus(server.url, "moodline").publish([event(1)])


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (exceptions.BusyLoadingError("LOADING"), "Redis is still loading its data"),
        (exceptions.NoPermissionError("no"), "Redis does not let this user do that; check its ACL: no"),
        (exceptions.MaxConnectionsError("Too many"), "Redis has no connection left: Too many"),
        (exceptions.AuthorizationError(""), "Redis refuses the credentials"),
        (exceptions.ResponseError("MISCONF disk"), "Redis cannot save to its disk: MISCONF disk"),
        (exceptions.RedisError(""), "Redis failed"),
        (OSError(f"redis://u:{CANARY}@h broke"), r"Redis cannot be reached: redis://\*\*\*@h broke"),
    ],
)
def test_each_error_of_redis_has_its_sentence(error: Exception, sentence: str) -> None:
    with pytest.raises(BusError, match=rf"^bus redis://h: {sentence}") as caught, one_sentence("redis://h"):
        raise error
    assert CANARY not in str(caught.value)


def test_ping_names_the_version_and_hides_the_password() -> None:
    with RedisServer(password=CANARY) as server:
        assert "answers, Redis " in ping(server.url)
        assert CANARY not in ping(server.url)
    for url in ("redis://127.0.0.1:1", "gopher://x"):
        with pytest.raises(BusError):
            ping(url)
