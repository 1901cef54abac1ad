"""The development sets, judged by a network of others that does not change: counts and accuracies are known."""

import json
import shutil

import pytest

from engine.modelcard import sha256_of
from trainer.cli import run
from trainer.sources.find import open_source

SETS = {
    "expressions_dev/stock": ("labels-csv", 1047),
    "expressions_dev/sfew": ("labels-csv", 699),
    "expressions/london": ("labels-csv", 244),
    "expressions/muxspace_rest": ("labels-csv", 4399),
    "expressions/diffusionfer": ("labels-csv", 1289),
    "sequences/ckplus": ("folders", 40),
}
JUDGED = {
    "expressions_dev/stock/valid": (159, 0.805, {"neutral": 45, "happy": 38, "sad": 40, "angry": 36}),
    # the last frames of the sequences
    "sequences/ckplus": (40, 0.85, {"happy": 8, "sad": 5, "angry": 4, "fear": 5, "disgust": 9, "surprise": 9}),
}


@pytest.mark.assets
def test_every_labelled_folder_is_read_as_what_it_is(assets):
    for name, (layout, images) in SETS.items():
        source = open_source(assets / name)
        assert (source.layout, (source.peaks or source).count) == (layout, images), name


@pytest.mark.assets
@pytest.mark.parametrize("name", JUDGED)
def test_development_sets_have_known_counts_and_accuracies(name, assets, tmp_path, capsys):
    network = tmp_path / "peer.onnx"
    shutil.copy(assets / "emotion_peers" / "faceapi_expression.onnx", network)
    card = {
        "name": "peer", "version": "1", "task": "emotion", "licence": "MIT", "layout": "probabilities",
        "sha256": sha256_of(network), "labels": ["neutral", "happy", "sad", "angry", "fear", "disgust", "surprise"],
        "input": {"width": 112, "height": 112, "colour": "RGB", "scale": 1.0, "mean": [0, 0, 0], "std": [1, 1, 1]},
    }  # fmt: skip
    network.with_suffix(".json").write_text(json.dumps(card))
    assert run(["evaluate", str(network), "--also", str(assets / name), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["also"]["sets"]
    images, accuracy, classes = JUDGED[name]
    assert (row["images"], row["left_out"]) == (images, {})
    # Another build of the libraries may put a landmark elsewhere: one picture of forty.
    assert row["accuracy"] == pytest.approx(accuracy, abs=0.026)
    assert {label: row["per_class"][label]["images"] for label in classes} == classes
    assert row["faces"]["found"] >= 0.98 * images
