"""A real Chromium for tests, which may talk to one address only."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
)  # fmt: skip


@contextmanager
def chromium(*flags: str) -> Iterator[Any]:
    """A browser. Skips where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="needs Playwright (make setup-dev)")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("needs a Chromium: apt-get install chromium (make system)")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS, *flags])
        yield browser
        browser.close()


class Visitor:
    """One visitor with a window of their own. Notes what must not happen: requests elsewhere, errors, dialogs."""

    def __init__(self, browser: Any, url: str, token: str | None = None, **options: Any) -> None:
        self.url = url
        self.strays: list[str] = []
        self.errors: list[str] = []
        settings = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", "timezone_id": "UTC", **options}
        self.context = browser.new_context(**settings)
        self.page = self.context.new_page()
        self.page.on("request", self._asked)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.errors.append(f"dialog {dialog.message}"), dialog.dismiss()))
        self.page.on("console", self._said)
        if token is not None:
            script = f"sessionStorage.setItem('moodline.token', {token!r})"
            self.page.add_init_script(script)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.strays.append(request.url)

    def _said(self, message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(message.text)

    def go(self, place: str = "live") -> Any:
        """Open a page of the dashboard and wait until it has something to show."""
        self.page.goto(f"{self.url}/#/{place}")
        self.page.wait_for_selector("main h1, main h2")
        return self.page

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, kind: object, *_error: object) -> None:
        self.context.close()
        if kind is None:
            assert self.strays == [], self.strays
            assert self.errors == [], self.errors
