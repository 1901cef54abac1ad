"""A server that publishes models, a catalogue of them, and an empty folder to pull them into."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.modelcard import user_folder
from tests.support import networks
from tests.support.mirror import Mirror, mirror
from tests.support.pulling import Publish


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of models, empty."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name in ("MOODLINE_MODELS", "MOODLINE_CATALOGUE", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return user_folder()


@pytest.fixture
def page() -> Iterator[Mirror]:
    with mirror() as running:
        yield running


@pytest.fixture
def network(tmp_path: Path) -> bytes:
    return networks.retinaface(tmp_path / "published.onnx", seed=3).read_bytes()


@pytest.fixture
def publish(page: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Publish:
    """Puts content onto the server and into the catalogue, which is then the one in force."""
    entries: dict[str, dict[str, Any]] = {}

    def put(name: str, content: bytes, **changes: object) -> dict[str, Any]:
        page.files[name] = content
        entries[name] = {
            "name": name,
            "about": "made by a test",
            "task": "face-detection",
            "like": "retinaface-mnet025",
            "url": page.url(name),
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "licence": "MIT",
            "commercial": True,
            **changes,
        }
        path = tmp_path / "catalogue.yaml"
        path.write_text(yaml.safe_dump({"models": list(entries.values())}), encoding="utf-8")
        monkeypatch.setenv("MOODLINE_CATALOGUE", str(path))
        return entries[name]

    return put
