"""Sources over HTTP: added, looked at, changed, paused and removed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from engine.api import ApiConfig, create_app
from engine.api.config import TokenConfig
from engine.errors import ConfigError
from engine.history import History
from engine.sources.config import SourceConfig
from pipelines.config import parse
from tests.support.managing import Managed
from tests.support.run_status import FixedView, run_status, source

DOOR = SourceConfig(id="door", uri="rtsp://u:filed@10.0.0.7/live")
CAMERA = {"id": "cam", "uri": "rtsp://admin:hunter2@10.0.0.8/live", "fps": 5}
PATH = "/api/v1/sources"


def client_of(history: History, managed: Managed | None, **config: Any) -> TestClient:
    settings = ApiConfig(**({"sources": managed.config} if managed else {}), **config)
    app = create_app(FixedView(), history, settings, "0.1.0", sources=managed.sources if managed else None)
    return TestClient(app, base_url="http://localhost", raise_server_exceptions=False)


@pytest.fixture
def managed(history: History) -> Managed:
    return Managed(history, DOOR, SourceConfig(id="desk", uri="demo:"))


@pytest.fixture
def client(history: History, managed: Managed) -> Iterator[TestClient]:
    with client_of(history, managed) as connected:
        yield connected


def refused(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    detail: str = answer.json()["detail"]
    return detail


def test_an_added_source_is_read_and_shown_without_its_credentials(client: TestClient, managed: Managed) -> None:
    made = client.post(PATH, json=CAMERA)
    assert (made.status_code, made.headers["location"]) == (201, f"{PATH}/cam")
    assert managed.fleet.running["cam"].uri == CAMERA["uri"]
    assert made.json() == client.get(made.headers["location"]).json()
    assert made.json()["uri"] == "rtsp://***@10.0.0.8/live"
    assert made.json()["settings"]["fps"] == 5
    assert made.json()["settings"]["transport"] == "tcp" and "uri" not in made.json()["settings"]
    listed = client.get(PATH).json()["items"]
    assert [(one["source_id"], one["origin"], one["paused"], one["state"]) for one in listed] == [
        ("door", "file", False, "online"), ("desk", "file", False, "offline"), ("cam", "api", False, "connecting"),
    ]  # fmt: skip
    assert "hunter2" not in client.get(PATH).text + made.text


def test_a_source_is_paused_changed_and_removed(client: TestClient, managed: Managed) -> None:
    client.post(PATH, json=CAMERA)
    paused = client.patch(f"{PATH}/cam", json={"paused": True})
    assert (paused.status_code, paused.json()["paused"], "cam" in managed.fleet.running) == (200, True, False)
    merge = {"Content-Type": "application/merge-patch+json"}
    changed = client.patch(f"{PATH}/cam", content='{"fps": null, "paused": false}', headers=merge)
    assert (changed.status_code, changed.json()["settings"]["fps"]) == (200, None)
    assert managed.fleet.running["cam"].uri == CAMERA["uri"]
    gone = client.delete(f"{PATH}/cam")
    assert (gone.status_code, gone.content) == (204, b"")
    assert "cam" not in managed.fleet.running
    for answer in (client.get(f"{PATH}/cam"), client.patch(f"{PATH}/cam", json={}), client.delete(f"{PATH}/cam")):
        assert "source" in refused(answer, 404) and "cam" in answer.text and "is not known" in answer.text


def test_sources_of_the_file_are_shown_and_can_be_paused_but_not_changed(client: TestClient, managed: Managed) -> None:
    assert client.patch(f"{PATH}/door", json={"paused": True}).json()["origin"] == "file"
    assert "door" in managed.fleet.paused
    for answer in (client.patch(f"{PATH}/door", json={"fps": 1}), client.delete(f"{PATH}/door")):
        assert "change it there, it is read again while running" in refused(answer, 409)
    assert "is there already" in refused(client.post(PATH, json={**CAMERA, "id": "door"}), 409)


WRONG: list[dict[str, Any]] = [
    {},
    {"id": "a"},
    {"uri": "demo:"},
    {"id": "a b", "uri": "rtsp://10.0.0.8/"},
    {"id": "a" * 65, "uri": "rtsp://10.0.0.8/"},
    {"id": 7, "uri": 7},
    {"id": "a", "uri": ""},
    {"id": "a", "uri": "rtsp://"},
    {"id": "a", "uri": "concat:a|b"},
    {"id": "a", "uri": "rtsp://10.0.0.8/\nx"},
    {"id": "a", "uri": "rtsp://10.0.0.8/", "fsp": 3},
    {"id": "a", "uri": "rtsp://10.0.0.8/", "fps": 0, "transport": "tpc", "loop": 3, "max_pixels": 0.5},
    {"id": "a", "uri": "rtsp://10.0.0.8/", "open_timeout_s": None, "read_timeout_s": "soon", "stall_after_s": 1e9},
    {"id": ["a"], "uri": {"x": 1}},
    {"zoom": 1, "id": "a", "uri": "rtsp://10.0.0.8/"},
]


@pytest.mark.parametrize("raw", WRONG, ids=str)
def test_what_is_wrong_is_told_in_the_words_of_moodline_check(client: TestClient, raw: dict[str, Any]) -> None:
    answer = client.post(PATH, json=raw)
    told = [f"{one['field']}: {one['message']}" for one in answer.json()["errors"]]
    assert refused(answer, 422) == "; ".join(told)
    text = f"name: x\nsources: [{json.dumps(raw)}]\n"  # YAML's flow style
    with pytest.raises(ConfigError) as caught:
        parse(text)
    # `paused` is the one key that the file does not have.
    assert [one.replace(", max_pixels, paused", ", max_pixels") for one in told] == [
        problem.removeprefix("sources[0].") for problem in caught.value.problems
    ]


@pytest.mark.parametrize(
    ("body", "kind", "status", "says"),
    [
        (b"{}", "text/plain", 415, "application/json"),
        (b"{}", "application/x-www-form-urlencoded", 415, "application/json"),
        (b"{}", "", 415, "application/json"),
        (b"{}", "application/merge-patch+json", 415, "application/json"),  # that is for PATCH
        (b"", "application/json", 400, "no JSON: line 1, column 1"),
        (b"{", "application/json", 400, "no JSON"),
        (b"\xff\xfe", "application/json", 400, "no JSON"),
        (b'{"fps": NaN}', "application/json", 400, "no JSON"),
        (b'{"fps": ' + b"9" * 5000 + b"}", "application/json", 400, "no JSON"),
        (b"[" * 100_000, "application/json", 400, "no JSON"),
        (b'{"id": "a", "id": "b"}', "application/json; charset=utf-8", 422, "id: is given twice"),
        (b"[]", "application/json", 422, "body: expected an object with keys such as id and uri, found list"),
        (b"null", "application/json", 422, "found NoneType"),
    ],
)
def test_a_body_is_one_json_object_and_says_so(
    client: TestClient, body: bytes, kind: str, status: int, says: str
) -> None:
    assert says in refused(client.post(PATH, content=body, headers={"Content-Type": kind} if kind else {}), status)


def test_credentials_in_a_wrong_request_are_not_repeated(client: TestClient) -> None:
    secret = "rtsp://admin:hunter2@10.0.0.8/live"
    for raw in (
        {"id": secret, "uri": secret}, {"id": "a", "uri": secret, secret: 1}, {"id": "a", "uri": secret, "fps": secret},
        {"id": "a", "uri": [secret]}, {"id": "a", "uri": "rtsp://admin:hunter2@127.0.0.1/"},
        {"id": "a", "uri": "rtsp://admin:hunter2@x@y/"}, {"id": "a", "uri": "admin:hunter2@10.0.0.8/live"},
    ):  # fmt: skip
        assert "hunter2" not in refused(client.post(PATH, json=raw), 422)


def test_changes_need_the_scope_operate_and_looking_needs_read(history: History, managed: Managed) -> None:
    tokens = (TokenConfig(token="reader"), TokenConfig(token="operator", scopes=("operate",)))
    client = client_of(history, managed, tokens=tokens)
    for token, looks, changes in (("reader", 200, 403), ("operator", 403, 201), ("nobody", 401, 401)):
        bearer = {"Authorization": f"Bearer {token}"}
        assert client.get(PATH, headers=bearer).status_code == looks
        assert client.get(f"{PATH}/door", headers=bearer).status_code == looks
        assert client.post(PATH, json=CAMERA, headers=bearer).status_code == changes
    for method, path in (("PATCH", f"{PATH}/cam"), ("DELETE", f"{PATH}/cam")):
        bearer = {"Authorization": "Bearer reader"}
        assert client.request(method, path, json={"paused": True}, headers=bearer).status_code == 403
    assert "cam" in managed.fleet.running


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"}, {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    ],
)  # fmt: skip
def test_a_page_from_elsewhere_changes_nothing(client: TestClient, managed: Managed, headers: dict[str, str]) -> None:
    client.post(PATH, json=CAMERA)
    for method, path in (("POST", PATH), ("PATCH", f"{PATH}/cam"), ("DELETE", f"{PATH}/cam")):
        assert client.request(method, path, json={"paused": True}, headers=headers).status_code == 403
    for path in (PATH, f"{PATH}/cam", f"{PATH}/cam?paused=true", f"{PATH}/cam?_method=DELETE"):
        client.get(path, headers={"X-HTTP-Method-Override": "DELETE"})
    assert managed.fleet.done == ["start cam"]


def test_where_it_is_off_nothing_changes_and_the_answer_says_how(history: History) -> None:
    for managed in (None, Managed(history, DOOR, enabled=False)):
        client = client_of(history, managed)
        for method, path in (("POST", PATH), ("PATCH", f"{PATH}/door"), ("DELETE", f"{PATH}/door")):
            assert "set api.sources.enabled: true" in refused(client.request(method, path, content=b"x"), 403)
        assert client.get(f"{PATH}/door").json()["origin"] == "file"
        assert managed is None or managed.fleet.done == []


def test_a_replay_has_the_sources_of_its_file(history: History) -> None:
    app = create_app(FixedView(), history, ApiConfig(sources=Managed(history).config), "0.1.0")
    client = TestClient(app, base_url="http://localhost")
    assert "this one is a replay" in refused(client.post(PATH, json=CAMERA), 409)
    assert client.get(f"{PATH}/door").json()["settings"] is None


def test_a_history_out_of_reach_is_503_and_changes_nothing(
    client: TestClient, managed: Managed, history: History
) -> None:
    client.post(PATH, json=CAMERA)
    history.close()
    for answer in (
        client.post(PATH, json={**CAMERA, "id": "b"}),
        client.patch(f"{PATH}/cam", json={"paused": True}),
        client.delete(f"{PATH}/cam"),
    ):
        assert "is not open" in refused(answer, 503)
    assert managed.fleet.done == ["start cam"]
    assert client.get(f"{PATH}/cam").json()["paused"] is False


def test_a_bound_to_their_number(history: History) -> None:
    client = client_of(history, Managed(history, DOOR, max=1))
    assert "api.sources.max is 1; remove one" in refused(client.post(PATH, json=CAMERA), 409)


@pytest.mark.parametrize(
    ("api", "problem"),
    [
        ("{sources: {hosts: [10.0.0.7/8]}}", "api.sources.hosts: '10.0.0.7/8' is no network: "),
        ("{sources: {hosts: ['cam*']}}", "api.sources.hosts: 'cam*': expected a name of letters a to z"),
        ("{sources: {schemes: [gopher]}}", "api.sources.schemes[0]: 'gopher' should be 'rtsp', 'rtsps'"),
        ("{sources: {schemes: []}}", "api.sources.schemes: "),
        ("{sources: {max: 0}}", "api.sources.max: 0 should be greater than or equal to 1"),
        ("{sources: {enable: true}}", "api.sources.enable: unknown key; did you mean 'enabled'?"),
        ("{sources: {files: ''}}", "api.sources.files: ''"),
        ("{docs: 7}", "api.docs: 7 should be a valid boolean"),
    ],
)  # fmt: skip
def test_rules_that_make_no_sense_are_told_with_their_key(api: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f"name: x\nsources: [{{id: a, uri: 'demo:'}}]\napi: {api}\n")
    assert str(caught.value).startswith(problem)


@pytest.mark.parametrize(
    ("host", "docs", "there"),
    [("127.0.0.1", None, True), ("127.0.0.1", False, False), ("0.0.0.0", None, False), ("0.0.0.0", True, True)],
)
def test_documentation_is_there_where_only_this_machine_asks_or_it_is_wanted(
    history: History, host: str, docs: bool | None, there: bool
) -> None:
    client = client_of(history, None, host=host, token=16 * "t", docs=docs)
    bearer = {"Authorization": f"Bearer {16 * 't'}"}
    for path in ("/docs", "/openapi.json", "/swagger/swagger-ui.css", "/swagger/start.js"):
        assert client.get(path, headers=bearer).status_code == (200 if there else 404), path
    assert client.get("/api/v1/session", headers=bearer).json()["docs"] is there


@pytest.mark.parametrize(
    "number", ["1_0", "%2B10", "%2010", "10%20", "1%200", "%D9%A1%D9%A0", "%EF%BC%91", "10.0", "1e1", "0b1", "10%00"]
)
@pytest.mark.parametrize(
    "parameter",
    ["events?limit", "tracks?limit", "stats/emotions?bucket_s", "sources/door/snapshot.jpg?width",
     "sources/door/preview.mjpeg?quality"],
)  # fmt: skip
def test_numbers_are_plain_digits(client: TestClient, parameter: str, number: str) -> None:
    answer = client.get(f"/api/v1/{parameter}={number}")
    assert "write a whole number in digits" in refused(answer, 422)


@pytest.mark.parametrize("number", ["1_0", "%2B1", "%201", "1%20", "%D9%A1", "infinity", "0x1", "1,5", ".", ""])
def test_durations_are_plain_numbers(client: TestClient, number: str) -> None:
    for path in ("tracks?min_duration_s", "sources/door/preview.mjpeg?fps"):
        assert "write a number such as 1.5" in refused(client.get(f"/api/v1/{path}={number}"), 422)


def test_usual_numbers_are_read(client: TestClient) -> None:
    for query in (
        "events?limit=0010",
        "tracks?min_duration_s=1.5",
        "tracks?min_duration_s=2",
        "tracks?min_duration_s=1e2",
    ):
        assert client.get(f"/api/v1/{query}").status_code == 200


def test_a_browser_that_sends_its_camera_is_listed(history: History, managed: Managed) -> None:
    view = FixedView(run_status(sources=(source("door"), source("browser-1", uri="browser:"))))
    app = create_app(view, history, ApiConfig(sources=managed.config), "0.1.0", sources=managed.sources)
    client = TestClient(app, base_url="http://localhost")
    assert [(one["source_id"], one["origin"]) for one in client.get(PATH).json()["items"]] == [
        ("door", "file"), ("desk", "file"), ("browser-1", "browser"),
    ]  # fmt: skip
    assert client.get(f"{PATH}/browser-1").json()["settings"] is None


def test_the_name_of_a_browsers_camera_is_not_had_again_and_deleting_frees_it(
    history: History, managed: Managed
) -> None:
    config = ApiConfig(sources=managed.config)
    app = create_app(FixedView(), history, config, "0.1.0", sources=managed.sources, cameras=managed.browsers)
    client = TestClient(app, base_url="http://localhost")
    managed.browsers.begin("cam")
    assert "a browser sends it; end it, or choose another id" in refused(client.post(PATH, json=CAMERA), 409)
    assert "cannot be paused" in refused(client.patch(f"{PATH}/cam", json={"paused": True}), 409)
    assert managed.fleet.running["cam"].kind == "browser"
    assert client.delete(f"{PATH}/cam").status_code == 204
    assert client.post(PATH, json=CAMERA).status_code == 201
    assert managed.fleet.done == ["start cam", "stop cam", "start cam"]
