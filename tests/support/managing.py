"""Sources that can be changed, with a fleet that reads nothing and names that need no network."""

from ipaddress import ip_address
from typing import Any

from engine.history import History
from engine.sources.addresses import literal
from engine.sources.browsers import BrowserCameras
from engine.sources.config import SourceConfig
from engine.sources.managed import ManagedSources
from engine.sources.rules import ApiSourcesConfig, SourceRules
from engine.testing import FakeFleet

NAMES = {"camera.lan": ("10.0.0.9",), "turned.lan": ("10.0.0.9", "127.0.0.1"), "localhost": ("127.0.0.1", "::1")}


def resolve(host: str) -> Any:
    """What `NAMES` say, and addresses as themselves."""
    return tuple(map(ip_address, NAMES.get(host, (host,) if literal(host) else ())))


class Managed:
    """`sources`, the `fleet` they drive, `browsers` beside them, and the `config` of the API that goes with them."""

    def __init__(self, history: History, *configured: SourceConfig, **config: Any) -> None:
        self.config = ApiSourcesConfig(**{"enabled": True, **config})
        self.fleet = FakeFleet(configured)
        rules = SourceRules(self.config, resolve, own=lambda _address: False)
        self.browsers = BrowserCameras(self.fleet, self._known)
        store = history.source_store("lobby")
        self.sources = ManagedSources(self.fleet, store, rules, configured, self.browsers)
        self.sources.begin()

    def _known(self) -> dict[str, str]:
        return {source_id: config.shown for source_id, config in self.fleet.running.items()}
