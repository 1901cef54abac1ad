"""`GET models/{name}/report`: the page that lies beside a model in use, and no other file."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from engine.api import ApiConfig, ApiServer, create_app
from engine.api.privacy import PrivacyConfig
from engine.api.reports import LARGEST
from engine.history import History
from engine.modelcard import SHIPPED, report_path
from engine.status import ModelSnapshot
from tests.support.rawhttp import exchange
from tests.support.run_status import FixedView, run_status

PAGE = "<!DOCTYPE html><title>fer: report</title><p>86 % \u00fc"


@pytest.fixture
def model(tmp_path: Path, view: FixedView) -> ModelSnapshot:
    """One in use with a page beside it, and another page that belongs to none in use."""
    (tmp_path / "fer.report.html").write_text(PAGE, encoding="utf-8")
    (tmp_path / "other.report.html").write_text("of no model in use", encoding="utf-8")
    made = ModelSnapshot("classify", "fer", "1", "0" * 64, "cpu", report=report_path(tmp_path / "fer.onnx"))
    view.shown = run_status(models=(ModelSnapshot("detect", "haar", "4", "0" * 64, "cpu"), made))
    return made


def test_the_models_say_whether_there_is_a_report_and_it_is_the_page_beside_the_model(
    client: Any, model: ModelSnapshot
) -> None:
    told = client.get("/api/v1/models").json()["items"]
    assert [(one["name"], one["report"]) for one in told] == [("haar", False), ("fer", True)]
    answer = client.get("/api/v1/models/fer/report")
    assert (answer.status_code, answer.text) == (200, PAGE)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert str(model.report) not in client.get("/api/v1/models").text + client.get("/api/v1/status").text


def test_a_report_may_do_nothing_but_be_read(url_of: Any, model: ModelSnapshot) -> None:
    request = b"GET /api/v1/models/fer/report HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    headers = exchange(url_of, request).headers
    policy = headers["content-security-policy"]
    assert policy.split("; ")[:4] == ["sandbox", "default-src 'none'", "style-src 'unsafe-inline'", "img-src data:"]
    assert "script" not in policy and "frame-ancestors 'none'" in policy
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")


@pytest.fixture
def url_of(view: FixedView, history: History) -> Any:
    config = ApiConfig(port=0)
    running = ApiServer(create_app(view, history, config, "0.1.0"), config)
    running.start()
    yield running.url
    running.stop()


@pytest.mark.parametrize(
    "name",
    ["other", "haar", "fer.report.html", "../fer", "..%2fother", "%2e%2e%2fother", "fer%00", "FER", "x" * 300, "fer/x"],
)
def test_a_name_only_chooses_among_the_models_in_use(client: Any, model: ModelSnapshot, name: str) -> None:
    answer = client.get(f"/api/v1/models/{name}/report")
    assert answer.status_code in (404, 422) and "of no model" not in answer.text


def test_a_report_that_is_gone_or_far_too_large_is_none(client: Any, model: ModelSnapshot) -> None:
    page = model.report
    assert page
    page.write_bytes(b"x" * (LARGEST + 1))
    assert client.get("/api/v1/models/fer/report").status_code == 404
    page.unlink()
    page.mkdir()
    assert client.get("/api/v1/models/fer/report").status_code == 404
    assert [one["report"] for one in client.get("/api/v1/models").json()["items"]] == [False, False]


def test_it_takes_a_token_that_may_read(guarded: Any, model: ModelSnapshot) -> None:
    assert guarded.get("/api/v1/models/fer/report").status_code == 401
    headers = {"Authorization": "Bearer open-sesame"}
    assert guarded.get("/api/v1/models/fer/report", headers=headers).text == PAGE


def test_it_tells_of_no_face_that_was_seen_so_it_is_there_with_aggregates_only(
    history: History, view: FixedView, model: ModelSnapshot
) -> None:
    app = create_app(view, history, ApiConfig(), "0.1.0", privacy=PrivacyConfig(aggregate_only=True))
    assert TestClient(app, base_url="http://localhost").get("/api/v1/models/fer/report").status_code == 200


def test_of_two_stages_with_one_model_either_has_its_report(client: Any, model: ModelSnapshot, view: FixedView) -> None:
    view.shown = run_status(models=(replace(model, stage="detect", report=None), model))
    assert client.get("/api/v1/models/fer/report").status_code == 200


def test_the_shipped_report_shows_nobody_and_names_no_place_on_a_machine() -> None:
    page = report_path(SHIPPED / "emotion-fer.onnx").read_text(encoding="utf-8")
    assert len(page) < 300_000
    assert "<img" not in page and "data:image" not in page and "<image" not in page
    assert not [place for place in ("/tmp/", "/home/", "/root/", "/work/", "C:\\") if place in page]
