"""Evaluation of anything that scores faces, on an invented data set whose answers are known."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from engine.errors import ConfigError, ModelError
from engine.modelcard import SHIPPED, load_model
from trainer import subjects
from trainer.cli import run as command_line
from trainer.commands.evaluate import evaluate as command
from trainer.evaluate import evaluate, summary, write
from trainer.labels import FER2013, FERPLUS
from trainer.models import build
from trainer.scoring import rows_of, shared_labels
from trainer.subjects import Subject, from_classifier, from_onnx, open_subject


class Oracle:
    """Knows every image by heart; sure of its label, of the next label for rows `wrong`."""

    def __init__(self, faces, wrong=(), labels=FERPLUS, sure=0.9):
        self.labels = labels
        self.sure = sure
        truth = faces.label_set("ferplus").plurality()
        self.known = {}
        for row, label in enumerate(truth):
            named = FERPLUS[(label + (row in wrong)) % len(FERPLUS)]
            for view in (faces.whole, faces.aligned):
                self.known[view[row].tobytes()] = labels.index(named) if named in labels else 0

    def predict_proba(self, images):
        others = (1 - self.sure) / (len(self.labels) - 1)
        scores = np.full((len(images), len(self.labels)), others, np.float32)
        for at, image in enumerate(images):
            scores[at, self.known[image.tobytes()]] = self.sure
        return scores


def measured(faces, classifier, **options):
    return evaluate(from_classifier(classifier, "oracle"), faces, **{"split": "test", "timed": False, **options})


def test_both_views_and_both_truths_of_votes_are_measured(faces):
    rows = np.flatnonzero(faces.split == 2)
    views = measured(faces, Oracle(faces, wrong=set(rows[:4]))).metrics["views"]
    for view in ("aligned", "whole"):
        assert set(views[view]) == {"majority", "plurality"}
        for values in views[view].values():
            assert (values["images"], values["accuracy"]) == (16, 0.75)
            assert values["accuracy_interval"] == [0.505, 0.8982]
            assert np.trace(values["confusion"]) == 12


def test_plain_labels_have_one_truth(faces):
    views = measured(faces, Oracle(faces, labels=FER2013), label_set="fer2013").metrics["views"]
    assert set(views["whole"]) == {"label"}
    assert views["whole"]["label"]["images"] == 16


def test_labels_are_matched_by_name_whatever_their_order_and_spelling(faces):
    backwards = tuple(reversed(FERPLUS))
    result = measured(faces, Oracle(faces, labels=backwards))
    assert result.metrics["labels"] == list(backwards)
    assert result.metrics["views"]["whole"]["majority"]["accuracy"] == 1.0
    spelled = Subject("other", tuple({"happiness": "Happy", "sadness": "sad"}.get(name, name) for name in FERPLUS), abs)
    assert shared_labels(spelled, faces).labels == FERPLUS


def test_a_model_of_seven_labels_is_asked_about_those_and_says_how_many_images_were_left_out(faces):
    seven = tuple(label for label in FERPLUS if label != "contempt")
    values = measured(faces, Oracle(faces, labels=seven), label_set="ferplus").metrics["views"]["whole"]["majority"]
    assert (values["images"], values["left_out"], values["accuracy"]) == (14, 2, 1.0)


def test_labels_that_the_data_does_not_have_are_named_and_not_asked(faces):
    result = measured(faces, Oracle(faces), label_set="fer2013").metrics
    assert result["model"]["ignored_labels"] == ["contempt"]
    assert "contempt" not in result["labels"]


def test_a_model_of_other_labels_is_refused(faces):
    with pytest.raises(ConfigError, match=r"labels cat, dog; label set .* fewer than two are shared"):
        measured(faces, from_table("cat", "dog"))


def from_table(*labels):
    """A classifier of these labels that is unsure of everything."""
    model = build("majority", labels)
    model.fit(np.zeros((2, 48, 48), np.uint8), np.eye(len(labels), dtype=np.float32)[:2])
    return model


def test_the_label_set_is_the_one_that_fits_best(faces):
    assert shared_labels(Subject("a", FER2013, abs), faces).label_set == "fer2013"
    assert shared_labels(Subject("b", FERPLUS, abs), faces).label_set == "ferplus"
    assert shared_labels(Subject("b", FERPLUS, abs, label_set="fer2013"), faces).label_set == "fer2013"


def test_blank_pictures_are_left_out_and_counted(faces):
    whole = faces.whole.copy()
    whole[-3:] = 7
    rows, blank = rows_of(replace(faces, whole=whole), "test")
    assert (len(rows), blank) == (13, 3)


def test_a_split_without_images_is_refused_with_what_there_is(faces):
    none = replace(faces, split=np.zeros(len(faces), np.uint8))
    with pytest.raises(ConfigError, match=r"'test' holds no images \(train 96, validation 0, test 0\)"):
        measured(none, Oracle(faces))
    with pytest.raises(ConfigError, match="'holdout' is not one of"):
        measured(none, Oracle(faces), split="holdout")


@pytest.mark.parametrize("kind, wrong_value", [("logits", np.nan), ("logits", np.inf), ("probabilities", np.nan)])
def test_a_score_that_is_no_number_names_its_image(faces, kind, wrong_value):
    def score(images):
        scores = np.full((len(images), 8), 1 / 8, np.float32)
        scores[2, 0] = wrong_value
        return scores

    with pytest.raises(ModelError, match=r"not a number for image stripes 82 \(row 82, aligned\)"):
        evaluate(Subject("broken", FERPLUS, score, kind), faces, "test", timed=False)


@pytest.mark.parametrize(
    "score, message",
    [
        (lambda images: np.zeros((len(images), 3), np.float32), r"gives scores \(16, 3\), expected \(16, 8\)"),
        (lambda images: np.full((len(images), 8), 0.5, np.float32), "do not sum to 1"),
        (lambda images: np.tile(np.float32([2, -1, 0, 0, 0, 0, 0, 0]), (len(images), 1)), "negative"),
    ],
)
def test_what_are_no_probabilities_is_refused(faces, score, message):
    with pytest.raises(ModelError, match=message):
        evaluate(Subject("odd", FERPLUS, score, "probabilities"), faces, "test", timed=False)


def test_the_temperature_is_fitted_on_validation_and_calibrates(faces):
    rows = np.flatnonzero(faces.split > 0)
    unsure = Oracle(faces, wrong=set(rows[::4]), sure=0.999)
    model = measured(faces, unsure).metrics
    values = model["views"]["aligned"]["plurality"]
    assert model["model"]["temperature_from"] == "validation" and model["model"]["temperature"] > 2
    assert values["calibration_error"] < 0.05 < 0.2 < values["calibration_error_untempered"]


def test_a_temperature_that_the_model_brings_stays(faces):
    subject = replace(from_classifier(Oracle(faces), "x"), temperature=1.7, temperature_from="card")
    model = evaluate(subject, faces, "test", timed=False).metrics["model"]
    assert (model["temperature"], model["temperature_from"]) == (1.7, "card")


def test_without_validation_images_there_is_no_temperature(faces):
    only_test = replace(faces, split=np.full(len(faces), 2, np.uint8))
    model = measured(only_test, Oracle(faces)).metrics["model"]
    assert (model["temperature"], model["temperature_from"]) == (1.0, "none: no validation images")


def test_pictures_that_stand_in_another_split_are_counted_apart(faces):
    whole = faces.whole.copy()
    whole[-1] = whole[0]
    doubled = replace(faces, whole=whole)
    values = measured(doubled, Oracle(doubled, wrong={0, 95})).metrics["views"]["whole"]["majority"]
    assert values["without_leaked"] == {"images": 15, "accuracy": 1.0}
    assert values["accuracy"] < 1


def test_a_class_without_images_is_null_in_the_file(faces, tmp_path):
    rows = np.flatnonzero((faces.split == 2) & (faces.label_set("ferplus").majority() == 5))
    split = faces.split.copy()
    split[rows] = 0
    path = write(measured(replace(faces, split=split), Oracle(faces)), tmp_path)
    values = json.loads(path.read_text())["views"]["aligned"]["majority"]
    empty = {"precision": None, "recall": None, "f1": None, "roc_auc": None, "average_precision": None}
    assert values["per_class"]["disgust"] == {"images": 0, **empty}
    assert "disgust" not in values["roc"] and values["balanced_accuracy"] == 1.0


def test_files_hold_the_scores_as_they_came(faces, tmp_path):
    write(measured(faces, Oracle(faces)), tmp_path)
    with np.load(tmp_path / "scores-test.npz", allow_pickle=False) as file:
        assert set(file.files) == {"rows", "probabilities_aligned", "probabilities_whole"}
        assert file["rows"].tolist() == list(range(80, 96))
        assert file["probabilities_whole"].shape == (16, 8)
        assert file["probabilities_whole"].max(1) == pytest.approx(0.9, abs=1e-4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metrics-test.json", "scores-test.npz"]


def test_the_latency_is_measured_for_each_batch_size(faces):
    result = evaluate(from_classifier(from_table(*FERPLUS), "m"), faces, "test").metrics
    assert [each["batch"] for each in result["latency"]] == [1, 8, 32]
    assert all(each["milliseconds"] > 0 for each in result["latency"])
    assert result["machine"]["cores"] >= 1 and result["machine"]["cpu"]


def test_the_card_gets_a_summary_without_matrices_and_curves(faces):
    short = summary(measured(faces, Oracle(faces)).metrics)
    assert short["views"]["whole"]["majority"]["accuracy"] == 1.0
    assert short["per_class"]["anger"]["images"] == 2
    assert not {"confusion", "roc", "coverage"} & set(short["views"]["whole"]["majority"])


def test_an_onnx_model_brings_labels_and_temperature_on_its_card(faces):
    subject = from_onnx(load_model(SHIPPED / "emotion-fer.onnx"))
    assert subject.labels == FERPLUS and subject.temperature_from == "card"
    result = evaluate(subject, faces, "test", timed=False)
    assert result.scores["logits_aligned"].shape == (16, 8)
    alone = subject.logits(faces.aligned[80:81])
    assert result.scores["logits_aligned"][:1] == pytest.approx(alone, abs=1e-4)


@pytest.mark.parametrize(
    "place, error, message",
    [
        ("nowhere.onnx", ConfigError, "does not exist"),
        ("no/such/run", ConfigError, "neither a run folder nor an .onnx file"),
        ("emotion-ferr", ConfigError, "did you mean"),
        (".", ConfigError, "holds no trained model"),
    ],
)
def test_a_place_without_a_model_is_refused(place, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        open_subject(place)


def saved_baseline(folder, data_sha256="its own"):
    from_table(*FERPLUS).save(folder)
    (folder / "manifest.json").write_text(json.dumps({"data": {"sha256": data_sha256}}))
    return folder


def test_a_run_of_a_baseline_is_opened_and_meets_foreign_data_with_its_own_temperature(tmp_path):
    run = saved_baseline(tmp_path / "run")
    assert open_subject(str(run), data_sha256="its own").temperature is None
    foreign = open_subject(str(run), data_sha256="other")
    assert (foreign.temperature, foreign.temperature_from) == (1.0, "none")
    model = {"temperature": 1.5, "temperature_from": "validation"}
    (run / "metrics-test.json").write_text(json.dumps({"model": model}))
    assert open_subject(str(run), data_sha256="other").temperature == 1.5
    (run / "metrics-test.json").write_text("{")
    with pytest.raises(ConfigError, match=r"metrics-test\.json: cannot be read"):
        open_subject(str(run), data_sha256="other")


def test_the_command_writes_into_the_run_and_prints_a_table(data, tmp_path):
    sha256 = json.loads((data / "manifest.json").read_text())["sha256"]
    run = saved_baseline(tmp_path / "run", sha256)
    done = CliRunner().invoke(command, [str(run), "--data", str(data)], catch_exceptions=False)
    assert "aligned  majority       16" in done.output and "latency:" in done.output
    metrics = json.loads((run / "metrics-test.json").read_text())
    assert metrics["command"].startswith("moodline-train evaluate ")
    assert metrics["data"]["sha256"] == sha256
    as_json = CliRunner().invoke(command, [str(run), "--data", str(data), "--json"], catch_exceptions=False)
    assert json.loads(as_json.output)["split"] == "test"


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_numbers_of_foreign_data_do_not_take_the_place_of_the_runs_own(data, tmp_path, options):
    run = saved_baseline(tmp_path / "run")
    (run / "metrics-test.json").write_text("{}")
    before = sorted(path.name for path in run.iterdir())
    done = CliRunner().invoke(command, [str(run), "--data", str(data), *options], catch_exceptions=False)
    (said,) = done.stderr.splitlines()
    assert said.startswith("nothing was kept: ") and said.endswith("add --out FOLDER")
    assert json.loads(done.stdout) if options else "aligned  majority       16" in done.stdout
    assert (run / "metrics-test.json").read_text() == "{}"
    assert sorted(path.name for path in run.iterdir()) == before


@pytest.mark.parametrize("place", ["elsewhere", "run"])
def test_numbers_of_foreign_data_are_kept_in_a_folder_that_is_named(data, tmp_path, place):
    run = saved_baseline(tmp_path / "run")
    arguments = [str(run), "--data", str(data), "--out", str(tmp_path / place)]
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert "holds all numbers" in done.stdout and done.stderr == ""
    assert json.loads((tmp_path / place / "metrics-test.json").read_text())["split"] == "test"


def test_the_command_tells_what_is_missing(tmp_path, data, capsys):
    assert command_line(["evaluate", "emotion-fer", "--data", str(tmp_path / "none")]) == 2
    assert "is no prepared data set" in capsys.readouterr().err
    assert command_line(["evaluate", "emotion-fer", "--data", str(data), "--labels", "affectnet"]) == 2
    assert "has label sets ferplus, fer2013, not 'affectnet'" in capsys.readouterr().err
    assert command_line(["evaluate", "blah", "--data", str(data)]) == 2
    assert "model 'blah' is not installed" in capsys.readouterr().err
    (tmp_path / "bare.onnx").write_bytes(b"no card beside it")
    assert command_line(["evaluate", str(tmp_path / "bare.onnx"), "--data", str(data)]) == 2
    assert "card" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert command_line(["evaluate", "emotion-fer", "--data", str(data), "--out", str(tmp_path / "file" / "in")]) == 1
    assert capsys.readouterr().err == f"moodline-train: {tmp_path / 'file' / 'in'}: Not a directory\n"


def test_scores_that_are_no_numbers_are_a_failure_and_no_wrong_argument(data, tmp_path, faces, recipe, capsys):
    net = trained(recipe, faces, tmp_path / "net").net
    torch.nn.init.constant_(net[-1].bias, float("nan"))
    torch.save(net.state_dict(), tmp_path / "net" / "best.pt")
    assert command_line(["evaluate", str(tmp_path / "net"), "--data", str(data)]) == 1
    assert "not a number" in capsys.readouterr().err


def test_a_run_that_was_interrupted_in_its_first_epoch_is_told_how_to_go_on(faces, recipe, tmp_path):
    trained(recipe, faces, tmp_path / "net")
    (tmp_path / "net" / "best.pt").unlink()
    with pytest.raises(ConfigError, match=r"has no finished epoch .* --resume"):
        open_subject(str(tmp_path / "net"))


def trained(recipe, faces, folder):
    net = subjects.ConvNet(replace(recipe, epochs=1), FERPLUS, folder)
    targets, _ = faces.label_set("ferplus").distributions()
    net.fit(faces.whole[:48], targets[:48], (faces.whole[64:80], targets[64:80]))
    return net


def test_a_trained_network_is_opened_from_its_run(faces, recipe, tmp_path):
    net = trained(recipe, faces, tmp_path / "net")
    subject = open_subject(str(tmp_path / "net"))
    assert subject.kind == "logits" and subject.parameters > 1000 and subject.threads == 1
    assert subject.logits(faces.whole[:3]).tolist() == net.logits(faces.whole[:3]).tolist()
    assert measured_shape(subject, faces) == (16, 8)


def measured_shape(subject, faces):
    return evaluate(subject, faces, "test", timed=False).scores["logits_whole"].shape
