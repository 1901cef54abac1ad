"""A network's features as the input of a support vector machine."""

import dataclasses

import pytest

from engine.errors import ConfigError
from trainer.batches import examples
from trainer.convnet import ConvNet
from trainer.fit import Fit
from trainer.models import build, open_model


@pytest.fixture
def run(tmp_path, faces, recipe):
    short = dataclasses.replace(recipe, epochs=1)
    Fit(short, examples(faces, short), tmp_path / "run").run()
    return tmp_path / "run"


def deep_svm(run, cache=None):
    return build("deep-svm", ConvNet.open(run).labels, {"features": {"run": str(run)}, "costs": [0.1]}, cache)


def test_it_learns_from_the_features_of_the_run(run, faces, tmp_path):
    targets, _ = faces.label_set("ferplus").distributions()
    model = deep_svm(run, tmp_path / "cache")
    model.fit(faces.aligned, targets)
    # 16 features and a bias for each of eight labels.
    assert model.parameters == 17 * 8
    assert model.predict_proba(faces.aligned).shape == (len(faces), 8)
    model.save(tmp_path / "svm")
    opened = open_model(tmp_path / "svm")
    assert opened.predict_proba(faces.aligned).tolist() == model.predict_proba(faces.aligned).tolist()


def test_it_does_not_open_on_another_network(run, faces, recipe, tmp_path):
    targets, _ = faces.label_set("ferplus").distributions()
    model = deep_svm(run)
    model.fit(faces.aligned, targets)
    model.save(tmp_path / "svm")
    other = dataclasses.replace(recipe, epochs=1, seed=99)
    Fit(other, examples(faces, other), tmp_path / "other").run()
    (run / "best.pt").write_bytes((tmp_path / "other" / "best.pt").read_bytes())
    with pytest.raises(ConfigError, match="learned from features 'deep-"):
        open_model(tmp_path / "svm")


def test_a_run_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="nowhere"):
        build("deep-svm", ("a", "b"), {"features": {"run": str(tmp_path / "nowhere")}})
