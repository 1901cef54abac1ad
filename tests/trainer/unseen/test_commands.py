"""`--also` on the command line: tables, files and cards, and wrong arguments in one line with exit code 2."""

import json

import pytest

from engine.modelcard import load_model
from tests.trainer.support import invented_set
from tests.trainer.unseen.drawn import write_faces
from trainer import faceset
from trainer.batches import examples
from trainer.cli import run
from trainer.config import TrainConfig
from trainer.fit import Fit
from trainer.runs import facts_of

LABELS = ("happy", "angry", "calm")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two sets of three and two pictures."""
    root = tmp_path_factory.mktemp("photos")
    write_faces(root / "own", [f"{label}/1.png" for label in LABELS])
    write_faces(root / "stills", ["sad/1.png", "neutral/1.png"], first=10)
    return root


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A prepared data set and a run of one epoch on it."""
    root = tmp_path_factory.mktemp("trained")
    faces = invented_set()
    faceset.save(faces, root / "data")
    config = TrainConfig(name="tiny", net="tiny", labels=("ferplus",), epochs=1, batch_size=32, threads=1, device="cpu")
    Fit(config, examples(faces, config), root / "run", facts_of(faces)).run()
    return root


def also(photos, *names):
    return [word for name in names or ("own", "stills") for word in ("--also", str(photos / name))]


def test_an_installed_model_is_judged_without_prepared_data(photos, tmp_path, capsys):
    assert run(["evaluate", "emotion-fer", *also(photos), "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "own: left out, since the model does not know their label: calm 1" in said
    assert [line.split()[:2] for line in said.splitlines() if line.startswith(("own  ", "stills  ", "mean  "))] == [
        ["own", "2"], ["stills", "2"], ["mean", "4"],
    ]  # fmt: skip
    written = json.loads((tmp_path / "metrics-also.json").read_text())
    assert written["command"].count("--also") == 2
    assert [each["name"] for each in written["also"]["sets"]] == ["own", "stills"]
    assert written["model"]["name"] == "emotion-fer" and len(written["model"]["sha256"]) == 64


def test_json_is_all_that_is_printed(photos, capsys):
    assert run(["evaluate", "emotion-fer", *also(photos), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["also"]["mean"]["sets"] == 2 and told["also"]["temperature_from"] == "card"


def test_thresholds_are_a_table_with_the_engines_own_pair_marked(photos, capsys):
    assert run(["evaluate", "emotion-fer", *also(photos), "--thresholds"]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("share answered"))
    table = lines[start + 2 :]
    assert len(table) == 11 and sum(line.count("*") for line in table) == 1
    assert table[0].split()[:4] == ["0.00", "100.0", "/", f"{accuracy(photos, capsys):.1f}"]


def accuracy(photos, capsys):
    assert run(["evaluate", "emotion-fer", *also(photos), "--json"]) == 0
    return 100 * json.loads(capsys.readouterr().out)["also"]["mean"]["accuracy"]


def test_a_run_is_judged_at_the_temperature_of_its_data(photos, trained, capsys):
    arguments = ["evaluate", str(trained / "run"), *also(photos), "--json"]
    assert run([*arguments, "--data", str(trained / "data")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["split"] == "test" and told["also"]["temperature_from"] == "validation"
    assert told["also"]["temperature"] == told["model"]["temperature"]
    # Later, without the data, the temperature of that evaluation is used.
    assert run(arguments) == 0
    again = json.loads(capsys.readouterr().out)["also"]
    assert again["temperature"] == told["also"]["temperature"]
    assert again["sets"] == told["also"]["sets"]
    assert json.loads((trained / "run" / "metrics-also.json").read_text())["also"]["sets"] == again["sets"]
    assert run([*arguments, "--temperature-from", "also"]) == 0
    assert json.loads(capsys.readouterr().out)["also"]["temperature_from"] == "these sets"


def test_the_card_of_an_export_tells_of_unseen_faces(photos, trained, tmp_path, capsys):
    target = tmp_path / "tiny.onnx"
    arguments = ["export", str(trained / "run"), "--data", str(trained / "data"), "--out", str(target)]
    assert run([*arguments, *also(photos)]) == 0
    assert ", unseen 0." in capsys.readouterr().out
    card = load_model(target).card
    assert [each["name"] for each in card.metrics["unseen"]["sets"]] == ["own", "stills"]
    assert card.metrics["unseen"]["sets"][0]["left_out"] == {"calm": 1}
    assert run(["evaluate", str(target), *also(photos), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["also"]
    assert told["mean"]["accuracy"] == card.metrics["unseen"]["mean"]["accuracy"]
    assert run([*arguments, *also(photos), "--temperature-from", "also"]) == 0
    fitted = load_model(target).card
    assert fitted.temperature != card.temperature and fitted.metrics["temperature_from"] == "also"


RECIPE = """
label_sets: [ferplus]
threads: 1
rows: [{name: majority, model: majority}]
published: {ferplus: [{name: A paper, accuracy: 0.9, source: "https://example.org/paper"}]}
"""


def test_every_row_of_a_comparison_gets_its_mean_also_when_it_was_there_before(photos, trained, tmp_path, capsys):
    recipe, out = tmp_path / "compare.yaml", tmp_path / "out"
    recipe.write_text(RECIPE, encoding="utf-8")
    arguments = ["compare", str(recipe), "--data", str(trained / "data"), "--out", str(out)]
    assert run(arguments) == 0
    assert "unseen" not in capsys.readouterr().out
    assert run([*arguments, *also(photos)]) == 0
    head, _, row, published = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert head.count("|") == row.count("|") == published.count("|") and "unseen (balanced)" in head
    (line,) = json.loads((out / "table.json").read_text())["tables"][0]["rows"]
    # It always answers the most frequent label, neutral: right for one of four faces.
    assert (line["unseen_accuracy"], line["unseen_balanced_accuracy"]) == (0.25, 0.25)
    assert line["unseen_sets"] == ["own", "stills"]
    kept = (out / "ferplus" / "majority" / "metrics-also.json").stat().st_mtime_ns
    assert run([*arguments, *also(photos)]) == 0
    assert (out / "ferplus" / "majority" / "metrics-also.json").stat().st_mtime_ns == kept
    assert run([*arguments, *also(photos, "own")]) == 0
    assert json.loads((out / "table.json").read_text())["tables"][0]["rows"][0]["unseen_sets"] == ["own"]


WRONG = [
    (["evaluate", "emotion-fer"], "evaluate: name --data"),
    (["evaluate", "emotion-fer", "--also", "missing"], "--also: data: 'missing' does not exist"),
    (["evaluate", "emotion-fer", "--also", "own", "--also", "own/"], "is named twice"),
    (["evaluate", "emotion-fer", "--also", "own", "--also", "one"], "every picture is in class 'anger'"),
    (["evaluate", "emotion-fer", "--also", "strange"], "fewer than two shared labels"),
    (["evaluate", "emotion-fer", "--data", "data", "--temperature-from", "also"], "name the sets with --also"),
    (["evaluate", "emotion-fer", "--data", "data", "--thresholds"], "--thresholds: name the sets"),
    (["evaluate", "no-such", "--also", "own"], "model 'no-such' is not installed"),
    (["export", "run", "--data", "data", "--out", "a.onnx", "--temperature-from", "also"], "name the sets with --also"),
    (["export", "run", "--data", "data", "--out", "a.onnx", "--also", "missing"], "'missing' does not exist"),
    (["compare", "compare.yaml", "--sequences", "data", "--out", "out", "--also", "own"], "name their --data too"),
]


@pytest.mark.parametrize("arguments, message", WRONG, ids=lambda value: " ".join(value) if len(value) < 9 else None)
def test_wrong_arguments_are_one_line_and_exit_code_2(
    arguments, message, photos, trained, tmp_path, capsys, monkeypatch
):
    for name, place in (("own", photos), ("run", trained), ("data", trained)):
        (tmp_path / name).symlink_to(place / name)
    write_faces(tmp_path / "one", ["angry/1.png"])
    write_faces(tmp_path / "strange", ["calm/1.png", "angry/1.png"])
    (tmp_path / "compare.yaml").write_text(RECIPE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert message in said and not (tmp_path / "a.onnx").exists()
