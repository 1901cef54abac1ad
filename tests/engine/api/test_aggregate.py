"""`privacy.aggregate_only`: what is told stands for at least k tracks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from engine.api import ApiConfig, create_app
from engine.api.privacy import PrivacyConfig
from engine.errors import ConfigError
from engine.history import History
from engine.items import EmotionEvent
from engine.testing import FakeClock
from pipelines.config import parse
from tests.support.documents import RUN, event
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
            event(n, track_id=n, label=label, age_s=30, at=f"2026-11-22T{at}:{n:02}Z")
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
        ("{aggregate_only: true, rotate_track_ids: 10}", "memory://", "makes several tracks of one person"),
        ("{aggregate_only: true, rotate_track_ids: 3599}", "memory://", "set it to 3600"),
        ("{aggregate_only: true}\nstages: {track: {max_missing_s: 60}}", "memory://", "max_missing_s: with 60 one"),
    ],
)
def test_only_what_can_be_kept_is_promised(privacy: str, bus: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(YAML.format(privacy=privacy, bus=bus))
    assert message in str(caught.value)


def test_it_is_taken_where_it_holds() -> None:
    assert parse(YAML.format(privacy="{aggregate_only: true, k: 8}", bus="memory://")).privacy.k == 8


def test_ids_may_change_from_bucket_to_bucket() -> None:
    together = "{aggregate_only: true, rotate_track_ids: 3600}"
    assert parse(YAML.format(privacy=together, bus="memory://")).privacy.rotate_track_ids == 3600


# From second, to second, label, source, run: one row for each track.
LIVES = {
    "one person whose id changes every ten seconds": [(10 * n, 10 * n + 10, "joy", "door", RUN) for n in range(30)],
    "a camera paused and resumed again and again": [(8 * n, 8 * n + 5, "joy", "door", RUN) for n in range(40)],
    "a track that follows another at once and touches it": [
        (20 * n, 20 * n + 20.5, "joy", "door", RUN) for n in range(9)
    ],
    "one recording played five times": [(0, 60, "joy", "door", f"run-{n}") for n in range(5)],
    "four together, and a fifth who came when they had left": [
        *((0, 60, "joy", "door", RUN) for _ in range(4)), (60, 120, "joy", "door", RUN)
    ],
    "five together of whom one shows something else": [
        *((0, 60, "joy", "door", RUN) for _ in range(4)), (0, 60, "sorrow", "door", RUN)
    ],
    "five at two doors": [(0, 60, "joy", "door" if n % 2 else "desk", RUN) for n in range(6)],
    "five who flash by": [(10, 10.9, "joy", "door", RUN) for _ in range(5)],
}  # fmt: skip


def lived(lives: list[tuple[float, float, str, str, str]]) -> list[EmotionEvent]:
    """Three events for each track: at the beginning, in the middle and at its end."""
    made: dict[str, list[EmotionEvent]] = {}
    for track_id, (first, last, label, source, run_id) in enumerate(lives, start=1):
        for second in (first, (first + last) / 2, last):
            at = (datetime(2026, 11, 22, 10, 0, 20, tzinfo=UTC) + timedelta(seconds=second)).isoformat()
            events = made.setdefault(run_id, [])
            events.append(
                event(
                    len(events) + 1, "update", track_id=track_id, label=label, source_id=source, run_id=run_id,
                    age_s=second - first, at=at,
                )
            )  # fmt: skip
    return [one for events in made.values() for one in events]


@pytest.mark.parametrize("lives", LIVES.values(), ids=LIVES)
def test_no_number_is_told_that_fewer_than_k_people_can_raise(history: History, lives: list[Any]) -> None:
    history.append(lived(lives))
    assert told_of(history) == []


@pytest.mark.parametrize(
    "lives",
    [
        [(0, 60, "joy", "door", RUN) for _ in range(5)],
        [(10 * n, 50 + 10 * n, "joy", "door", RUN) for n in range(5)],  # at one moment all five are there
        [*((0, 60, "joy", "door", RUN) for _ in range(5)), *((70 + n, 72 + n, "joy", "door", RUN) for n in range(3))],
    ],
)
def test_what_k_people_showed_who_were_there_together_is_told(history: History, lives: list[Any]) -> None:
    history.append(lived(lives))
    assert told_of(history) == [("10:00", "joy", len(lives))]


def test_minutes_added_up_tell_the_same(history: History) -> None:
    history.append(lived([(0, 200, "joy", "door", RUN) for _ in range(5)] + LIVES["five who flash by"]))
    history.append([event(900, track_id=900, at="2999-11-22T10:00:00Z")])
    assert told_of(history) == [("10:00", "joy", 10)]


def told_of(history: History) -> list[tuple[Any, ...]]:
    clock = FakeClock((datetime(2026, 11, 22, 10, 30, tzinfo=UTC) - YEAR).total_seconds())
    app = create_app(FixedView(), history, ApiConfig(), "0.1.0", clock, privacy=PRIVACY)
    return [(one[0], one[1], one[4]) for one in told(TestClient(app, base_url="http://localhost"))]
