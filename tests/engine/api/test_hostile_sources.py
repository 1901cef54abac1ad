"""Hostile requests to add or change a source, each with its answer, and nothing of them happens or is repeated."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from engine.api import ApiConfig, ApiServer, create_app
from engine.history import History
from engine.sources.rules import NOT_REACHED
from tests.support.managing import Managed
from tests.support.rawhttp import RawAnswer, exchange
from tests.support.run_status import FixedView

SECRET = "hunter2"
HEAD = "Host: localhost\r\nConnection: close\r\n"


@pytest.fixture(scope="module")
def managed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Managed]:
    history = History(f"sqlite:///{tmp_path_factory.mktemp('hostile')}/h.db")
    history.open()
    made = Managed(history, schemes=("rtsp", "rtsps", "http", "https"))
    made.sources.add({"id": "cam", "uri": f"rtsp://admin:{SECRET}@10.0.0.7/live"})
    made.fleet.done.clear()
    yield made
    history.close()


@pytest.fixture(scope="module")
def url(managed: Managed) -> Iterator[str]:
    config = ApiConfig(port=0, sources=managed.config)
    history = History("sqlite://")
    history.open()
    running = ApiServer(create_app(FixedView(), history, config, "0.1.0", sources=managed.sources), config, 2, 1)
    running.start()
    yield running.url
    running.stop()
    history.close()


def send(url: str, method: str, path: str, body: str, kind: str = "application/json") -> RawAnswer:
    raw = body.encode("utf-8", "surrogatepass")
    head = f"{method} {path} HTTP/1.1\r\n{HEAD}Content-Type: {kind}\r\nContent-Length: {len(raw)}\r\n\r\n"
    return exchange(url, head.encode("latin-1") + raw)


UNREACHED = (
    # This machine, its link, its cloud; by number, by name, in the clothes of IPv6.
    "rtsp://127.0.0.1/", "rtsp://127.0.0.1:6379/", "http://127.0.0.1:8080/api/v1/status", "rtsp://127.255.1.2/",
    "rtsp://0.0.0.0/", "http://169.254.169.254/latest/meta-data/", "http://100.100.100.200/", "http://168.63.129.16/",
    "http://192.0.0.192/", "rtsp://224.0.0.1/", "rtsp://255.255.255.255/", "rtsp://240.0.0.1/", "rtsp://[::1]/",
    "rtsp://[::]/", "rtsp://[fe80::1]/", "rtsp://[ff02::1]/", "http://[fd00:ec2::254]/", "rtsp://[::ffff:127.0.0.1]/",
    "rtsp://[::ffff:a9fe:a9fe]/", "rtsp://[::127.0.0.1]/", "rtsp://[64:ff9b::7f00:1]/", "rtsp://[2002:7f00:1::]/",
    "rtsp://localhost/", "rtsp://LOCALHOST./", "rtsp://turned.lan/", "rtsp://unknown.invalid/",
    f"rtsp://camera.lan:{SECRET}@127.0.0.1/", "RTSPS://127.0.0.1:322/", "https://[::1]:443/",
)  # fmt: skip
MISSHAPEN = (
    # FFmpeg's protocols, and lists of them.
    "concat:rtsp://a|/etc/passwd", "subfile,,start,0,end,9,,:/etc/passwd", "tcp://10.0.0.7:1", "udp://239.0.0.1:1",
    "gopher://10.0.0.7/x", "data:text/plain,x", "unix:/run/docker.sock", "crypto:http://10.0.0.7/x", "pipe:0", "fd:0",
    "async:http://10.0.0.7/", "cache:http://10.0.0.7/", "ftp://10.0.0.7/", "srtp://10.0.0.7:1", "rtmp://10.0.0.7/x",
    "tls://10.0.0.7:443", "hls+http://10.0.0.7/x.m3u8", "javascript:alert(1)", "rtsp,http://10.0.0.7/",
    # Kinds of source that were not allowed.
    "file:///etc/passwd", "/etc/passwd", "../../etc/passwd", "webcam:0", "demo:", "C:\\x", "\\\\host\\share", "x",
    # One address that two programs would read as two.
    "rtsp://10.0.0.7\\@127.0.0.1/", "rtsp://127.0.0.1@10.0.0.7@x/", "rtsp://10.0.0.7#@127.0.0.1/",
    "rtsp://10.0.0.7/@127.0.0.1/", "rtsp://10.0.0.7?@127.0.0.1/", "rtsp://10.0.0.7 .127.0.0.1/", "rtsp:///127.0.0.1/",
    "rtsp:/127.0.0.1/", "rtsp:127.0.0.1", "//127.0.0.1/", "rtsp://", "rtsp://:80/", "rtsp://@/", "rtsp://u:p@/",
    # Line breaks, NULs and their disguises.
    "rtsp://10.0.0.7/\r\nHost: x", "rtsp://10.0.0.7/\n", "rtsp://10.0.0.7/\x00", "rtsp://10.0.0.7\x00.x/", "\x00",
    "rtsp://a%0d%0aX:y@10.0.0.7/", "rtsp://10.0.0.7/%00", "rtsp://10.0.0.7/%0A", "rtsp://10.0.0.7/\x1b[31m",
    # Numbers as only some read them; percent and letters of others in names.
    "rtsp://127.1/", "rtsp://2130706433/", "rtsp://0x7f000001/", "rtsp://0177.0.0.1/", "rtsp://0x7f.0.0.0x1/",
    "rtsp://127.0.0.1.5/", "rtsp://1/", "rtsp://%31%32%37.0.0.1/", "rtsp://127%2e0.0.1/", "rtsp://loc%61lhost/",
    "rtsp://\uff11\uff12\uff17.0.0.1/", "rtsp://\u24db\u24deⓒalhost/", "rtsp://127\u30020\u30020\u30021/",
    "rtsp://b\u00fccher/", "rtsp://10.0.0.7/\u202e", "rtsp://[::1%25lo]/", "rtsp://[fe80::1%eth0]/", "rtsp://[127.0.0.1]/",
    "rtsp://[::1/", "rtsp://::1/", "rtsp://10.0.0.7:0/", "rtsp://10.0.0.7:65536/", "rtsp://10.0.0.7:80:80/",
    "rtsp://10.0.0.7:-1/", "rtsp://10.0.0.7:0x50/", f"rtsp://{'a' * 300}/", f"rtsp://{'a.' * 200}/",
    # The environment, and what stands for a password.
    "rtsp://${HOME}@10.0.0.7/", "rtsp://10.0.0.7/${MOODLINE_TOKEN}", "rtsp://***@10.0.0.7/", "rtsp://a:***@10.0.0.7/",
    "http://10.0.0.7/?password=***", "rtsp://10.0.0.7/x?user=a&password=***&c=1",
)  # fmt: skip


def check(answer: RawAnswer, expected: int) -> Any:
    assert answer.status == expected, answer.body[:300]
    assert answer.headers["content-type"] == "application/problem+json"
    assert "location" not in answer.headers and SECRET.encode() not in answer.body and len(answer.body) < 4000
    return answer.json()


@pytest.mark.parametrize("uri", UNREACHED)
def test_places_that_must_not_be_reached_are_refused_in_the_same_words_whoever_is_there(
    url: str, managed: Managed, uri: str
) -> None:
    for method, path, body in (
        ("POST", "/api/v1/sources", {"id": "new", "uri": uri}),
        ("PATCH", "/api/v1/sources/cam", {"uri": uri}),
    ):
        assert check(send(url, method, path, json.dumps(body)), 422)["detail"] == f"uri: {NOT_REACHED}"
    assert managed.fleet.done == [] and len(managed.sources.all()) == 1


@pytest.mark.parametrize("uri", MISSHAPEN)
def test_addresses_that_hide_something_are_refused(url: str, managed: Managed, uri: str) -> None:
    for method, path, body in (
        ("POST", "/api/v1/sources", {"id": "new", "uri": uri}),
        ("PATCH", "/api/v1/sources/cam", {"uri": uri}),
    ):
        [error] = check(send(url, method, path, json.dumps(body)), 422)["errors"]
        assert error["field"] == "uri"
    assert managed.fleet.done == [] and len(managed.sources.all()) == 1


SOURCE = '{"id": "new", "uri": "rtsp://10.0.0.7/"'
REST: list[tuple[str, str, str, str, int]] = [
    # Names that climb, break lines, or are too long, in the path and in the body.
    *[
        (method, f"/api/v1/sources/{bad}", "{}", "application/json", 422)
        for method in ("PATCH", "DELETE")
        for bad in ("a%00b", "a%0d%0aX:y", "a" * 65, "%ff", "..%5c", "%F0%9F%98%80")
    ],
    ("DELETE", "/api/v1/sources/..%2f..%2fetc", "{}", "application/json", 404),
    ("DELETE", "/api/v1/sources/", "{}", "application/json", 404),
    ("DELETE", "/api/v1/sources", "{}", "application/json", 405),
    ("PUT", "/api/v1/sources/cam", "{}", "application/json", 405),
    ("POST", "/api/v1/sources/cam", "{}", "application/json", 405),
    *[
        ("POST", "/api/v1/sources", json.dumps({"id": bad, "uri": "rtsp://10.0.0.7/"}), "application/json", 422)
        for bad in ("a b", "a\r\nSet-Cookie: x", "a\x00", "../a", "<script>", "a/b", "é", "", "'; DROP TABLE runs; --")
    ],
    # Bodies that are none, or more than one.
    ("POST", "/api/v1/sources", SOURCE, "application/json", 400),
    ("POST", "/api/v1/sources", SOURCE + "}{}", "application/json", 400),
    ("POST", "/api/v1/sources", "[" * 100_000, "application/json", 400),
    ("POST", "/api/v1/sources", '{"a":' * 50_000, "application/json", 400),
    ("POST", "/api/v1/sources", SOURCE + ', "fps": Infinity}', "application/json", 400),
    ("POST", "/api/v1/sources", SOURCE + ', "fps": 1e999}', "application/json", 422),
    ("POST", "/api/v1/sources", SOURCE + f', "max_pixels": {"9" * 4000}}}', "application/json", 422),
    ("POST", "/api/v1/sources", SOURCE + f', "fps": {"9" * 4000}}}', "application/json", 422),
    ("POST", "/api/v1/sources", SOURCE + ', "id": "other"}', "application/json", 422),
    ("POST", "/api/v1/sources", SOURCE + ', "__class__": {"x": 1}}', "application/json", 422),
    ("POST", "/api/v1/sources", SOURCE + ', "\\ud800": 1}', "application/json", 422),
    ("POST", "/api/v1/sources", '{"id": "new", "uri": "\\ud800"}', "application/json", 422),
    ("POST", "/api/v1/sources", "{" + ",".join(f'"k{n}": 1' for n in range(50_000)) + "}", "application/json", 422),
    *[
        ("POST", "/api/v1/sources", json.dumps({**json.loads(SOURCE + "}"), key: long}), "application/json", 422)
        for key in ("id", "uri", "fps", "zoom", "z" * 10_000)
        for long in ("rtsp://" + "a" * 900_000, "a" * 900_000 + "://", ["x"] * 100_000)
    ],
    ("POST", "/api/v1/sources?paused=true", SOURCE + "}", "application/json", 422),
    # What a form of another page could send without asking.
    *[
        ("POST", "/api/v1/sources", SOURCE + "}", kind, 415)
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json")
    ],
    ("PATCH", "/api/v1/sources/cam", '{"paused": true}', "text/plain", 415),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "status"), REST, ids=[f"{r[0]} {r[1]} {r[2][:40]}" for r in REST]
)
def test_a_hostile_request_gets_its_answer(
    url: str, managed: Managed, method: str, path: str, body: str, kind: str, status: int
) -> None:
    check(send(url, method, path, body, kind), status)
    assert managed.fleet.done == [] and len(managed.sources.all()) == 1
