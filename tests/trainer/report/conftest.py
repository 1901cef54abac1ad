"""A run folder with every file a report can use, written by the trainer's own code where that is quick."""

import json
import shutil
from types import SimpleNamespace

import pytest
import torch

from tests.trainer.support import invented_set
from tests.trainer.unseen.drawn import unseen_set
from trainer import checkpoints
from trainer.config import TrainConfig
from trainer.convnet import ConvNet
from trainer.evaluate import evaluate, write
from trainer.faceset import save
from trainer.labels import FERPLUS
from trainer.subjects import from_classifier
from trainer.unseen.judging import judge, summary, write_unseen


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """`run` with scores of an untrained network, `data`, and `table` with models and a published anchor."""
    root = tmp_path_factory.mktemp("report")
    torch.manual_seed(0)
    faces = invented_set()
    digest = save(faces, root / "data")["sha256"]
    config = TrainConfig(name="stripes", net="tiny", epochs=2, device="cpu", threads=1)
    run = root / "run"
    run.mkdir()
    (run / "config.yaml").write_text(config.to_yaml(), encoding="utf-8")
    put(run / "manifest.json", {
        "heads": [{"name": "ferplus", "labels": list(FERPLUS)}], "training_images": 64, "validation_images": 16,
        "parameters": 6543, "command": "moodline-train fit tiny.yaml",
        "data": json.loads((root / "data" / "manifest.json").read_text(encoding="utf-8")),
    })  # fmt: skip
    model = ConvNet(config, FERPLUS, run)
    checkpoints.write(model.net.state_dict(), run / "best.pt")
    subject = from_classifier(model, "stripes", sha256="ab" * 32, parameters=6543)
    write(evaluate(subject, faces, "test", data_sha256=digest, command="moodline-train evaluate run"), run)
    stills = unseen_set("stills", ("anger", "fear", "calm"), ["anger", "fear", "fear", "calm"], ["fear"] * 4)
    stock = unseen_set("stock", FERPLUS, ["anger", "neutral"])
    answers = judge(subject, [stills, stock])
    facts = {"name": "stripes", "sha256": subject.sha256}
    write_unseen({"model": facts, "command": "moodline-train evaluate run --also stills",
                  "also": summary(subject, answers)}, run)  # fmt: skip
    history = [
        {"epoch": epoch, "train_loss": 2 / epoch, "train_accuracy": 0.5, "validation_accuracy": 0.4 + epoch / 10,
         "recall": [0.1, 0.2], "seconds": 61}
        for epoch in (1, 2)
    ]  # fmt: skip
    lines = "".join(json.dumps(line) + "\n" for line in history)
    (run / "history.jsonl").write_text(lines, encoding="utf-8")
    put(run / "cost.json", {"fit_seconds": 122.0, "epochs": 2, "device": "cpu", "threads": 1})
    put(run / "export.json", exported())
    for name, file, content in (("table", "table.json", compared()), ("cv", "cv.json", folded())):
        (root / name).mkdir()
        put(root / name / file, content)
    (root / "tune").mkdir()
    trials = "".join(json.dumps(trial) + "\n" for trial in searched())
    (root / "tune" / "trials.jsonl").write_text(trials, encoding="utf-8")
    return root


@pytest.fixture
def place(template, tmp_path):
    """A copy of its own for each test."""
    shutil.copytree(template, tmp_path / "all")
    root = tmp_path / "all"
    names = ("run", "data", "table", "cv", "tune")
    return SimpleNamespace(root=root, **{name: root / name for name in names})


def put(path, content):
    path.write_text(json.dumps(content), encoding="utf-8")


def exported():
    files = [
        {"file": f"stripes{name}.onnx", "variant": variant, "bytes": octets, "sha256": "cd" * 32,
         "test_accuracy": {"aligned": 0.8123 - loss, "whole": 0.7}, "milliseconds": 1.25,
         "against_fp32": {"test": {"accuracy_loss_points": 100 * loss, "agreement": 1 - loss}}}
        for name, variant, octets, loss in (("", "fp32", 6_400_000, 0), ("-int8", "int8", 1_700_000, 0.0037))
    ]  # fmt: skip
    return {"mirror": False, "onnx_against_torch": 2.5e-6, "files": files,
            "int8": {"method": "entropy", "calibration_faces": 512}}  # fmt: skip


def compared():
    """Two tables, as `compare` writes them together."""
    one = {
        "label_set": "ferplus",
        "split": "test",
        "view": "aligned",
        "truth": "majority",
        "rows": [
            {"name": "majority", "accuracy": 0.3456, "accuracy_interval": [0.33, 0.36], "fit_seconds": 1.0},
            {"name": "cnn", "accuracy": 0.8765, "accuracy_interval": [0.86, 0.89], "sha256": "ab" * 32},
        ],
        "published": [
            {"name": "VGG13", "accuracy": 0.8499, "source": "https://arxiv.org/abs/1608.01041", "note": "Barsoum"}
        ],
        "missing": ["hog-svm"],
    }
    rows = [{"name": "mean of frames", "accuracy": 0.61}, {"name": "GRU", "accuracy": 0.67}]
    return {"tables": [one, {"kind": "sequences", "clips": 12, "persons": 5, "rows": rows}]}


def searched():
    return [
        {
            "number": 0,
            "state": "complete",
            "value": 0.5123,
            "params": {"learning_rate": 0.1},
            "epochs": 4,
            "seconds": 9,
        },
        {"number": 1, "state": "pruned", "value": None, "params": {"learning_rate": 0.9}, "epochs": 1, "seconds": 2},
    ]


def folded():
    one = {"fold": 1, "accuracy": 0.7111, "macro_f1": 0.6, "train_images": 60, "images": 20, "seconds": 9.0}
    scores = {"accuracy": {"mean": 0.7222, "interval": [0.71, 0.74]}}
    return {"folds": 2, "models": {"stripes": {"folds": [one, one | {"fold": 2}], "scores": scores}}}
