"""The packed data set: what was saved comes back mapped, whole and refused when it is not."""

import dataclasses
import json

import numpy as np
import pytest

from engine.errors import ConfigError
from tests.trainer.support import invented_set
from trainer.faceset import manifest, open_faces, save


def test_what_was_saved_comes_back_as_read_only_maps(tmp_path, faces):
    facts = save(faces, tmp_path / "set")
    opened = open_faces(tmp_path / "set")
    assert isinstance(opened.whole, np.memmap) and not opened.whole.flags.writeable
    assert manifest(opened) == facts == json.loads((tmp_path / "set" / "manifest.json").read_text())
    assert list(opened.answers) == ["ferplus", "fer2013"] and opened.origin == faces.origin
    assert opened.names.tolist() == faces.names.tolist()


def test_the_manifest_counts_splits_and_classes(faces):
    facts = manifest(faces)
    assert (facts["images"], facts["aligned"], facts["size"]) == (96, 1.0, 48)
    train = facts["label_sets"]["ferplus"]["splits"]["train"]
    assert (train["images"], train["usable"], train["majority"]["neutral"]) == (64, 64, 8)


def test_the_hash_sees_every_array(faces):
    before = manifest(faces)["sha256"]
    removed = faces.removed.copy()
    removed[0] = True
    assert manifest(dataclasses.replace(faces, removed=removed))["sha256"] != before


def test_a_label_set_is_found_by_name_or_is_the_first(faces):
    assert faces.label_set().labels == faces.label_set("ferplus").labels
    with pytest.raises(ConfigError, match="has label sets ferplus, fer2013, not 'rafdb'"):
        faces.label_set("rafdb")


def test_a_blank_picture_is_one_value_all_over():
    faces = invented_set(12)
    images = faces.whole.copy()
    images[2] = 9
    assert np.flatnonzero(dataclasses.replace(faces, whole=images).blank()).tolist() == [2]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("aligned", np.zeros((96, 40, 40), np.uint8), "aligned: expected uint8"),
        ("split", np.zeros(96, np.int64), "split: expected uint8"),
        ("names", np.array(["one"]), "must have 96 rows"),
        ("answers", {}, "at least one label set"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(faces, field, value, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(faces, **{field: value})


def _truncate(folder):
    (folder / "whole.npy").write_bytes((folder / "whole.npy").read_bytes()[:5000])


def _newer(folder):
    facts = json.loads((folder / "manifest.json").read_text()) | {"format": 99}
    (folder / "manifest.json").write_text(json.dumps(facts))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), "no prepared data set"),
        (lambda folder: (folder / "split.npy").unlink(), "is damaged"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "is damaged"),
        (_truncate, "is damaged"),
        (_newer, "has format 99, this version reads 1"),
    ],
)
def test_a_damaged_folder_is_named(tmp_path, faces, damage, message):
    save(faces, tmp_path / "set")
    damage(tmp_path / "set")
    with pytest.raises(ConfigError, match=message):
        open_faces(tmp_path / "set")
