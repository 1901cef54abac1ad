"""A table of hostile requests against the running server, each with the answer it gets."""

import json
import select
import socket
import time
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from engine.api import ApiConfig, ApiServer, create_app
from engine.history import History
from tests.support.documents import event
from tests.support.rawhttp import RawAnswer, connect, exchange, parse, read_all
from tests.support.run_status import FixedView

SQL = (
    "' OR 1=1 --",
    "'; DROP TABLE events; --",
    '" UNION SELECT payload FROM events --',
    "%' AND 1=randomblob(1e9) --",
)
CLIMBS = (
    "/../../etc/passwd", "/swagger/../../../etc/passwd", "/swagger/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd",
    "/swagger/..%2f..%2fetc%2fpasswd", "/swagger/swagger-ui.css%00.png", "/api/v1/tracks/../../status/x",
    "/api/v1/%2e%2e/%2e%2e/etc/passwd", "/.git/config", "/api/v1/tracks/a/b/c",
    "/api/v1/tracks/..%2f..%2fetc%2fpasswd",  # a slash by another name is a slash
)  # fmt: skip
NO_NAMES = ("a%00b", "a%0d%0aSet-Cookie:x", "%1b[31m", "%ff%fe", "%F0%9F%98%80", "%7f", "..%5c", "a" * 65, "%u0041")
NO_COUNTS = (
    "0", "-1", "999999999", "9" * 26, "9" * 5000, "1e3", "0x10", "1.5", "NaN", "", "%20", "9223372036854775808",
)  # fmt: skip
NO_DURATIONS = ("-1", "nan", "inf", "1e400", "1e10", "9" * 400)
NO_TIMES = (
    "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-23:00", "99999-01-01T00:00:00Z", "now", "2026-11-22T25:00:00Z", "",
)  # fmt: skip
METHODS = ("PUT", "PATCH", "DELETE", "TRACE", "OPTIONS")
NO_CURSORS = ("AAAA", "ZXZlbnRzOi0x", "ZXZlbnRzOjk5OTk5OTk5OTk5OTk5OTk5OTk5", "%00", "a" * 5000)
HOST = "Host: localhost\r\nConnection: close\r\n"


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    opened = History(f"sqlite:///{tmp_path_factory.mktemp('hostile')}/h.db")
    opened.open()
    opened.append([event(n, track_id=n % 7) for n in range(1, 500)])
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def url(history: History) -> Iterator[str]:
    """A server without a token, on loopback."""
    yield from serve(history, ApiConfig(port=0))


@pytest.fixture(scope="module")
def guarded(history: History) -> Iterator[str]:
    """One with a token."""
    yield from serve(history, ApiConfig(port=0, token="open-sesame"))


def serve(history: History, config: ApiConfig) -> Iterator[str]:
    running = ApiServer(create_app(FixedView(), history, config, "0.1.0"), config, request_s=2, answer_s=1)
    running.start()
    yield running.url
    running.stop()


def get(target: str, *headers: str) -> bytes:
    lines = "".join(f"{line}\r\n" for line in headers)
    return f"GET {target} HTTP/1.1\r\n{HOST}{lines}\r\n".encode("latin-1")


def post(target: str, body: str, *headers: str, method: str = "POST") -> bytes:
    lines = "".join(f"{line}\r\n" for line in headers)
    return f"{method} {target} HTTP/1.1\r\n{HOST}{lines}\r\n{body}".encode("latin-1")


def filters(text: str) -> list[str]:
    """`text` in each filter of events and tracks."""
    names = ("source_id", "label", "from", "to", "min_duration_s", "limit", "cursor")
    return [
        *(f"/api/v1/events?{name}={quote(text)}" for name in (*names, "type", "track_uid")),
        *(f"/api/v1/tracks?{name}={quote(text)}" for name in names),
        f"/api/v1/tracks/{quote(text)}",
        f"/api/v1/tracks/{quote(text)}/history",
    ]


TABLE = [
    # Paths that climb: there is no file to reach, and none is looked for.
    *[(get(path), 404) for path in CLIMBS],
    # NUL, control characters, line breaks and letters of other alphabets where a name belongs.
    *[(get(f"/api/v1/tracks/{bad}"), 422) for bad in NO_NAMES],
    *[(get(f"/api/v1/events?source_id={bad}"), 422) for bad in NO_NAMES],
    # Numbers and times beyond any range, and cursors that we never gave.
    *[(get(f"/api/v1/events?limit={bad}"), 422) for bad in NO_COUNTS],
    *[(get(f"/api/v1/events?min_duration_s={bad}"), 422) for bad in NO_DURATIONS],
    *[(get(f"/api/v1/events?from={bad}"), 422) for bad in NO_TIMES],
    (get("/api/v1/events?from=2026-11-22T10:00:01Z&to=2026-11-22T10:00:00Z"), 422),
    *[(get(f"/api/v1/events?cursor={bad}"), 422) for bad in NO_CURSORS],
    # SQL in every filter is text that matches nothing, or no value of its kind. It never runs.
    *[(get(path), None) for text in SQL for path in filters(text)],
    # Far too much of something.
    (get("/api/v1/events?" + "&".join(f"p{n}=1" for n in range(1000))), 422),
    (get("/api/v1/events?" + "&".join(f"p{n}=1" for n in range(2000))), 414),
    (get("/" + "a" * 100_000), 414),
    (get("/healthz", "X-Big: " + "a" * 100_000), 431),
    (get("/healthz", *(f"X-{n}: 1" for n in range(5000))), 431),
    (get("/healthz", *(f"X-{n}: 1" for n in range(90))), 200),
    (post("/api/v1/status", "", "Content-Length: 10000000"), 413),
    (post("/api/v1/status", "x" * 10_000_000, "Content-Length: 10000000"), 413),
    (post("/api/v1/status", "", f"Content-Length: {'9' * 19}"), 413),
    (post("/api/v1/status", "5\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), 411),
    # Requests that two servers would read differently.
    (post("/healthz", "{}", "Content-Length: -1"), 400),
    (post("/healthz", "{}", "Content-Length: 2", "Content-Length: 3"), 400),
    (post("/healthz", "0\r\n\r\n", "Content-Length: 4", "Transfer-Encoding: chunked"), 400),
    (post("/healthz", "{}", "Content-Length : 2"), 400),
    (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n folded: x\r\n\r\n", 400),
    (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n", 400),
    (b"GET /health\x80z HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"GET /healthz\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS to a plain port
    (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"BREW /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"*1\r\n$4\r\nPING\r\n", 400),
    # Names of others, and pages of others.
    (b"GET /api/v1/status HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 400),
    (b"GET /api/v1/status HTTP/1.0\r\n\r\n", 400),
    (get("http://evil.example/api/v1/status"), 200),  # the Host header is ours; the address is not looked at
    (get("/api/v1/status", "Host: evil.example"), 400),  # a second one
    (get("/api/v1/status", "X-Forwarded-Host: evil.example", "X-Forwarded-For: 10.0.0.1"), 200),  # not believed
    (get("/api/v1/status", "Origin: http://evil.example"), 403),
    (get("/api/v1/status", "Origin: null"), 403),
    (get("/api/v1/status", "Origin: http://localhost"), 200),
    (get("/api/v1/status", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"), 200),  # a link
    (post("/api/v1/status", "", "Origin: http://evil.example", "Content-Length: 0"), 403),
    (post("/api/v1/status", "", "Origin: http://localhost:9999", "Content-Length: 0"), 403),
    (post("/api/v1/status", "", "Sec-Fetch-Site: cross-site", "Content-Length: 0"), 403),
    (post("/api/v1/status", "", "Sec-Fetch-Site: same-site", "Content-Length: 0"), 403),
    (post("/api/v1/status", "a=1", "Content-Type: application/x-www-form-urlencoded", "Content-Length: 3"), 405),
    # Methods that change things, where nothing can be changed; upgrades, to what is not spoken.
    *[(post("/api/v1/events", "", "Content-Length: 0", method=method), 405) for method in METHODS],
    (get("/api/v1/status", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: eA=="), 200),
    (get("/api/v1/status", "X-HTTP-Method-Override: DELETE"), 200),
]  # fmt: skip


def check(answer: RawAnswer, expected: int | None) -> None:
    """`expected` None: any refusal, or an empty page."""
    if expected is None:
        assert answer.status in (200, 404, 422), answer
        assert answer.status != 200 or answer.json()["items"] == []
    else:
        assert answer.status == expected, answer.body[:300]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert not {"server", "set-cookie", "location", "access-control-allow-origin"} & set(answer.headers)
    if answer.status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status
        assert len(answer.body) < 4000


@pytest.mark.parametrize(("sent", "expected"), TABLE, ids=[str(sent[:60]) for sent, _ in TABLE])
def test_a_hostile_request_gets_its_answer(url: str, sent: bytes, expected: int | None) -> None:
    began = time.monotonic()
    check(exchange(url, sent), expected)
    assert time.monotonic() - began < 5


def test_after_all_that_nothing_is_missing(url: str, history: History) -> None:
    assert exchange(url, get(filters(SQL[1])[0])).status == 422
    assert len(history.events_after(0, 1000)) == 499


def test_a_head_that_comes_in_drops_is_cut_at_its_bound(url: str) -> None:
    answer = exchange(url, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 1000, repeat=1)
    assert answer.status == 0  # given up: no whole request came
    head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: "
    with connect(url) as client:
        client.sendall(head)
        sent = len(head)
        try:
            while sent < 10_000_000:
                client.sendall(b"a" * 4096)
                sent += 4096
        except OSError:
            pass
        answer = parse(read_all(client))
    assert answer.status in (431, 0)
    assert sent < 5_000_000


def test_many_half_open_connections_hold_nobody_up(url: str) -> None:
    held = [connect(url) for _ in range(300)]
    try:
        for client in held:
            client.sendall(b"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n")
        began = time.monotonic()
        assert httpx.get(f"{url}/healthz", timeout=10).status_code == 200
        assert time.monotonic() - began < 2
        assert all(read_all(client) == b"" for client in held)  # each is closed within request_s
    finally:
        for client in held:
            client.close()


def test_a_client_that_reads_nothing_of_its_answer_is_let_go(url: str) -> None:
    with connect(url) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(40):
            client.sendall(get("/swagger/swagger-ui-bundle.js").replace(b"Connection: close\r\n", b""))
        assert httpx.get(f"{url}/healthz", timeout=10).status_code == 200
        reset = select.poll()
        reset.register(client, select.POLLERR | select.POLLHUP)
        assert reset.poll(15_000), "it was still being waited for"


def test_an_attempt_to_guess_is_answered_alike_until_it_is_cut_off(guarded: str) -> None:
    with httpx.Client(base_url=guarded, timeout=20) as client:
        answers = [
            client.get(path, headers={"Authorization": f"Bearer guess-{n}"})
            for n in range(500)
            for path in ("/api/v1/status", "/nowhere")
        ]
        assert [one.status_code for one in answers] == [401] * 10 + [429] * 990
        assert len({one.text for one in answers[:10]}) == 1
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert client.get("/healthz").json() == {"status": "ok"}


def test_no_answer_repeats_markup(url: str) -> None:
    for path in ("/<script>alert(1)</script>", "/api/v1/tracks/<script>", "/api/v1/events?label=<script>"):
        answer = httpx.get(url + quote(path, safe="/?=()"), timeout=10)
        assert answer.headers["content-type"].startswith("application/"), answer.headers
        assert answer.headers["content-security-policy"].startswith("default-src 'self';")


def test_pages_have_no_inline_script(url: str) -> None:
    for path in ("/", "/docs"):
        page = httpx.get(url + path, timeout=10).text
        assert "<script>" not in page and "javascript:" not in page and " on" + "load=" not in page


def test_there_is_nothing_to_unpack_in_a_body(url: str) -> None:
    nested = "[" * 100_000
    assert exchange(url, post("/api/v1/status", nested, f"Content-Length: {len(nested)}")).status == 405


def test_answers_are_bounded(url: str) -> None:
    answer = httpx.get(f"{url}/api/v1/events?limit=1000", timeout=10)
    assert len(answer.content) < 2**20 and len(json.loads(answer.text)["items"]) == 499
