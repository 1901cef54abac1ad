from typing import Any

import pytest

from engine.history import History
from tests.support.documents import event
from tests.support.run_status import FixedView


def refused(answer: Any, status: int) -> dict[str, Any]:
    """The problem document of `answer`."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["title"] and body["detail"]
    return body


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("tracks?souce_id=door", "souce_id: unknown parameter; did you mean source_id?"),
        ("tracks?form=2026-11-22T10:20:30Z", "form: unknown parameter; did you mean from?"),
        ("tracks?type=new", "type: unknown parameter"),  # events have types, tracks have not
        ("status?verbose=1", "verbose: unknown parameter; this takes none"),
        ("events?limit=0", "limit: Input should be greater than or equal to 1"),
        ("events?limit=1001", "limit: Input should be less than or equal to 1000"),
        ("events?limit=99999999999999999999999999", "limit: Input should be less than or equal to 1000"),
        ("events?limit=" + "9" * 5000, "limit: Unable to parse input string as an integer"),
        ("events?from=yesterday", "from: write an RFC 3339 time"),
        ("events?from=1764000000", "from: write an RFC 3339 time"),
        ("events?from=2026-11-22", "from: write an RFC 3339 time"),
        ("events?from=2026-11-22T10:20:30", "from: write an RFC 3339 time"),  # no time zone
        ("events?from=2026-13-22T10:20:30Z", "from: month must be in 1..12"),
        ("events?from=9999-12-31T23:59:59-23:00", "from: the time is out of range"),
        ("events?from=2026-11-22T10:20:31Z&to=2026-11-22T10:20:30Z", "from is later than to"),
        ("events?min_duration_s=nan", "min_duration_s: Input should be a finite number"),
        ("events?min_duration_s=-1", "min_duration_s: Input should be greater than or equal to 0"),
        ("events?source_id=a%00b", "source_id: String should match pattern"),
        ("events?source_id=" + "a" * 65, "source_id: String should match pattern"),
        ("events?label=%0a", "label: String should match pattern"),
        ("events?cursor=bm9uc2Vuc2U", "cursor: not a cursor of this query; use next_cursor of the page before"),
        ("events?cursor=" + "a" * 200, "cursor: String should have at most 128 characters"),
        ("tracks/a%00b", "track_uid: String should match pattern"),
        ("tracks/" + "9" * 65 + "/history", "track_uid: String should match pattern"),
    ],
)
def test_what_is_wrong_with_a_request_is_named(client: Any, path: str, message: str) -> None:
    body = refused(client.get(f"/api/v1/{path}"), 422)
    assert message in body["detail"]
    assert all(set(error) == {"field", "message"} for error in body["errors"])


def test_everything_wrong_is_named_at_once(client: Any) -> None:
    body = refused(client.get("/api/v1/events?limit=0&source_id=%20&from=x"), 422)
    assert [error["field"] for error in body["errors"]] == ["limit", "source_id", "from"]


def test_2000_unknown_parameters_are_no_work(client: Any) -> None:
    body = refused(client.get("/api/v1/events?" + "&".join(f"p{n}=1" for n in range(2000))), 422)
    assert len(body["detail"]) < 400


@pytest.mark.parametrize(
    "path", ["/nowhere", "/api/v1/nowhere", "/api/v1/tracks/NOBODY", "/api/v1/tracks/NOBODY/history"]
)
def test_what_is_not_there_is_404(client: Any, path: str) -> None:
    refused(client.get(path), 404)


def test_changing_something_is_405(client: Any) -> None:
    answer = client.post("/api/v1/status", content=b"{}")
    refused(answer, 405)
    assert answer.headers["allow"] == "GET"


def test_a_fault_of_ours_is_500_without_its_inside(client: Any, view: FixedView) -> None:
    view.shown = RuntimeError("rtsp://admin:hunter2@10.0.0.7 burst")
    body = refused(client.get("/api/v1/status"), 500)
    assert "hunter2" not in str(body)


def test_a_history_out_of_reach_is_503(client: Any, history: History) -> None:
    history.append([event(1)])
    history.close()
    assert "is not open" in refused(client.get("/api/v1/events"), 503)["detail"]
    assert client.get("/api/v1/status").status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"Authorization": "Bearer open-sesam"},
        {"Authorization": "Basic open-sesame"},
        {"Authorization": "open-sesame"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer open-sesame open-sesame"},
        {"Authorization": b"Bearer \xff\xfe"},
    ],
)
def test_without_the_token_right_and_wrong_paths_look_the_same(guarded: Any, header: dict[str, Any]) -> None:
    answers = [
        guarded.get(path, headers=header)
        for path in ("/api/v1/status", "/nowhere", "/metrics", "/docs", "/assets/other.js")
    ]
    for answer in answers:
        refused(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"
    assert len({answer.text for answer in answers}) == 1


def test_with_the_token_everything_is_there(guarded: Any) -> None:
    for scheme in ("Bearer", "bearer"):
        for path in ("/api/v1/status", "/metrics", "/docs"):
            assert guarded.get(path, headers={"Authorization": f"{scheme} open-sesame"}).status_code == 200
    refused(guarded.get("/nowhere", headers={"Authorization": "Bearer open-sesame"}), 404)


def test_probes_need_no_token_and_tell_nothing(guarded: Any) -> None:
    assert guarded.get("/healthz").json() == {"status": "ok"}
    assert guarded.get("/readyz").json() == {"status": "ready"}
