"""The trainer's report, opened from a model's card in a real Chromium, with a token and without."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote

import pytest

from engine.api.config import TokenConfig
from engine.modelcard import SHIPPED, load_model, report_path
from engine.status import ModelSnapshot
from tests.support.browser import Visitor
from tests.support.redis_server import until
from tests.support.run_status import FixedView, run_status
from tests.web.serving import served

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(120)]

WAIT_MS = 30_000
TOKEN = "reader-of-reports"
HOSTILE = """<!DOCTYPE html><html><head><title>harm</title><base href="ELSEWHERE/">
<meta http-equiv="refresh" content="0;url=ELSEWHERE/"><script>parent.harmed = 1; top.harmed = 1</script>
<style>h1 { color: rgb(1, 2, 3) }</style></head><body onload="top.harmed = 1"><h1 id="top">harm</h1>
<img src="ELSEWHERE/a.png" onerror="top.harmed = 1"><iframe src="ELSEWHERE/"></iframe>
<form action="ELSEWHERE/"><input name="a" autofocus onfocus="top.harmed = 1"></form>
<a href="javascript:top.harmed = 1">press</a> <a href="#end">end</a><p id="end">the end</p></body></html>"""


@contextmanager
def trap() -> Iterator[tuple[str, list[str]]]:
    """Another server's address, and the paths that it was asked for."""
    caught: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            caught.append(self.path)
            self.send_error(404)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", caught
    finally:
        server.shutdown()
        server.server_close()


def model(report: Path, name: str = "emotion-fer") -> ModelSnapshot:
    card = load_model(SHIPPED / "emotion-fer.onnx").card
    return ModelSnapshot("classify", name, card.version, card.sha256, "cpu", card, report)


def opened(visitor: Visitor) -> Any:
    """The tab that opens when one presses Report."""
    page = visitor.go("engine")
    link = page.get_by_role("link", name="Report")
    link.wait_for(timeout=WAIT_MS)
    with visitor.context.expect_page() as made:
        link.click()
    tab = made.value
    tab.on("pageerror", lambda error: visitor.errors.append(str(error)))
    # What Playwright itself would run in the frame is refused, too.
    tab.on("console", lambda message: "Blocked script execution" in message.text or visitor._said(message))
    tab.on("request", visitor._asked)
    return tab


@pytest.fixture(params=[True, False], ids=["token", "open"])
def visitor(browser: Any, request: Any) -> Iterator[Visitor]:
    tokens = (TokenConfig(token=TOKEN, scopes=("read",)),) if request.param else ()
    view = FixedView(run_status(models=(model(report_path(SHIPPED / "emotion-fer.onnx")),)))
    with served(view, tokens=tokens) as url, Visitor(browser, url, TOKEN if request.param else None) as made:
        yield made


def test_a_report_opens_in_a_tab_of_its_own_and_its_contents_lead_through_it(visitor: Visitor) -> None:
    tab = opened(visitor)
    report = tab.frame_locator("iframe")
    report.get_by_role("heading", name="emotion-fer", level=1).wait_for(timeout=WAIT_MS)
    assert "Report on emotion-fer" in tab.title()
    heading = report.locator("h2#classes-title")
    assert heading.evaluate("title => title.getBoundingClientRect().top > innerHeight")
    report.get_by_role("link", name="Class by class").click()
    # It scrolls there smoothly.
    until(lambda: heading.evaluate("title => title.getBoundingClientRect().top < innerHeight"), 10)
    colour = report.locator("body").evaluate("body => getComputedStyle(body).maxWidth + getComputedStyle(body).padding")
    assert colour != "none0px"  # its styles are taken
    tab.reload()
    report.get_by_role("heading", name="emotion-fer", level=1).wait_for(timeout=WAIT_MS)


def test_a_report_that_means_harm_is_only_read(browser: Any, tmp_path: Path) -> None:
    page = tmp_path / "evil.report.html"
    name = "<img src=x onerror=top.harmed=1>"
    with (
        trap() as (elsewhere, caught),
        served(FixedView(run_status(models=(model(page, name),)))) as url,
        Visitor(browser, url) as visitor,
    ):
        page.write_text(HOSTILE.replace("ELSEWHERE", elsewhere))
        tab = opened(visitor)
        report = tab.frame_locator("iframe >> nth=0")
        report.get_by_role("heading", name="harm").wait_for(timeout=WAIT_MS)
        report.get_by_text("press").click()
        report.get_by_text("end", exact=True).click()
        tab.wait_for_timeout(500)
        assert tab.evaluate("[window.harmed ?? null, location.pathname]") == [None, "/report.html"]
        assert report.get_by_role("heading", name="harm").is_visible()
        straight = visitor.context.new_page()
        straight.goto(f"{url}/api/v1/models/{quote(name)}/report")
        straight.wait_for_timeout(500)
        assert straight.evaluate("[window.harmed ?? null, location.origin]") == [None, url]
        assert caught == []
        # What was tried and refused is told on the console.
        visitor.errors.clear()
        visitor.strays.clear()


def test_without_a_token_or_a_report_the_page_says_what_to_do(browser: Any) -> None:
    view = FixedView(run_status(models=(model(Path("/nowhere/x.report.html")),)))
    with served(view, tokens=(TokenConfig(token=TOKEN, scopes=("read",)),)) as url:
        with Visitor(browser, url) as stranger:
            stranger.page.goto(f"{url}/report.html#emotion-fer")
            stranger.page.get_by_text("Sign in on the dashboard").wait_for(timeout=WAIT_MS)
        with Visitor(browser, url, TOKEN) as reader:
            page = reader.go("engine")
            page.get_by_role("heading", name="emotion-fer").wait_for(timeout=WAIT_MS)
            assert page.get_by_role("link", name="Report").count() == 0
            page.goto(f"{url}/report.html#emotion-fer")
            page.get_by_text("There is no report on this model").wait_for(timeout=WAIT_MS)
