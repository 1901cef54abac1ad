"""`privacy.aggregate_only`: what is told stands for at least k tracks."""

from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from engine.api import ApiConfig, create_app
from engine.api.privacy import PrivacyConfig
from engine.errors import ConfigError
from engine.history import History
from engine.testing import FakeClock
from pipelines.config import parse
from tests.support.documents import event
from tests.support.run_status import FixedView

PRIVACY = PrivacyConfig(aggregate_only=True, k=5, bucket_s=600)
YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock((datetime(2026, 11, 22, 10, 30, tzinfo=UTC) - YEAR).total_seconds())


@pytest.fixture
def asked(history: History, clock: FakeClock) -> TestClient:
    """At the door from 10:00 six happy tracks and four sad ones, from 10:10 four happy ones, from 10:20 six."""
    shown = [("10:01", "happiness")] * 6 + [("10:02", "sadness")] * 4 + [("10:12", "happiness")] * 4
    shown += [("10:22", "happiness")] * 6
    history.append(
        [
            event(n, track_id=n, label=label, at=f"2026-11-22T{at}:{n:02}Z")
            for n, (at, label) in enumerate(shown, start=1)
        ]
    )
    app = create_app(FixedView(), history, ApiConfig(token="t"), "0.1.0", clock, privacy=PRIVACY)
    return TestClient(app, base_url="http://localhost", headers={"Authorization": "Bearer t"})


def told(asked: TestClient, query: str = "") -> list[tuple[Any, ...]]:
    answer = asked.get(f"/api/v1/stats/emotions{query}")
    assert answer.status_code == 200, answer.text
    return [
        (one["start"][11:16], one["label"], one["seconds"], one["share"], one["tracks"])
        for one in answer.json()["items"]
    ]


@pytest.mark.parametrize(
    "path",
    [
        "tracks",
        f"tracks/{event(1).track_uid}",
        f"tracks/{event(1).track_uid}/history",
        f"tracks/{event(1).track_uid}/timeline",
        "tracks/",
        "%74racks",
        "events",
        "events?type=status",
        "events/stream",
        "sources/door/preview.mjpeg",
        "sources/door/snapshot.jpg?blur=true",
        "sources/nobody/snapshot.jpg/",
        "sources/door/snapshot%2Ejpg",
    ],
)
def test_no_single_track_or_event_is_answered_for(asked: TestClient, path: str) -> None:
    for method in ("GET", "HEAD", "DELETE"):
        answer = asked.request(method, f"/api/v1/{path}")
        assert answer.status_code == 403
        assert "happiness" not in answer.text


def test_fewer_than_k_tracks_are_not_told_of_nor_can_they_be_reckoned(asked: TestClient, clock: FakeClock) -> None:
    expected = [("10:00", "happiness", 6, 1.0, 6)]
    assert told(asked) == expected  # the four sad ones are in no share either; the bucket of 10:20 is not over
    clock.advance(11)
    assert told(asked) == [*expected, ("10:20", "happiness", 6, 1.0, 6)]


def test_parts_of_a_bucket_are_not_told(asked: TestClient, clock: FakeClock) -> None:
    clock.advance(3600)
    assert told(asked, "?from=2026-11-22T10:00:01Z&to=2026-11-22T10:29:59Z") == []
    assert told(asked, "?from=2026-11-22T10:00:00Z&to=2026-11-22T10:19:59Z") == [("10:00", "happiness", 6, 1.0, 6)]
    assert told(asked, "?to=2026-11-22T10:10:00Z&bucket_s=600&label=happiness") == [("10:00", "happiness", 6, 1.0, 6)]


@pytest.mark.parametrize("query", ["bucket_s=60", "bucket_s=3600", "by_source=false"])
def test_what_could_be_subtracted_is_refused(asked: TestClient, query: str) -> None:
    assert asked.get(f"/api/v1/stats/emotions?{query}").status_code == 422


def test_status_and_metrics_name_no_emotion(asked: TestClient) -> None:
    for path in ("/api/v1/status", "/api/v1/sources", "/metrics"):
        answer = asked.get(path)
        assert answer.status_code == 200
        assert "happiness" not in answer.text and "sadness" not in answer.text


YAML = 'name: x\nsources: [{{id: a, uri: "demo:"}}]\nprivacy: {privacy}\nbus: {{url: "{bus}"}}\n'


@pytest.mark.parametrize(
    ("privacy", "bus", "message"),
    [
        ("{aggregate_only: true}", "redis://localhost", "would leave through bus.url"),
        ("{aggregate_only: true, k: 4}", "memory://", "privacy.k"),
        ("{aggregate_only: true, bucket_s: 1}", "memory://", "privacy.bucket_s"),
        ("{minimum: 5}", "memory://", "privacy.minimum: unknown key"),
    ],
)
def test_only_what_can_be_kept_is_promised(privacy: str, bus: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(YAML.format(privacy=privacy, bus=bus))
    assert message in str(caught.value)


def test_it_is_taken_where_it_holds() -> None:
    assert parse(YAML.format(privacy="{aggregate_only: true, k: 8}", bus="memory://")).privacy.k == 8
