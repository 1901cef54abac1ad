"""The whole chain on 700 faces: prepare, fit, tune, crossval, evaluate, export, report; then the engine runs it.

    python -m tests.smoke.train_smoke                        # drawn faces: needs nothing
    python -m tests.smoke.train_smoke --fer2013 FOLDER       # 700 of the real ones

Each step is a program started as a user starts it. The first that fails ends it, with what it said.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2

from engine.items import Image
from engine.modelcard import load_model
from engine.sources.config import SourceConfig
from engine.sources.demo import FPS, HEIGHT, WIDTH, open_demo
from tests.smoke.drawn_faces import drawn, write_csv
from trainer.sources.find import open_source

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "configs" / "trainer"
COUNT = 700
ENTRY = "import sys; from {module} import main; sys.argv[0] = {name!r}; main()"
USAGES = ("Training", "PublicTest", "PrivateTest")


class StepFailedError(Exception):
    """A step of the chain did not do what it should."""


def program(name: str, *arguments: object) -> str:
    """Run `moodline` or `moodline-train` to its end and give what it printed."""
    module = {"moodline": "pipelines.cli", "moodline-train": "trainer.entry"}[name]
    done = subprocess.run(
        [sys.executable, "-c", ENTRY.format(module=module, name=name), *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise StepFailedError(f"{name} {' '.join(map(str, arguments))}\nended with {done.returncode}: {said}")
    return done.stdout


def require(path: Path, *more: Path) -> None:
    for each in (path, *more):
        if not each.is_file() or not each.stat().st_size:
            raise StepFailedError(f"{each} was not written")


class Chain:
    """The steps in `folder`, in order. Each one leaves what the next one reads."""

    def __init__(self, folder: Path, fer2013: Path | None, landmarks: Path | None) -> None:
        self.folder, self.fer2013, self.landmarks = folder, fer2013, landmarks
        self.data, self.run = folder / "faces", folder / "smoke"
        self.model = folder / "models" / "smoke.onnx"

    def steps(self) -> dict[str, Callable[[], None]]:
        return {
            "faces": self.faces,
            "prepare": self.prepare,
            "fit": self.fit,
            "tune": self.tune,
            "crossval": self.crossval,
            "evaluate": self.evaluate,
            "export": self.export,
            "report": self.report,
            "analyze": self.analyze,
        }

    def train(self, *arguments: object) -> str:
        return program("moodline-train", *arguments)

    def faces(self) -> None:
        rows = real(self.fer2013, COUNT) if self.fer2013 else drawn(COUNT)
        write_csv(self.folder / "fer2013.csv", rows)

    def prepare(self) -> None:
        how = ("--landmarks", self.landmarks) if self.landmarks else ()
        self.train("prepare", self.folder / "fer2013.csv", "--out", self.data, *how)
        require(self.data / "manifest.json")
        images = json.loads((self.data / "manifest.json").read_text())["images"]
        if images != COUNT:
            raise StepFailedError(f"{self.data} holds {images} images, not {COUNT}")

    def fit(self) -> None:
        self.train("fit", RECIPES / "smoke.yaml", "--data", self.data, "--run", self.run)
        require(self.run / "best.pt", self.run / "manifest.json", self.run / "history.jsonl")

    def tune(self) -> None:
        study = self.folder / "tune"
        self.train("tune", RECIPES / "smoke-tune.yaml", "--data", self.data, "--study", study, "--trials", 2)
        require(study / "best.yaml")

    def crossval(self) -> None:
        out = self.folder / "crossval"
        plan = ("--models", "majority,hog-svm", "--folds", 2)
        self.train("crossval", RECIPES / "smoke.yaml", *plan, "--data", self.data, "--out", out)
        require(out / "cv.json")

    def evaluate(self) -> None:
        for split in ("validation", "test"):
            self.train("evaluate", self.run, "--data", self.data, "--split", split)
        require(self.run / "metrics-test.json", self.run / "scores-test.npz")
        views = json.loads((self.run / "metrics-test.json").read_text())["views"]
        accuracy = views["whole"]["label"]["accuracy"]
        # One in seven is chance; a chain that shuffles labels or pixels somewhere falls back to it.
        if not self.fer2013 and accuracy < 0.4:
            raise StepFailedError(f"accuracy on drawn test faces is {accuracy}, little better than chance")

    def export(self) -> None:
        out = ("--data", self.data, "--out", self.model, "--fp16", "--int8", "--calibration", 128)
        self.train("export", self.run, *out)
        require(self.run / "export.json")
        for name in ("smoke", "smoke-fp16", "smoke-int8"):
            load_model(self.model.with_name(f"{name}.onnx"))

    def report(self) -> None:
        page = self.folder / "report.html"
        self.train(
            "report", self.run, self.folder / "tune", self.folder / "crossval", "--data", self.data, "--out", page
        )
        require(page, page.with_suffix(".md"))

    def analyze(self) -> None:
        """The engine, on footage with faces, with each exported file."""
        clip = self.folder / "demo.avi"
        film(clip)
        for model in (self.model, self.model.with_name("smoke-int8.onnx")):
            recipe, events = self.folder / "analyze.yaml", self.folder / "events.jsonl"
            events.unlink(missing_ok=True)
            plain = (ROOT / "configs" / "analyze.yaml").read_text(encoding="utf-8")
            recipe.write_text(
                plain.replace("stages:\n", f"stages:\n  classify: {{model: {json.dumps(str(model))}}}\n"),
                encoding="utf-8",
            )
            program("moodline", "analyze", clip, "--config", recipe, "--events", events)
            check_events(events, model)


def check_events(events: Path, model: Path) -> None:
    """The events come from `model` and speak its labels."""
    card = load_model(model).card
    lines = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    seen = [line for line in lines if line.get("after")]
    if not seen:
        raise StepFailedError(f"{model.name}: no event of {len(lines)} names an emotion")
    for line in seen:
        if line["model"]["sha256"] != card.sha256 or not set(line["after"]["scores"]) <= set(card.labels):
            raise StepFailedError(f"{model.name}: an event is not of this model or its labels: {line}")


def film(path: Path, pictures: int = 45) -> None:
    """The built-in demo footage as a video file."""
    reader = open_demo(SourceConfig(id="demo", uri="demo:"))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (WIDTH, HEIGHT))
    while pictures:
        picture = reader.read()
        if picture is not None:
            writer.write(picture.image)
            pictures -= 1
    writer.release()
    require(path)


def real(folder: Path, count: int) -> Iterator[tuple[int, Image, str]]:
    """`count` faces of FER2013 in `folder`, spread over the whole set."""
    source = open_source(folder)
    chosen = {round(number * (source.count - 1) / (count - 1)) for number in range(count)}
    for number, record in enumerate(source.records()):
        if number in chosen:
            yield int(record.answers["fer2013"].argmax()), record.image, USAGES[record.split or 0]


def main(arguments: list[str] | None = None) -> int:
    """Run the chain; 0 when all of it worked."""
    parser = argparse.ArgumentParser(prog="train_smoke", description=__doc__.splitlines()[0])
    parser.add_argument("--fer2013", type=Path, help="take 700 real faces from this folder or fer2013.csv")
    parser.add_argument("--landmarks", type=Path, help="align with this RetinaFace ONNX file, not the shipped one")
    parser.add_argument("--keep", type=Path, help="work in this new folder and leave it there")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="train-smoke-") as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        return run(Chain(folder, options.fer2013, options.landmarks))


def run(chain: Chain) -> int:
    began, used = time.monotonic(), cpu_s()
    for name, step in chain.steps().items():
        started, before = time.monotonic(), cpu_s()
        try:
            step()
        except (StepFailedError, OSError) as error:
            say(f"{name:9} FAILED after {time.monotonic() - started:.1f} s: {error}")
            return 1
        say(f"{name:9} {time.monotonic() - started:6.1f} s, {cpu_s() - before:5.1f} s of one core")
    say(f"{'all':9} {time.monotonic() - began:6.1f} s, {cpu_s() - used:5.1f} s of one core")
    return 0


def cpu_s() -> float:
    """Processor seconds of this program and those it ran: what remains comparable on a busy machine."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
