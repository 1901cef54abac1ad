"""Statistics, timelines and erasing, over HTTP."""

from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from engine.api import ApiConfig, create_app
from engine.api.config import TokenConfig
from engine.history import History
from engine.testing import FakeClock
from tests.support.documents import event
from tests.support.run_status import FixedView

UID = event(1).track_uid
DESK = event(1, source_id="desk").track_uid
STATS = "/api/v1/stats/emotions"
DAY = {"from": "2026-11-22T00:00:00Z", "to": "2026-11-23T00:00:00Z"}


@pytest.fixture
def footage(history: History) -> History:
    """At the door 3 s of happiness and 1 of sadness from 10:00:00, at the desk 2 s of sadness from 10:00:59."""
    labels = ("happiness", "happiness", "happiness", "sadness")
    history.append(
        [
            event(n + 1, "update" if n else "new", label=label, at=f"2026-11-22T10:00:0{n}Z", age_s=0.5 + n)
            for n, label in enumerate(labels)
        ]
        + [
            event(5, source_id="desk", label="sadness", at="2026-11-22T10:00:59Z"),
            event(6, "update", source_id="desk", label="sadness", at="2026-11-22T10:01:00Z"),
        ]
    )
    return history


def rows(answer: Any) -> list[tuple[Any, ...]]:
    assert answer.status_code == 200, answer.text
    return [
        (one["start"][11:16], one["source_id"], one["label"], one["seconds"], round(one["share"], 2), one["tracks"])
        for one in answer.json()["items"]
    ]


@pytest.mark.usefixtures("footage")
def test_emotions_are_counted_in_buckets_by_source_and_label(client: Any) -> None:
    answer = client.get(STATS, params={**DAY, "bucket_s": 120})
    assert rows(answer) == [
        ("10:00", "desk", "sadness", 2, 1.0, 1),
        ("10:00", "door", "happiness", 3, 0.75, 1),
        ("10:00", "door", "sadness", 1, 0.25, 1),
    ]
    whole = answer.json()
    assert (whole["from"], whole["to"], whole["bucket_s"]) == (
        "2026-11-22T00:00:00.000Z", "2026-11-23T00:00:00.000Z", 120,
    )  # fmt: skip


@pytest.mark.usefixtures("footage")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            {"bucket_s": 86400, "by_source": "false"},
            [("00:00", None, "happiness", 3, 0.5, 1), ("00:00", None, "sadness", 3, 0.5, 2)],
        ),
        # The share of one label stays its share of all.
        ({"bucket_s": 3600, "label": "sadness", "source_id": "door"}, [("10:00", "door", "sadness", 1, 0.25, 1)]),
        (
            {"bucket_s": 600, "source_id": "desk", "from": "2026-11-22T10:01:00Z"},
            [("10:00", "desk", "sadness", 1, 1.0, 1)],
        ),
        ({"bucket_s": 600, "source_id": "nowhere"}, []),
    ],
)
def test_statistics_are_asked_for_in_parts(client: Any, query: dict[str, Any], expected: list[Any]) -> None:
    assert rows(client.get(STATS, params={**DAY, **query})) == expected


def test_without_a_time_it_is_the_last_hour(footage: History) -> None:
    clock = FakeClock((datetime(2026, 11, 22, 10, 30, tzinfo=UTC) - datetime(2026, 1, 1, tzinfo=UTC)).total_seconds())
    app = create_app(FixedView(), footage, ApiConfig(), "0.1.0", clock)
    asked = TestClient(app, base_url="http://localhost")
    assert [row[0] for row in rows(asked.get(STATS))] == ["10:00", "10:00", "10:00", "10:01"]
    assert rows(asked.get(STATS, params={"to": "2026-11-22T10:00:30Z", "label": "sadness"})) == [
        ("10:00", "door", "sadness", 1, 0.25, 1)
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("bucket_s=0", "bucket_s"),
        ("bucket_s=604801", "bucket_s"),
        ("bucket_s=" + "9" * 30, "bucket_s"),
        ("bucket_s=1.5", "bucket_s"),
        ("bucket_s=1", "bucket_s"),  # 3600 buckets
        ("from=2026-11-22T10:00:00Z&to=2026-11-22T09:00:00Z", "from"),
        ("to=0001-01-01T00:30:00Z", "from"),
        ("from=1970-01-01T00:00:00Z&bucket_s=86400", "bucket_s"),
        ("by_source=maybe", "by_source"),
        ("buckets=3", "buckets"),
        ("label=%00", "label"),
    ],
)
def test_statistics_that_make_no_sense_are_refused(client: Any, query: str, field: str) -> None:
    answer = client.get(f"{STATS}?{query}")
    assert answer.status_code == 422, answer.text
    assert [one["field"] for one in answer.json()["errors"]] == [field]


@pytest.mark.usefixtures("footage")
def test_a_timeline_is_second_by_second_and_in_pages(client: Any) -> None:
    seen, cursor = [], None
    while True:
        params = {"limit": 3, **({"cursor": cursor} if cursor else {})}
        page = client.get(f"/api/v1/tracks/{UID}/timeline", params=params).json()
        seen += [(one["at"][17:19], one["label"]) for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [("00", "happiness"), ("01", "happiness"), ("02", "happiness"), ("03", "sadness")]
    assert client.get("/api/v1/tracks/NOBODY/timeline").status_code == 404


@pytest.mark.usefixtures("footage")
def test_an_erased_track_is_gone_everywhere_and_the_others_stay(client: Any) -> None:
    assert client.delete(f"/api/v1/tracks/{UID}").json() == {"events": 4, "samples": 4, "stream": None}
    for path in ("", "/history", "/timeline"):
        assert client.get(f"/api/v1/tracks/{UID}{path}").status_code == 404
    assert client.delete(f"/api/v1/tracks/{UID}").status_code == 404
    assert [one["seq"] for one in client.get("/api/v1/events").json()["items"]] == [6, 5]
    assert {row[1] for row in rows(client.get(STATS, params={**DAY, "bucket_s": 600}))} == {"desk"}
    assert client.get(f"/api/v1/tracks/{DESK}").status_code == 200


def test_to_erase_takes_the_scope(footage: History) -> None:
    tokens = (TokenConfig(token="reader"), TokenConfig(token="operator", scopes=("operate",)))
    asked = TestClient(create_app(FixedView(), footage, ApiConfig(tokens=tokens), "0.1.0"), base_url="http://localhost")
    path = f"/api/v1/tracks/{UID}"
    assert asked.delete(path).status_code == 401
    assert asked.delete(path, headers={"Authorization": "Bearer reader"}).status_code == 403
    assert footage.track(UID or "") is not None
    assert asked.delete(path, headers={"Authorization": "Bearer operator"}).status_code == 200


@pytest.mark.usefixtures("footage")
def test_a_page_from_elsewhere_erases_nothing(client: Any, history: History) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert client.delete(f"/api/v1/tracks/{UID}", headers=headers).status_code == 403
    assert history.track(UID or "") is not None
