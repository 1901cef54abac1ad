"""What is installed against what is imported, on installations laid out as pip leaves them."""

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import pytest

from pipelines import entry, installation

ROOT = Path(__file__).parents[2]


def install(site: Path, name: str, version: str, files: Mapping[str, bytes]) -> None:
    """Put a distribution into `site`, over whatever is there, as pip does; compiled files are listed without a hash."""
    rows = ["compiled/__pycache__/x.pyc,,"]
    for path, content in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_bytes(content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(content)}")
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "RECORD").write_text("\n".join([*rows, f"{info.name}/RECORD,,"]) + "\n")


def there(site: Path) -> list[metadata.Distribution]:
    return list(metadata.distributions(path=[str(site)]))


OWN = {"engine/__init__.py": b"ours", "engine/a, b.py": b"1", "pipelines/cli.py": b"2", "trainer/fit.py": b"3"}


def test_a_clean_installation_has_nothing_to_tell(tmp_path: Path) -> None:
    install(tmp_path, "moodline", "0.1.0", OWN)
    install(tmp_path, "opencv-python-headless", "4.14.0.94", {"cv2/__init__.py": b"cv2"})
    assert installation.intruders(there(tmp_path)) == []
    assert installation.altered("moodline", installation.OURS, there(tmp_path)) == []
    assert installation.opencv("4.14.0", there(tmp_path)) == []


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"engine/__init__.py": b"theirs"}, "engine/__init__.py into engine"),
        (
            {"trainer/loop.py": b"theirs", "trainer/__init__.py": b""},
            "trainer/__init__.py, trainer/loop.py into trainer",
        ),
        ({"pipelines.py": b""}, "pipelines.py"),
        ({"engine/x.py": b"", "pipelines/y.py": b""}, "engine/x.py, pipelines/y.py into engine and pipelines"),
        (
            {f"engine/{number}.py": b"" for number in range(9)},
            "9 files (engine/0.py, engine/1.py, engine/2.py, …) into",
        ),
    ],
)
def test_packages_that_write_into_ours_are_named(tmp_path: Path, files: dict[str, bytes], said: str) -> None:
    install(tmp_path, "moodline", "0.1.0", OWN)
    install(tmp_path, "Game_Engine", "3.2", files)
    install(tmp_path, "harmless", "1", {"engines/x.py": b"", "other/engine/x.py": b""})
    (line,) = installation.intruders(there(tmp_path))
    assert line.startswith("game-engine 3.2 has put ") and said in line
    assert "pip uninstall game-engine" in line and "install moodline again" in line


def test_files_that_were_overwritten_or_removed_are_named(tmp_path: Path) -> None:
    install(tmp_path, "moodline", "0.1.0", OWN)
    (tmp_path / "engine/__init__.py").write_bytes(b"OURS")  # as large as before
    (tmp_path / "trainer/fit.py").unlink()
    altered = installation.altered("moodline", installation.OURS, there(tmp_path))
    assert sorted(altered) == ["engine/__init__.py", "trainer/fit.py"]
    said = installation.overwritten("moodline", installation.OURS, there(tmp_path))
    assert said == "moodline: engine/__init__.py, trainer/fit.py are not as installed"


def test_two_opencvs_in_one_folder_are_told_with_what_is_imported(tmp_path: Path) -> None:
    install(tmp_path, "opencv-python-headless", "4.14.0.94", {"cv2/__init__.py": b"four", "cv2/data/haar.xml": b"x"})
    install(tmp_path, "opencv-python", "5.0.0.93", {"cv2/__init__.py": b"five"})
    first, second = installation.opencv("5.0.0", there(tmp_path))
    assert "opencv-python 5.0.0.93" in first and "opencv-python-headless 4.14.0.94" in first
    assert "overwrite each other's files, and 5.0.0 is imported; pip uninstall -y " in first
    assert second.startswith("OpenCV 5.0.0 has no Haar cascades")


@pytest.mark.parametrize("name", ["opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"])
def test_every_build_of_opencv_clashes(tmp_path: Path, name: str) -> None:
    install(tmp_path, "opencv-python-headless", "4.14.0.94", {"cv2/__init__.py": b"a"})
    install(tmp_path, name, "4.14.0.94", {"cv2/__init__.py": b"a"})
    (line,) = installation.opencv("4.14.0", there(tmp_path))
    assert f"{name} 4.14.0.94" in line


def test_an_opencv_that_is_not_the_installed_one_is_told(tmp_path: Path) -> None:
    """The second of two was removed, which leaves the first without its files; or another folder is found first."""
    install(tmp_path, "opencv-python-headless", "4.14.0.94", {"cv2/__init__.py": b"four"})
    (line,) = installation.opencv("4.9.0", there(tmp_path))
    assert line.startswith("4.9.0 is imported, but opencv-python-headless 4.14.0.94 is installed")
    (tmp_path / "cv2/__init__.py").write_bytes(b"some")
    (line,) = installation.opencv("4.14.0", there(tmp_path))
    assert line.startswith("opencv-python-headless: cv2/__init__.py is not as installed; pip uninstall -y opencv-")
    assert installation.opencv("4.14.0-dev", []) == []  # built by hand


def test_packages_found_elsewhere_are_told(tmp_path: Path) -> None:
    assert installation.strays() == []
    lines = installation.strays(tmp_path)
    assert [line.split()[0] for line in lines] == ["'engine'", "'pipelines'", "'trainer'"]
    assert f"is imported from {ROOT / 'engine'}, but moodline is in {tmp_path}" in lines[0]


def started(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program, with `site` before everything else."""
    code = "import sys; from pipelines.entry import main; sys.argv[0] = 'moodline'; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=site, capture_output=True, text=True, check=False, timeout=120,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nowhere", "PYTHONPATH": f"{site}:{ROOT}"},
    )  # fmt: skip


@pytest.mark.parametrize("arguments", [(), ("doctor",), ("--log-format", "json", "check", "x.yaml")])
def test_an_overwritten_engine_is_told_in_one_line(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Before a single command could be imported."""
    install(tmp_path, "game-engine", "3.2", {"engine/__init__.py": b"class Game: ..."})
    done = started(tmp_path, *arguments)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    first = done.stderr.splitlines()[0]
    said = json.loads(first)["event"] if "json" in arguments else first
    assert said.startswith("moodline: game-engine 3.2 has put engine/__init__.py into engine")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("onnxruntime", "onnxruntime is not installed; pip install 'moodline[cpu]', or 'moodline[gpu]'"),
        ("av", "av is not installed; install moodline again"),
        ("cv2", "OpenCV cannot be imported"),
    ],
)
def test_a_library_that_is_missing_is_told_in_one_line(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / f"{name}.py").write_text(f"raise ModuleNotFoundError('gone', name={name!r})")
    done = started(tmp_path, "doctor")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(f"moodline: {said}")


def test_a_library_that_cannot_be_loaded_says_why() -> None:
    lost = ImportError("libGL.so.1: cannot open shared object file", name="cv2")
    assert entry.missing(lost) == [
        "OpenCV cannot be imported (libGL.so.1: cannot open shared object file); "
        "pip install 'opencv-python-headless>=4.12,<5'"
    ]
    assert entry.missing(ImportError("bad magic", name="av._core")) == [
        "av cannot be imported (bad magic); install it again"
    ]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("moodline", "--log-format", "json", "run", "x"), True),
        (("moodline", "--log-format=json", "run", "x"), True),
        (("moodline", "--log-format", "console"), False),
        (("moodline", "run", "json"), False),
    ],
)
def test_json_is_known_before_the_options_are_read(arguments: tuple[str, ...], wanted: bool) -> None:
    assert entry.wants_json(arguments) is wanted
