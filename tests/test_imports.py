"""One third-party library, one home: read off the source itself."""

import ast
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {"engine", "pipelines", "trainer"}
EVERYWHERE = {"numpy", "cv2"}  # arrays and pixel arithmetic
HOMES = {
    "onnxruntime": ["engine/sessions.py", "trainer/quantize.py"],
    "norfair": ["engine/stages/track.py"],
    "av": ["engine/sources/av_reader.py", "engine/sources/av_writer.py"],
    "redis": ["engine/bus/"],
    "sqlalchemy": ["engine/history/"],
    "alembic": ["engine/history/migrations/"],
    "pyarrow": ["pipelines/history_parquet.py"],
    "fastapi": ["engine/api/"],
    "fastapi_swagger": ["engine/api/"],
    "starlette": ["engine/api/"],
    "uvicorn": ["engine/api/"],
    "prometheus_client": ["engine/metrics.py"],
    "orjson": ["engine/jsontext.py"],
    "yaml": ["pipelines/yamlfile.py", "trainer/recipes.py"],
    "structlog": ["pipelines/logs.py"],
    "click": ["pipelines/", "trainer/cli.py", "trainer/commands/"],
    # Settings and the API's answers are pydantic models; the logic behind them is not.
    "typing_extensions": ["engine/documents.py"],  # TypedDict as pydantic needs it before Python 3.12
    "pydantic_core": ["engine/api/", "engine/fields.py"],
    "pydantic": ["engine/fields.py", "engine/shapes.py", "engine/api/", "trainer/config.py", "trainer/recipes.py"],
    "torch": ["trainer/"],
    "onnx": ["trainer/export.py", "trainer/quantize.py"],
    "pooch": ["pipelines/download.py"],
    "requests": ["pipelines/remote.py"],
    "tqdm": ["trainer/", "pipelines/download.py", "pipelines/history_cli.py"],
    # Metrics, splits and baselines: scikit-learn is to the trainer what numpy is to all.
    "sklearn": ["trainer/"],
    "scipy": ["trainer/detector/widerprotocol.py"],  # comes with scikit-learn; reads MATLAB files
    "skimage": ["trainer/features.py"],
    "imblearn": ["trainer/sampling.py"],
    "optuna": ["trainer/tune.py"],
    "matplotlib": ["trainer/report/"],
    "jinja2": ["trainer/report/"],
    "markupsafe": ["trainer/report/"],
    "kaggle": ["trainer/sources/kaggle.py"],
}


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


def third_party():
    found = defaultdict(set)
    for package in OURS:
        for path in (ROOT / package).rglob("*.py"):
            for name in imports_of(path):
                if name not in sys.stdlib_module_names | OURS | EVERYWHERE:
                    found[name].add(path.relative_to(ROOT).as_posix())
    return found


def test_every_library_is_imported_only_at_home():
    strays = {
        name: sorted(path for path in paths if not any(path.startswith(home) for home in HOMES.get(name, [])))
        for name, paths in third_party().items()
    }
    assert {name: paths for name, paths in strays.items() if paths} == {}


@pytest.mark.parametrize("package", sorted(OURS))
def test_nothing_is_ever_unpickled(package):
    """A model file or a message must not be able to run code."""
    for path in (ROOT / package).rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not {"pickle", "dill", "joblib", "shelve", "marshal"} & set(imports_of(path)), path
        assert "allow_pickle=True" not in text, path
        assert "torch.load(" not in text or "weights_only=True" in text, path


def test_exactly_one_place_catches_everything():
    broad = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for package in OURS
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}))
    ]
    assert [place.split(":")[0] for place in broad] == ["engine/runner.py"]


def test_files_hold_one_idea():
    long = {
        path.relative_to(ROOT).as_posix(): count
        for package in OURS
        for path in (ROOT / package).rglob("*.py")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}
