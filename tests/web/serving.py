"""The API and its dashboard on a socket, before an engine that is played."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from engine.api import ApiConfig, ApiServer, create_app
from engine.api.config import TokenConfig
from engine.api.privacy import PrivacyConfig
from engine.history import History
from engine.preview import Shots
from tests.support.managing import Managed
from tests.support.run_status import FixedView

Tokens = tuple[TokenConfig, ...]


@contextmanager
def served(
    view: FixedView,
    history: History | None = None,
    shots: Shots | None = None,
    tokens: Tokens = (),
    schemes: Any = None,
    **privacy: Any,
) -> Iterator[str]:
    """Its address, while it runs. Closes `history` and `shots`. With `schemes` cameras can be added."""
    opened = history or History("sqlite://")
    if history is None:
        opened.open()
    managed = Managed(opened, schemes=schemes) if schemes else None
    config = ApiConfig(port=0, tokens=tokens, **({"sources": managed.config} if managed else {}))
    sources = managed.sources if managed else None
    app = create_app(view, opened, config, "0.1.0", shots=shots, privacy=PrivacyConfig(**privacy), sources=sources)
    running = ApiServer(app, config)
    running.start()
    try:
        yield running.url
    finally:
        if shots:
            shots.close()
        running.stop()
        opened.close()
