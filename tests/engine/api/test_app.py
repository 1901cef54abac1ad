from typing import Any

import jsonschema
import pytest

from engine.events import event_schema
from engine.history import History
from engine.status import RunStatus
from tests.support.documents import event, status
from tests.support.run_status import FixedView, run_status

UID = event(1).track_uid


@pytest.fixture
def footage(history: History) -> History:
    """Track 1 at the door from 10:00, ended; track 2 at the desk at 11:00; one word about the desk."""
    history.append(
        [
            event(1, at="2026-11-22T10:00:00Z", age_s=0.2),
            event(2, "end", at="2026-11-22T10:00:04Z", age_s=4.0),
            event(3, track_id=2, source_id="desk", label="sadness", at="2026-11-22T11:00:00Z", age_s=0.3),
            status(4, source_id="desk"),
        ]
    )
    return history


def seqs(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [item["seq"] for item in answer.json()["items"]]


def test_the_status_is_the_whole_run(client: Any) -> None:
    got = client.get("/api/v1/status").json()
    assert (got["run_id"], got["state"], got["ready"]) == ("01KAXW3E8M0000000000000000", "running", True)
    assert got["started_at"] == "2026-11-22T10:20:30.081Z"
    assert got["bus"] == {
        "url": "redis://***@h", "state": "down", "detail": "Redis cannot be reached", "pending": 7,
        "cause": None, "lost": 0,
    }  # fmt: skip
    assert got["channels"]["frames"] == {"put": 10, "taken": 7, "dropped": 2, "depth": 1, "lanes": 2}
    assert [model["device"] for model in got["models"]] == ["cpu"]
    assert set(got) == set(RunStatus.__slots__)


def test_captured_frames_of_a_source_are_the_sum_of_its_outcomes(client: Any) -> None:
    door, desk = client.get("/api/v1/sources").json()["items"]
    assert door["frames"]["captured"] == sum(door["frames"]["outcomes"].values()) == 100
    assert set(door["frames"]["outcomes"]) == {
        "inferred", "skipped_interval", "skipped_motion", "dropped_stale", "dropped_queue", "lost", "damaged",
        "failed",
    }  # fmt: skip
    assert (desk["state"], desk["cause"], desk["last_frame_age_s"]) == ("offline", "timeout", None)


@pytest.mark.usefixtures("footage")
def test_a_track_and_its_history_are_found(client: Any) -> None:
    assert client.get(f"/api/v1/tracks/{UID}").json() == {
        "track_uid": UID, "run_id": "01KAXW3E8M0000000000000000", "source_id": "door", "track_id": 1,
        "first_seen": "2026-11-22T09:59:59.800Z", "last_seen": "2026-11-22T10:00:03.800Z", "duration_s": 4.0,
        "label": "happiness", "confidence": 0.8, "state": "ended", "events": 2,
    }  # fmt: skip
    assert seqs(client.get(f"/api/v1/tracks/{UID}/history")) == [1, 2]


@pytest.mark.usefixtures("footage")
def test_documents_are_exactly_those_that_are_broadcast(client: Any) -> None:
    [got] = client.get("/api/v1/events", params={"type": "end"}).json()["items"]
    assert got == event(2, "end", at="2026-11-22T10:00:04Z", age_s=4.0).document
    jsonschema.validate(got, event_schema())


@pytest.mark.usefixtures("footage")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [3, 4, 2, 1]),  # by the time they were captured
        ({"source_id": "desk"}, [3, 4]),
        ({"type": "new"}, [3, 1]),
        ({"label": "sadness"}, [3]),
        ({"track_uid": UID}, [2, 1]),
        ({"from": "2026-11-22T10:00:04Z", "to": "2026-11-22T11:00:00Z"}, [4, 2]),
        ({"from": "2026-11-22T12:00:00+01:00"}, [3]),
        ({"min_duration_s": 4}, [2, 1]),
        ({"limit": 1}, [3]),
    ],
)
def test_events_are_filtered(client: Any, query: dict[str, Any], expected: list[int]) -> None:
    assert seqs(client.get("/api/v1/events", params=query)) == expected


@pytest.mark.usefixtures("footage")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [2, 1]),
        ({"source_id": "door"}, [1]),
        ({"label": "sadness"}, [2]),
        ({"from": "2026-11-22T10:00:01Z", "to": "2026-11-22T10:30:00Z"}, [1]),
        ({"min_duration_s": 1.5}, [1]),
        ({"source_id": "nowhere"}, []),
    ],
)
def test_tracks_are_filtered(client: Any, query: dict[str, Any], expected: list[int]) -> None:
    answer = client.get("/api/v1/tracks", params=query).json()
    assert [track["track_id"] for track in answer["items"]] == expected
    assert answer["next_cursor"] is None


def test_pages_stay_what_they_were_while_rows_are_added(client: Any, history: History) -> None:
    history.append([event(n) for n in range(1, 8)])
    got, cursor, more = [], None, 8
    while True:
        answer = client.get("/api/v1/events", params={"limit": 3, **({"cursor": cursor} if cursor else {})})
        got += seqs(answer)
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            break
        history.append([event(more)])
        more += 1
    assert got == [7, 6, 5, 4, 3, 2, 1]


def test_the_process_is_alive_before_it_is_ready(client: Any, view: FixedView) -> None:
    view.shown = run_status(ready=False)
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    view.shown = run_status(ready=True)
    assert client.get("/readyz").status_code == 200


def test_metrics_are_for_prometheus(client: Any) -> None:
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'moodline_frames_captured_total{source="door"} 100.0' in answer.text


def test_the_documentation_knows_every_route_and_its_problems(client: Any) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {path for path in paths if path.startswith("/api")} == {
        "/api/v1/status", "/api/v1/sources", "/api/v1/sources/test", "/api/v1/sources/{source_id}",
        "/api/v1/tracks", "/api/v1/tracks/{track_uid}",
        "/api/v1/tracks/{track_uid}/history", "/api/v1/tracks/{track_uid}/timeline", "/api/v1/events",
        "/api/v1/tracks/{track_uid}/thumbnail.jpg",
        "/api/v1/events/stream", "/api/v1/stats/emotions", "/api/v1/session", "/api/v1/models",
        "/api/v1/sources/{source_id}/snapshot.jpg", "/api/v1/sources/{source_id}/preview.mjpeg",
        "/api/v1/sources/preview.mjpeg", "/api/v1/models/{name}/report",
    }  # fmt: skip
    for path, methods in paths.items():
        if path.startswith("/api"):
            for method in methods.values():
                assert "application/problem+json" in method["responses"]["422"]["content"], path
    names = {item["name"] for item in paths["/api/v1/tracks"]["get"]["parameters"]}
    assert names == {"source_id", "label", "from", "to", "min_duration_s", "limit", "cursor"}


def test_the_documentation_page_loads_nothing_from_elsewhere(client):
    page = client.get("/docs").text
    assert "http" not in page.replace("http://localhost", "")
    for path in ("/swagger/swagger-ui-bundle.js", "/swagger/swagger-ui.css"):
        assert path in page
        assert client.get(path).status_code == 200
