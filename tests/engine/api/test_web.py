"""The dashboard as it is served: policy, caching, and nothing else than its own files."""

import gzip
import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from engine.api import ApiConfig, ApiServer, create_app
from engine.api.config import TokenConfig
from engine.api.web import load_files
from engine.history import History
from engine.modelcard import SHIPPED, load_model
from engine.status import ModelSnapshot
from tests.support.rawhttp import connect, exchange, read_all
from tests.support.run_status import FixedView, run_status


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()


@pytest.fixture
def url(history: History) -> Any:
    config = ApiConfig(port=0)
    running = ApiServer(create_app(FixedView(), history, config, "0.1.0"), config)
    running.start()
    yield running.url
    running.stop()


def test_the_page_names_its_files_and_they_are_there(client: Any) -> None:
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    links = re.findall(r'(?:href|src)="([^"/][^"]+)"', page.text)  # relative: a proxy may serve them below a path
    assert len(links) == 3
    kinds = {client.get(f"/{link}").headers["content-type"].split(";")[0] for link in links}
    assert kinds == {"text/css", "text/javascript", "image/svg+xml"}


def test_the_policy_allows_nothing_but_the_engine_itself(client: Any) -> None:
    closed = "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    # Its frame shows a page that has its styles and pictures in itself; the frame can run nothing.
    framing = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'"
    for path in load_files():
        headers = client.get(path).headers
        wanted = f"{framing}; img-src 'self' data:" if path == "/report.html" else "default-src 'self'"
        assert headers["content-security-policy"] == f"{wanted}; {closed}"
        assert headers["x-content-type-options"] == "nosniff"


def test_named_files_are_kept_for_ever_and_the_page_is_asked_for_anew(client: Any) -> None:
    for path in load_files():
        answer = client.get(path)
        wanted = "public, max-age=31536000, immutable" if path.startswith("/assets/") else "no-cache"
        assert answer.headers["cache-control"] == wanted
        again = client.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_the_server_says_each_thing_once(url: str) -> None:
    """What the server adds to every answer must not contradict what a file says of itself."""
    with connect(url) as client:
        client.sendall(get("/"))
        head = read_all(client).partition(b"\r\n\r\n")[0].decode().lower()
    for name in ("cache-control", "content-security-policy", "x-content-type-options"):
        assert head.count(f"\n{name}:") == 1, head
    assert exchange(url, get("/api/v1/status")).headers["cache-control"] == "no-store"


def test_files_are_packed_for_whoever_can_unpack_them(client: Any) -> None:
    [path] = [path for path in load_files() if path.endswith(".js")]
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    packed = client.get(path, headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert packed.content == plain.content  # the client has unpacked it
    assert packed.headers["etag"] != plain.headers["etag"]
    assert gzip.decompress(load_files()[path].packed) == plain.content


@pytest.mark.parametrize(
    "path",
    [
        "/assets/", "/assets/app.js", "/assets/../index.html", "/assets/..%2findex.html",
        "/assets/%2e%2e/%2e%2e/app.py",
        "/assets/..%2f..%2f..%2fapi%2fapp.py", "/assets//etc/passwd", "/assets/%00", "/index.html", "/src/main.tsx",
    ],
)  # fmt: skip
def test_nothing_else_can_be_had(url: str, path: str) -> None:
    answer = exchange(url, get(path))
    assert answer.status in (400, 404) and b"<html" not in answer.body


def test_the_page_takes_no_token_and_all_that_it_shows_does(guarded: Any) -> None:
    for path in load_files():
        assert guarded.get(path).status_code == 200
        assert guarded.post(path).status_code == 401
    for path in ("/api/v1/session", "/api/v1/models", "/api/v1/status", "/assets/other.js"):
        assert guarded.get(path).status_code == 401


@pytest.mark.parametrize(
    ("scopes", "told"),
    [(("read",), ["read"]), (("operate", "read"), ["read", "operate"])],
)
def test_a_session_tells_what_its_token_may_do(history: History, scopes: Any, told: list[str]) -> None:
    config = ApiConfig(tokens=(TokenConfig(token="secret", scopes=scopes),))
    client = TestClient(create_app(FixedView(), history, config, "0.1.0"), base_url="http://localhost")
    answer = client.get("/api/v1/session", headers={"Authorization": "Bearer secret"}).json()
    assert answer["scopes"] == told and answer["tokens"] is True and "secret" not in str(answer)


def test_without_tokens_everybody_here_may_do_everything(client: Any) -> None:
    answer = client.get("/api/v1/session").json()
    assert answer["scopes"] == ["read", "operate"] and answer["tokens"] is False


def test_models_come_with_their_cards(client: Any, view: FixedView) -> None:
    card = load_model(SHIPPED / "emotion-fer.onnx").card
    known = ModelSnapshot("classify", card.name, card.version, card.sha256, "cpu", card)
    view.shown = run_status(models=(ModelSnapshot("detect", "haar", "4", "0" * 64, "cpu"), known))
    haar, fer = client.get("/api/v1/models").json()["items"]
    assert haar["card"] is None and (fer["name"], fer["device"]) == ("emotion-fer", "cpu")
    assert fer["card"]["metrics"] == card.metrics and fer["card"]["licence"] == "Apache-2.0"
    assert "card" not in client.get("/api/v1/status").json()["models"][1]


def test_models_say_whether_their_data_allows_commercial_use(client: Any, view: FixedView) -> None:
    card = load_model(SHIPPED / "emotion-fer.onnx").card
    known = ModelSnapshot("classify", card.name, card.version, card.sha256, "cpu", card)
    view.shown = run_status(models=(ModelSnapshot("detect", "haar", "4", "0" * 64, "cpu"), known))
    for path in ("models", "status"):
        answer = client.get(f"/api/v1/{path}").json()
        found = answer["items" if path == "models" else "models"]
        assert [model["commercial"] for model in found] == ["unknown", "not cleared"]
    rights = {each["name"]: each for each in client.get("/api/v1/models").json()["items"][1]["card"]["data_rights"]}
    fer2013, votes = rights["FER2013"], rights["FER+ votes"]
    assert (fer2013["name"], fer2013["use"], fer2013["commercial"]) == ("FER2013", "trained on", "not cleared")
    assert fer2013["url"].startswith("https://www.kaggle.com/") and votes["terms"] == "MIT"
