import dataclasses
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError
from tests.trainer.support import invented_set
from trainer.batches import batches_per_epoch, examples, training_epoch
from trainer.cli import run
from trainer.faceset import add_answers, open_faces, save
from trainer.labels import FERPLUS, Answers, one_each
from trainer.mixing import MixConfig, PartConfig, load_mix, mixed


def part(folder, **settings):
    return PartConfig(**{"data": str(folder), "blend": {"fer2013": 1.0}, **settings})


@pytest.fixture
def other(tmp_path):
    """Another set: twelve faces, all neutral or happiness, called `emotion`, with a teacher's answers."""
    faces = invented_set(12, seed=5)
    plain = one_each(("neutral", "happiness"), np.arange(12, dtype=np.int64) % 2)
    soft = np.zeros((12, 8), np.uint8)
    soft[:, 2] = 250
    faces = dataclasses.replace(faces, answers={"emotion": plain, "teacher": Answers(FERPLUS, soft)})
    save(faces, tmp_path / "other")
    return tmp_path / "other"


def test_a_blend_weighs_label_and_votes_by_name(data):
    faces = mixed(MixConfig(name="m", parts=(part(data, blend={"fer2013": 3, "ferplus": 1}, smoothing=0.0),)))
    targets, known = faces.label_set("emotion").distributions()
    assert known.all()
    # Face 1: labelled happiness; eight votes happiness, two surprise.
    assert targets[1, FERPLUS.index("happiness")] == pytest.approx(0.75 + 0.25 * 0.8, abs=0.01)
    assert targets[1, FERPLUS.index("surprise")] == pytest.approx(0.25 * 0.2, abs=0.01)


def test_a_face_without_an_answer_is_blended_from_the_rest(data):
    faces = open_faces(data)
    counts = np.array(faces.answers["fer2013"].counts)
    counts[1] = 0
    add_answers(data, "fer2013", Answers(faces.answers["fer2013"].labels, counts))
    targets, _ = (
        mixed(MixConfig(name="m", parts=(part(data, blend={"fer2013": 3, "ferplus": 1}),)))
        .label_set("emotion")
        .distributions()
    )
    assert targets[1, FERPLUS.index("happiness")] == pytest.approx(0.8, abs=0.01)


def test_the_first_part_keeps_its_rows_and_label_sets(data, other):
    before = open_faces(data)
    faces = mixed(MixConfig(name="m", parts=(part(data), part(other, blend={"emotion": 1}))))
    learned = int((np.asarray(open_faces(other).split) == 0).sum())
    assert len(faces) == len(before) + learned
    assert np.array_equal(faces.aligned[: len(before)], before.aligned)
    assert np.array_equal(faces.answers["ferplus"].counts[: len(before)], before.answers["ferplus"].counts)
    assert not faces.answers["ferplus"].counts[len(before) :].any()
    assert (np.asarray(faces.split)[len(before) :] == 0).all()
    assert faces.extra["parts"][1]["images"] == learned


def test_classes_and_weights_say_how_often_faces_are_drawn(data, other):
    settings = part(other, blend={"emotion": 1}, weight=2.0, classes={"neutral": 0.25, "happiness": 0})
    faces = mixed(MixConfig(name="m", parts=(part(data, weight=1.0), settings)))
    ours = np.asarray(faces.weights)[96:]
    assert set(ours.tolist()) == {0.5}
    assert set(np.asarray(faces.weights)[:96].tolist()) == {1.0}


def test_votes_against_the_label_make_a_face_doubtful(data):
    faces = open_faces(data)
    votes = np.array(faces.answers["ferplus"].counts)
    votes[1] = 0
    votes[1, FERPLUS.index("anger")] = 10
    votes[2, -2] = 200  # nobody could tell
    add_answers(data, "ferplus", Answers(FERPLUS, votes, faces.answers["ferplus"].rest))
    settings = part(data, blend={"fer2013": 1, "ferplus": 1}, doubtful=0.5, unreadable=0.25)
    weights = np.asarray(mixed(MixConfig(name="m", parts=(settings,))).weights)
    assert weights[1] == 0.5
    assert weights[2] == 0.25
    assert weights[3] == 1.0


def test_weights_rule_what_an_epoch_draws(data, recipe):
    faces = mixed(MixConfig(name="m", parts=(part(data),)))
    label = faces.answers["emotion"].counts.argmax(1)
    rare = np.where(label % 2, 1.0, 0.25).astype(np.float32)
    faces = dataclasses.replace(faces, weights=rare)
    config = dataclasses.replace(recipe, labels=("emotion",), batch_size=8)
    learned = examples(faces, config)
    assert batches_per_epoch(learned, config) == int(rare[learned.train].sum()) // 8
    drawn = [
        int((targets.argmax(1) % 2 == 0).sum())
        for epoch in range(20)
        for _, targets in training_epoch(learned, config, epoch)
    ]
    even = label[learned.train] % 2 == 0
    expected = 0.25 * even.sum() / rare[learned.train].sum()
    assert sum(drawn) / (8 * len(drawn)) == pytest.approx(expected, abs=0.05)


def test_a_face_of_weight_zero_is_not_trained_on(data, recipe):
    faces = mixed(MixConfig(name="m", parts=(part(data, classes={"anger": 0}),)))
    learned = examples(faces, dataclasses.replace(recipe, labels=("emotion",)))
    assert not (learned.targets[learned.train].argmax(1) == FERPLUS.index("anger")).any()


def test_a_mixture_is_saved_and_opened_with_its_weights(tmp_path, data, other):
    recipe = tmp_path / "mix.yaml"
    recipe.write_text(
        f"name: both\nparts:\n- {{data: {data}, blend: {{fer2013: 1}}}}\n"
        f"- {{data: {other}, blend: {{teacher: 1, emotion: 1}}, weight: 0.5}}\n"
    )
    assert run(["mix", str(recipe), "--out", str(tmp_path / "mixed")]) == 0
    opened, made = open_faces(tmp_path / "mixed"), mixed(load_mix(recipe))
    assert np.array_equal(opened.weights, made.weights)
    assert np.array_equal(opened.answers["emotion"].counts, made.answers["emotion"].counts)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name: m\nparts: []\n", "parts: a mixture needs at least one prepared set"),
        ("name: m\nparts:\n- {data: nowhere, blend: {a: 1}}\n", "'nowhere' is no prepared data set"),
        ("name: m\nparts:\n- {data: DATA, blend: {votes: 1}}\n", "has label sets ferplus, fer2013, not 'votes'"),
        ("name: m\nparts:\n- {data: DATA, blend: {fer2013: 0}}\n", "greater than 0"),
        ("name: m\nparts:\n- {data: DATA, blend: {fer2013: 1}, classes: {joy: 1}}\n", "'joy' is not one of"),
        ("name: m\nlabels: [a, a]\nparts:\n- {data: DATA, blend: {fer2013: 1}}\n", "at least two, each once"),
        ("name: m\nparts:\n- {data: DATA, blend: {fer2013: 1}, wieght: 1}\n", "did you mean 'weight'"),
    ],
)
def test_a_wrong_mixture_is_one_line_and_exit_2(tmp_path, data, capsys, text, why):
    recipe = tmp_path / "mix.yaml"
    recipe.write_text(text.replace("DATA", str(data)))
    assert run(["mix", str(recipe), "--out", str(tmp_path / "mixed")]) == 2
    assert why in capsys.readouterr().err
    assert not (tmp_path / "mixed").exists()


def test_parts_of_different_sizes_are_refused(tmp_path, data):
    larger = invented_set(12)
    images = np.zeros((12, 64, 64), np.uint8)
    save(dataclasses.replace(larger, whole=images, aligned=images), tmp_path / "larger")
    with pytest.raises(ConfigError, match="faces of 48, 64 pixels; prepare all parts with one --size"):
        mixed(MixConfig(name="m", parts=(part(data), part(tmp_path / "larger"))))


def test_every_shipped_mixture_loads():
    folder = Path(__file__).resolve().parents[2] / "configs" / "trainer" / "emotion-fer"
    paths = sorted(folder.glob("mix-*.yaml"))
    assert [load_mix(path).name for path in paths] == ["emotion-mix-1", "emotion-mix-2", "emotion-mix-3"]


def test_labels_are_understood_in_their_usual_spellings(data):
    config = MixConfig(name="m", labels=("Happy", "Sad"), parts=(part(data),))
    assert config.labels == ("happiness", "sadness")
    targets, known = mixed(config).label_set("emotion").distributions()
    assert known.sum() == 24 and set(targets[known].argmax(1).tolist()) == {0, 1}


def test_a_mixture_never_takes_the_place_of_its_own_part(tmp_path, data, capsys):
    recipe = tmp_path / "mix.yaml"
    recipe.write_text(f"name: m\nparts:\n- {{data: {data}, blend: {{fer2013: 1}}}}\n")
    before = (data / "manifest.json").read_bytes()
    assert run(["mix", str(recipe), "--out", str(data), "--force"]) == 2
    assert "is a part of the mixture" in capsys.readouterr().err
    assert (data / "manifest.json").read_bytes() == before


def test_persons_of_two_parts_stay_apart(tmp_path, data, other):
    for place in (data, other):
        faces = open_faces(place)
        known = dataclasses.replace(faces, identity=np.arange(len(faces), dtype=np.int64))
        save(known, tmp_path / f"known-{place.name}")
    names = [tmp_path / f"known-{place.name}" for place in (data, other)]
    faces = mixed(MixConfig(name="m", parts=(part(names[0]), part(names[1], blend={"emotion": 1}))))
    assert len(np.unique(faces.identity)) == len(faces)


@pytest.mark.parametrize("settings", [{"weight": 0.0}, {"classes": dict.fromkeys(FERPLUS, 0.0)}])
def test_a_part_that_teaches_nothing_is_named(data, settings):
    with pytest.raises(ConfigError, match=r"no face of .* can be learned from"):
        mixed(MixConfig(name="m", parts=(part(data, **settings),)))


def test_a_blend_must_not_hide_a_label_set_of_the_first_part(data):
    with pytest.raises(ConfigError, match="has a label set 'ferplus' already"):
        mixed(MixConfig(name="m", label_set="ferplus", parts=(part(data),)))


@pytest.mark.parametrize("weight", ["-1", "1001", ".inf", ".nan"])
def test_weights_are_numbers_that_can_be_drawn(tmp_path, data, weight):
    recipe = tmp_path / "mix.yaml"
    recipe.write_text(f"name: m\nparts:\n- {{data: {data}, blend: {{fer2013: 1}}, weight: {weight}}}\n")
    with pytest.raises(ConfigError, match=r"parts\[0\]\.weight"):
        load_mix(recipe)


def test_weights_that_fill_no_batch_are_refused(data, recipe):
    faces = mixed(MixConfig(name="m", parts=(part(data, weight=0.001),)))
    with pytest.raises(ConfigError, match=r"sum to 0\.064, a batch needs 16"):
        examples(faces, dataclasses.replace(recipe, labels=("emotion",)))
