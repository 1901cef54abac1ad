import warnings
from collections.abc import Iterator

import pytest

from engine.api import ApiConfig, create_app
from engine.history import History
from tests.support.run_status import FixedView

with warnings.catch_warnings():
    # Starlette would rather be tested with httpx2.
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient


@pytest.fixture
def history() -> Iterator[History]:
    opened = History("sqlite://")
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def view() -> FixedView:
    return FixedView()


@pytest.fixture
def client(view: FixedView, history: History) -> Iterator[TestClient]:
    app = create_app(view, history, ApiConfig(), "0.1.0")
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as connected:
        yield connected


@pytest.fixture
def guarded(view: FixedView, history: History) -> Iterator[TestClient]:
    """The same with a token."""
    app = create_app(view, history, ApiConfig(token="open-sesame"), "0.1.0")
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as connected:
        yield connected
