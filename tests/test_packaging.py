"""What a user installs: one wheel with everything it needs, and a lock that names every file."""

import re
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=100)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_holds_what_runs_and_nothing_else(wheel):
    names = wheel.namelist()
    for needed in (
        "engine/runner.py",
        "engine/models/emotion-fer.onnx",
        "engine/models/emotion-fer.json",
        "engine/models/emotion-fer.report.html",
        "engine/models/retinaface-mnet025.onnx",
        "engine/models/retinaface-mnet025.json",
        "engine/schemas/event.schema.json",
        "engine/web/dist/index.html",
        "engine/web/dist/report.html",
        "engine/web/dist/LICENSES.txt",
        "pipelines/configs/demo.yaml",
        "pipelines/configs/models.yaml",
        "trainer/fit.py",
    ):
        assert needed in names
    assert not [name for name in names if name.startswith("engine/web/") and not name.startswith("engine/web/dist/")]
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"engine", "pipelines", "trainer"}


def test_it_cannot_be_uploaded_by_mistake_and_names_its_licence(wheel):
    text = wheel.read(next(name for name in wheel.namelist() if name.endswith("METADATA"))).decode()
    assert "Classifier: Private :: Do Not Upload" in text
    assert "License-Expression: Apache-2.0" in text


@pytest.mark.parametrize("name", ["cpu.txt", "gpu.txt", "dev.txt"])
def test_a_lock_has_a_hash_for_every_file_and_no_address(name):
    text = (ROOT / "requirements" / name).read_text()
    pinned = re.findall(r"^([a-z0-9][a-z0-9._-]*)==", text, re.M)
    assert len(pinned) > 40
    assert "http" not in re.sub(r"^(httpcore|httptools|httpx|httplib2)\S*==", "", text, flags=re.M)
    for block in re.split(r"\n(?=[a-z0-9])", text[text.index(pinned[0]) :]):
        assert "--hash=sha256:" in block, block.splitlines()[0]


def test_shipped_weights_stay_within_their_room():
    assert sum(path.stat().st_size for path in (ROOT / "engine" / "models").iterdir()) <= 16 * 2**20


def test_one_onnx_runtime_and_one_opencv_are_installed():
    """Two of either overwrite each other without an error."""
    names = {(dist.metadata["Name"] or "").lower() for dist in metadata.distributions()}
    assert len(names & {"onnxruntime", "onnxruntime-gpu"}) == 1
    assert len(names & {"opencv-python", "opencv-python-headless", "opencv-contrib-python"}) == 1


def reached(wheel: zipfile.ZipFile, extra: str) -> set[str]:
    """Every distribution that pip would install for the wheel with `extra`, as far as what is installed here tells."""
    text = wheel.read(next(name for name in wheel.namelist() if name.endswith("METADATA"))).decode()
    waiting = [(line.removeprefix("Requires-Dist: "), extra) for line in text.splitlines() if "Requires-Dist" in line]
    found: set[str] = set()
    while waiting:
        line, wanted = waiting.pop()
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"extra": wanted}):
            continue
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if name in found:
            continue
        found.add(name)
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        waiting += [(each, more) for each in needs for more in ("", *requirement.extras)]
    return found


@pytest.mark.parametrize("extra", ["", "cpu", "gpu", "gpu-cuda", "postgres", "parquet", "train"])
def test_no_extra_brings_a_second_opencv_or_onnx_runtime(wheel, extra):
    """pip has no way to leave out what a requirement requires, as the locks do."""
    names = reached(wheel, extra)
    assert {name for name in names if "opencv" in name} == {"opencv-python-headless"}
    runtimes = {"cpu": {"onnxruntime"}, "gpu": {"onnxruntime-gpu"}, "gpu-cuda": {"onnxruntime-gpu"}}
    assert {name for name in names if name.startswith("onnxruntime")} == runtimes.get(extra, set())


def test_every_extra_is_looked_at(wheel):
    text = wheel.read(next(name for name in wheel.namelist() if name.endswith("METADATA"))).decode()
    found = set(re.findall(r"^Provides-Extra: (.+)$", text, re.M))
    assert found == {"cpu", "gpu", "gpu-cuda", "postgres", "parquet", "train"}
