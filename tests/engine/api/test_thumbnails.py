"""`tracks/{track_uid}/thumbnail.jpg` and what erasing does to it."""

from collections.abc import Iterator

import pytest

from engine.api import ApiConfig, create_app
from engine.api.privacy import PrivacyConfig
from engine.history import History
from engine.preview import Thumbnails
from engine.testing import FakeClock
from tests.engine.api.conftest import TestClient
from tests.engine.preview.test_thumbnails import chip
from tests.support.documents import event
from tests.support.run_status import FixedView

TRACK_UID = event(1).track_uid
ADDRESS = f"/api/v1/tracks/{TRACK_UID}/thumbnail.jpg"


@pytest.fixture
def thumbnails() -> Thumbnails:
    kept = Thumbnails(FakeClock())
    kept.on_emotion(chip(TRACK_UID, 120), None)
    return kept


@pytest.fixture
def shown(view: FixedView, history: History, thumbnails: Thumbnails) -> Iterator[TestClient]:
    history.append([event(1)])
    app = create_app(view, history, ApiConfig(), "0", privacy=PrivacyConfig(thumbnails=True), thumbnails=thumbnails)
    with TestClient(app, base_url="http://localhost") as connected:
        yield connected


def test_a_face_is_a_jpeg_that_is_not_to_be_stored(shown: TestClient) -> None:
    answer = shown.get(ADDRESS)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.content.startswith(b"\xff\xd8")
    assert answer.headers["cache-control"] == "no-store"
    assert shown.get("/api/v1/session").json()["thumbnails"] is True


def test_a_face_that_is_not_kept_is_not_there(shown: TestClient) -> None:
    answer = shown.get(ADDRESS.replace(TRACK_UID, "01KAXW3E8M0000000000000009"))
    assert (answer.status_code, "no picture of track" in answer.json()["detail"]) == (404, True)


def test_erasing_a_track_erases_its_face(shown: TestClient, thumbnails: Thumbnails) -> None:
    assert shown.delete(f"/api/v1/tracks/{TRACK_UID}").status_code == 200
    assert thumbnails.jpeg(TRACK_UID) is None
    assert shown.get(ADDRESS).status_code == 404


def test_where_they_are_off_the_answer_says_what_to_set(client: TestClient) -> None:
    answer = client.get(ADDRESS)
    assert (answer.status_code, "privacy.thumbnails is not set" in answer.json()["detail"]) == (404, True)
    assert client.get("/api/v1/session").json()["thumbnails"] is False
