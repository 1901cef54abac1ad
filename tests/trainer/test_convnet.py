"""A trained network as a classifier: opened from its folder, cut to one label set, deep features."""

import dataclasses

import numpy as np
import pytest

from engine.errors import ConfigError
from trainer.batches import examples
from trainer.convnet import ConvNet
from trainer.fit import Fit


@pytest.fixture
def run(tmp_path, faces, recipe):
    both = dataclasses.replace(recipe, labels=("ferplus", "fer2013"), epochs=2)
    Fit(both, examples(faces, both), tmp_path / "run").run()
    return tmp_path / "run"


def test_each_label_set_gives_its_own_classifier(run, faces):
    plus, plain = ConvNet.open(run), ConvNet.open(run, "fer2013")
    assert (len(plus.labels), len(plain.labels)) == (8, 7)
    assert plain.predict_proba(faces.whole).sum(1) == pytest.approx(1)
    assert plain.features(faces.whole) == pytest.approx(plus.features(faces.whole))


def test_logits_are_the_last_layer_over_the_features(run, faces):
    classifier = ConvNet.open(run, "fer2013")
    last = classifier.net[-1]
    by_hand = classifier.features(faces.whole) @ last.weight.detach().numpy().T + last.bias.detach().numpy()
    assert classifier.logits(faces.whole) == pytest.approx(by_hand, abs=1e-5)


def test_no_images_give_no_rows(run):
    assert ConvNet.open(run).predict_proba(np.empty((0, 48, 48), np.uint8)).shape == (0, 8)


def test_images_of_another_kind_are_refused(run):
    with pytest.raises(ValueError, match=r"expected uint8 \(N, S, S\[, 3\]\), got float32"):
        ConvNet.open(run).predict_proba(np.zeros((2, 48, 48), np.float32))


def test_an_unknown_label_set_and_a_folder_without_a_run_are_named(run, tmp_path):
    with pytest.raises(ConfigError, match="learned ferplus, fer2013, not 'affectnet'"):
        ConvNet.open(run, "affectnet")
    with pytest.raises(ConfigError, match="cannot be read"):
        ConvNet.open(tmp_path / "nothing")


def test_weights_of_another_network_are_refused(run):
    text = (run / "config.yaml").read_text().replace("net: tiny", "net: cnn-small")
    (run / "config.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"best\.pt does not fit"):
        ConvNet.open(run)


def test_it_fits_arrays_and_goes_on_where_it_was(tmp_path, faces, recipe):
    targets, _ = faces.answers["ferplus"].distributions()
    classifier = ConvNet(dataclasses.replace(recipe, epochs=12, average=0.5), faces.answers["ferplus"].labels, tmp_path)
    classifier.fit(faces.whole, targets)
    first = classifier.predict_proba(faces.whole)
    assert (first.argmax(1) == targets.argmax(1)).mean() > 0.5
    classifier.fit(faces.whole, targets)
    assert np.array_equal(classifier.predict_proba(faces.whole), first)
