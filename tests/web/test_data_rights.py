"""Whose data is behind a model, on the dashboard's page on the engine, in both languages."""

from dataclasses import replace
from typing import Any

import pytest

from engine.datarights import DataSource
from engine.modelcard import SHIPPED, load_model
from engine.status import ModelSnapshot
from tests.support.browser import Visitor
from tests.support.run_status import FixedView, run_status
from tests.web.serving import served

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(180)]

WAIT_MS = 30_000
NO_ADDRESS = DataSource("<b>mine</b>", "measured on", "my own", "cleared")


def shown() -> FixedView:
    card = load_model(SHIPPED / "emotion-fer.onnx").card
    card = replace(card, data_rights=(*card.data_rights, NO_ADDRESS))
    known = ModelSnapshot("classify", card.name, card.version, card.sha256, "cpu", card)
    return FixedView(run_status(models=(ModelSnapshot("detect", "haar", "4", "0" * 64, "cpu"), known)))


@pytest.mark.parametrize(
    ("locale", "title", "verdict", "unknown", "summary", "use"),
    [
        ("en-GB", "Data behind it", "not cleared for commercial use", "unknown", "Whose data", "trained on"),
        ("de-DE", "Daten dahinter", "nicht für gewerbliche Nutzung freigegeben", "unbekannt", "Wessen", "trainiert"),
    ],
)  # fmt: skip
def test_a_models_card_says_whose_data_it_learned(
    browser: Any, locale: str, title: str, verdict: str, unknown: str, summary: str, use: str
) -> None:
    with served(shown()) as url, Visitor(browser, url, locale=locale) as visitor:
        page = visitor.go("engine")
        card = page.locator(".card", has=page.get_by_role("heading", name="emotion-fer"))
        card.locator(".facts-row div", has_text=title).get_by_text(verdict, exact=True).wait_for(timeout=WAIT_MS)
        haar = page.locator(".card", has=page.get_by_role("heading", name="haar"))
        haar.locator(".facts-row div", has_text=title).get_by_text(unknown, exact=True).wait_for(timeout=WAIT_MS)
        card.get_by_text(summary).click()
        sources = card.locator(".rights li")
        named = len(load_model(SHIPPED / "emotion-fer.onnx").card.data_rights)
        assert sources.count() == named + 1
        first = sources.nth(0)
        assert use in first.inner_text() and "no licence" in first.inner_text()
        assert first.get_by_role("link", name="FER2013").get_attribute("href").startswith("https://www.kaggle.com/")
        mine = sources.nth(named)
        assert mine.get_by_role("link").count() == 0 and "<b>mine</b>" in mine.inner_text()
