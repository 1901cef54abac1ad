"""A client generated from the served OpenAPI document, used against the server that served it."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.api import ApiConfig, ApiServer, create_app
from engine.history import History
from engine.sources.config import SourceConfig
from tests.support.documents import event
from tests.support.managing import Managed
from tests.support.run_status import FixedView

CONFIG = "project_name_override: moodline_client\npackage_name_override: moodline_client\npost_hooks: []\n"
BEARER = {"Authorization": "Bearer open-sesame"}


@pytest.fixture
def url(history: History) -> Iterator[str]:
    history.append([event(1), event(2, "end"), event(3, track_id=2, source_id="desk")])
    managed = Managed(history, SourceConfig(id="door", uri="demo:"))
    config = ApiConfig(port=0, token="open-sesame", sources=managed.config)
    running = ApiServer(create_app(FixedView(), history, config, "0.1.0", sources=managed.sources), config)
    running.start()
    yield running.url
    running.stop()


@pytest.fixture
def generated(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a module of the client."""
    pytest.importorskip("openapi_python_client")
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "openapi.json").write_bytes(httpx.get(f"{url}/openapi.json", headers=BEARER, timeout=20).content)
    arguments = ["generate", "--path", "openapi.json", "--output-path", "moodline_client", "--meta", "none"]
    done = subprocess.run(
        [Path(sys.executable).with_name("openapi-python-client"), *arguments, "--config", "config.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    monkeypatch.syspath_prepend(str(tmp_path))
    yield lambda name: importlib.import_module(f"moodline_client.{name}")
    for name in [name for name in sys.modules if name.startswith("moodline_client")]:
        del sys.modules[name]


def test_a_generated_client_works(generated: Any, url: str) -> None:
    models = generated("models")
    with generated("client").AuthenticatedClient(base_url=url, token="open-sesame") as client:

        def ask(name: str, *path: str, **arguments: Any) -> Any:
            return generated(f"api.default.{name}").sync_detailed(*path, client=client, **arguments)

        assert ask("status").parsed.run_id == "01KAXW3E8M0000000000000000"
        tested = ask("test_source", body=models.SourceTest(uri="rtsp://admin:hunter2@127.0.0.1/"))
        assert (tested.status_code, tested.parsed.errors[0].additional_properties["field"]) == (422, "uri")
        made = ask("add_source", body=models.NewSource(id="yard", uri="rtsp://admin:hunter2@10.0.0.8/live", fps=5.0))
        assert (made.status_code, made.parsed.uri, made.parsed.settings.fps) == (201, "rtsp://***@10.0.0.8/live", 5.0)
        assert [one.source_id for one in ask("sources").parsed.items] == ["door", "yard"]
        assert ask("change_source", "yard", body=models.SourceChange(paused=True)).parsed.paused is True
        assert ask("source", "yard").parsed.origin == models.SourceDetailOrigin.API
        assert ask("remove_source", "yard").status_code == 204
        again = ask("remove_source", "yard")
        assert (again.status_code, again.parsed.detail) == (404, "source 'yard' is not known")
        assert [one.source_id for one in ask("sources").parsed.items] == ["door"]
        assert {one.source_id for one in ask("tracks").parsed.items} == {"door", "desk"}
        assert [one.seq for one in ask("events", source_id="door").parsed.items] == [2, 1]
