"""The API and its dashboard on a socket, before an engine that is played."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from engine.api import ApiConfig, ApiServer, create_app
from engine.api.config import TokenConfig
from engine.api.privacy import PrivacyConfig
from engine.history import History
from engine.preview import Shots
from tests.support.run_status import FixedView

Tokens = tuple[TokenConfig, ...]


@contextmanager
def served(
    view: FixedView,
    history: History | None = None,
    shots: Shots | None = None,
    tokens: Tokens = (),
    **privacy: Any,
) -> Iterator[str]:
    """Its address, while it runs. Closes `history` and `shots`."""
    opened = history or History("sqlite://")
    if history is None:
        opened.open()
    config = ApiConfig(port=0, tokens=tokens)
    app = create_app(view, opened, config, "0.1.0", shots=shots, privacy=PrivacyConfig(**privacy))
    running = ApiServer(app, config)
    running.start()
    try:
        yield running.url
    finally:
        if shots:
            shots.close()
        running.stop()
        opened.close()
