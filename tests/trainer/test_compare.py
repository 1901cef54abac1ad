"""The table of models: what is made, what is kept, what is refused."""

import json

import pytest

from engine.errors import ConfigError
from tests.trainer.support import invented_set
from trainer import faceset
from trainer.cli import run
from trainer.compare import CompareConfig, Comparison, rows_of
from trainer.recipes import to_settings

RECIPE = """
label_sets: [ferplus, fer2013]
threads: 1
rows:
  - {name: majority, model: majority}
  - name: hog
    model: hog-svm
    label_sets: [ferplus]
    settings: {features: {cells: [16]}, costs: [0.01, 0.1], steps: 30}
published:
  ferplus:
    - {name: A paper, accuracy: 0.9, source: "https://example.org/paper"}
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "compare.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.fixture
def data(tmp_path):
    faceset.save(invented_set(), tmp_path / "data")
    return tmp_path / "data"


def test_one_command_makes_every_row_and_the_table(recipe, data, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(["compare", str(recipe), "--data", str(data), "--out", str(out)]) == 0
    tables = {table["label_set"]: table for table in json.loads((out / "table.json").read_text())["tables"]}
    majority, hog = tables["ferplus"]["rows"]
    assert (majority["name"], hog["name"]) == ("majority", "hog")
    assert majority["accuracy"] < hog["accuracy"]
    assert hog["accuracy_interval"][0] <= hog["accuracy"] <= hog["accuracy_interval"][1]
    assert hog["milliseconds"] > 0
    assert hog["parameters"] > majority["parameters"] > 0
    assert tables["ferplus"]["published"][0]["name"] == "A paper"
    assert [row["name"] for row in tables["fer2013"]["rows"]] == ["majority"]
    for name in ("config.yaml", "manifest.json", "cost.json", "metrics-test.json", "scores-test.npz", "model.npz"):
        assert (out / "ferplus" / "hog" / name).is_file()
    text = capsys.readouterr().out
    assert "*as published:* https://example.org/paper" in text
    assert (out / "table.md").read_text(encoding="utf-8").strip() == text.strip()
    # Again: nothing is made twice.
    before = (out / "ferplus" / "hog" / "metrics-test.json").stat().st_mtime_ns
    assert run(["compare", str(recipe), "--data", str(data), "--out", str(out)]) == 0
    assert (out / "ferplus" / "hog" / "metrics-test.json").stat().st_mtime_ns == before


def test_some_rows_only_and_the_table_says_what_waits(recipe, data, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(["compare", str(recipe), "--data", str(data), "--out", str(out), "--only", "majority"]) == 0
    assert "Not made yet: hog." in capsys.readouterr().out


def test_a_row_made_with_other_settings_is_not_passed_off(recipe, data, tmp_path, capsys):
    arguments = ["compare", str(recipe), "--data", str(data), "--out", str(tmp_path / "out")]
    assert run([*arguments, "--only", "hog"]) == 0
    recipe.write_text(RECIPE.replace("steps: 30", "steps: 20"), encoding="utf-8")
    assert run([*arguments, "--only", "hog"]) == 2
    assert "was made with other settings or data; --force makes it again" in capsys.readouterr().err
    assert run([*arguments, "--only", "hog", "--force"]) == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rows": [{"name": "a", "model": "svm"}]}, "model 'svm' is not one of majority"),
        ({"rows": [{"name": "a"}]}, "row 'a' needs either a model, or a recipe or run to reuse"),
        ({"rows": [{"name": "a", "model": "majority", "colour": 1}]}, "colour"),
        ({"rows": [{"name": "a", "model": "majority"}] * 2}, "two rows have the same name: a"),
    ],
)
def test_a_wrong_recipe_is_refused_in_one_line(wrong, message):
    with pytest.raises(ConfigError, match=message):
        to_settings(CompareConfig, {"label_sets": ["ferplus"], **wrong}, "compare.yaml")


def test_what_is_not_there_is_named(recipe, data, tmp_path, capsys):
    out = str(tmp_path / "out")
    assert run(["compare", str(recipe), "--data", str(data), "--out", out, "--only", "svm"]) == 2
    assert "--only svm: the rows are majority, hog" in capsys.readouterr().err
    assert run(["compare", str(recipe), "--out", out]) == 2
    assert "name --data" in capsys.readouterr().err
    assert run(["compare", str(recipe), "--sequences", str(data), "--out", out]) == 2
    assert "--sequences needs a part `sequences`" in capsys.readouterr().err


def test_the_test_split_and_removed_faces_are_not_learned_from():
    faces = invented_set()
    faces.removed[3] = True
    rows = rows_of(faces, "ferplus")
    assert (faces.split[rows.train] == 0).all()
    assert (faces.split[rows.validation] == 1).all()
    assert 3 not in rows.train


def test_a_network_that_is_nowhere_is_named(data, tmp_path):
    config = to_settings(
        CompareConfig, {"label_sets": ["ferplus"], "rows": [{"name": "net", "reuse": str(tmp_path / "no")}]}, "x"
    )
    comparison = Comparison(config, faceset.open_faces(data), tmp_path / "out")
    with pytest.raises(ConfigError, match="holds no finished run, and there is no recipe"):
        comparison.make(comparison.jobs()[0])
