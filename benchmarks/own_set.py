"""The gain from 200 own pictures per class: the shipped model before and after training on them.

    python -m benchmarks.own_set FER2013_FOLDER [--work FOLDER]

The own set: faces of FER2013's validation split, which the shipped model never learned from, as a cheap thermal
camera would show them (negative, soft, noisy). 200 pictures of each of six classes are for training and
validation, the others are the test. Rows: the shipped model as it is, `configs/trainer/own.yaml` (begins from
the shipped model), and the same recipe from nothing.
"""

import argparse
import contextlib
import io
import json
import tempfile
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from engine.items import Image
from trainer.cli import run
from trainer.labels import FER2013
from trainer.sources.base import VALIDATION
from trainer.sources.find import open_source

LABELS = ("anger", "fear", "happiness", "neutral", "sadness", "surprise")
EACH, HELD = 200, 40
RECIPE = Path("configs/trainer/own.yaml")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fer2013", type=Path)
    parser.add_argument("--work", type=Path, help="keep data and runs here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        compare(arguments.fer2013, arguments.work or Path(folder))


def compare(source: Path, work: Path) -> None:
    counts = write_own_set(source, work / "pictures")
    print(f"{counts['train']} training, {counts['validation']} validation and {counts['test']} test pictures")
    call("prepare", work / "pictures", "--landmarks", "none", "--size", "112", "--out", work / "data")
    scratch = work / "from-nothing.yaml"
    scratch.write_text(RECIPE.read_text().replace("init: emotion-fer\n", ""))
    rows = {"shipped, as it is": "emotion-fer"}
    for name, recipe in (("own.yaml", RECIPE), ("own.yaml from nothing", scratch)):
        call("fit", recipe, "--data", work / "data", "--run", work / recipe.stem)
        rows[name] = str(work / recipe.stem)
    print("| model | test pictures | accuracy (95 %) | balanced |\n|---|---|---|---|")
    for name, model in rows.items():
        call("evaluate", model, "--data", work / "data", "--out", work / "scores" / name)
        found = json.loads((work / "scores" / name / "metrics-test.json").read_text())["views"]["whole"]["label"]
        low, high = found["accuracy_interval"]
        accuracy = f"{100 * found['accuracy']:.1f} % ({100 * low:.1f}-{100 * high:.1f})"
        print(f"| {name} | {found['images']} | {accuracy} | {100 * found['balanced_accuracy']:.1f} % |")


def write_own_set(source: Path, folder: Path) -> Counter[str]:
    """Write the pictures as `<split>/<class>/<number>.png` and return how many each split has."""
    generator = np.random.default_rng(0)
    seen: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for number, record in enumerate(open_source(source).records()):
        label = FER2013[int(record.answers["fer2013"].argmax())]
        if record.split != VALIDATION or label not in LABELS:
            continue
        seen[label] += 1
        split = "train" if seen[label] <= EACH - HELD else "validation" if seen[label] <= EACH else "test"
        counts[split] += 1
        place = folder / split / label
        place.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place / f"{number}.png"), thermal(record.image, generator))
    return counts


def thermal(image: Image, generator: np.random.Generator) -> Image:
    """A gray picture uint8 `(H, W)` as a cheap thermal camera would show it; same shape."""
    gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    soft = cv2.GaussianBlur(255.0 - gray.astype(np.float32), (0, 0), 1.0)
    return np.clip(soft + generator.normal(0, 10, soft.shape), 0, 255).astype(np.uint8)


def call(*arguments: object) -> None:
    """Run `moodline-train` quietly."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = run([str(argument) for argument in arguments])
    if code:
        raise SystemExit(f"moodline-train {' '.join(map(str, arguments))}: exit {code}\n{said.getvalue()}")


if __name__ == "__main__":
    main()
