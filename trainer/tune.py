"""Searching for better settings of a recipe with Optuna, in a study on disk that survives being killed."""

import csv
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import optuna
from optuna.trial import TrialState

from engine.errors import ConfigError, MoodlineError
from trainer import faceset, runs
from trainer.config import TrainConfig
from trainer.convnet import ConvNet
from trainer.distill import prepared
from trainer.evaluate import evaluate
from trainer.faceset import FaceSet
from trainer.fit import Fit, OnEpoch, Watch
from trainer.recipes import differences, plain
from trainer.searchspace import Range, Scalar, Space
from trainer.studyfile import check_study
from trainer.subjects import from_classifier

logger = logging.getLogger(__name__)
_DONE = (TrialState.COMPLETE, TrialState.PRUNED)
_ASKED = "failed because"


def train_and_score(
    config: TrainConfig, faces: FaceSet, folder: Path, objective: str, watch: Watch, on_epoch: OnEpoch
) -> float:
    """Train `config` in `folder` and score its best epoch on the validation split, aligned; 0..1.

    `on_epoch` gets the line of each epoch, also of those done before an interruption.
    """
    if (folder / "last.pt").is_file():
        for line in runs.history(folder):
            on_epoch(line)
    result = Fit(config, prepared(faces, config), folder).run(watch, on_epoch)
    if objective == "accuracy":
        return result.best_score
    subject = from_classifier(ConvNet.open(folder), config.name)
    label_set = (config.labels or tuple(faces.answers))[0]
    values = evaluate(subject, faces, "validation", label_set, timed=False).metrics["views"]["aligned"]
    return float(next(iter(values.values()))["macro_f1"])


class Tuning:
    """A study in `folder`: `study.db`, a run folder for each trial, and after each trial `trials.csv`,
    `trials.jsonl` and `best.yaml`.

    Raises:
        ConfigError: the folder holds a study of another recipe, search or data set, or a damaged one.
    """

    def __init__(self, space: Space, faces: FaceSet, folder: Path) -> None:
        self.space, self.faces, self.folder = space, faces, folder
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        folder.mkdir(parents=True, exist_ok=True)
        check_study(folder / "study.db")
        rules = space.config
        self._storage = optuna.storages.RDBStorage(f"sqlite:///{folder / 'study.db'}")
        self.study = optuna.create_study(
            storage=self._storage,
            study_name="tune",
            direction="maximize",
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(rules.patient_trials, rules.patient_epochs),
        )
        # Another seed after each interruption, or it would propose the same again.
        self.study.sampler = optuna.samplers.TPESampler(seed=rules.seed + len(self.study.trials))
        self._claim()

    def run(
        self,
        trials: int,
        say: Callable[[str], None] = lambda _line: None,
        watch: Watch = lambda batches, _count, _what: iter(batches),
    ) -> optuna.trial.FrozenTrial:
        """Go on until the study has `trials` trials, and give the best. A trial that was interrupted is
        taken up first, after its last whole epoch; one whose loss is no number counts as failed.

        Raises:
            MoodlineError: no trial came to its end.
        """
        self._take_up_interrupted()
        while len(self.finished()) < trials:
            trial = self.study.ask()
            self._one(trial, watch)
            self._write()
            say(described(self.study.trials[trial.number]))
        self._write()
        if not self._complete():
            raise MoodlineError(f"study {str(self.folder)!r}: no trial came to its end; look at trials.csv")
        return self.study.best_trial

    def finished(self) -> list[optuna.trial.FrozenTrial]:
        """Trials that need no more work: complete, pruned, or failed for a reason of their own."""
        return [each for each in self.study.trials if each.state in _DONE or _ASKED in each.user_attrs]

    def close(self) -> None:
        """Close the database."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def _one(self, trial: optuna.trial.Trial, watch: Watch) -> None:
        config = self.space.recipe(self._drawn(trial), self.space.config.epochs)
        folder = self.folder / trial.user_attrs.get("folder", f"trial-{trial.number:03}")
        trial.set_user_attr("folder", folder.name)
        started, reported = time.monotonic(), 0

        def on_epoch(line: dict[str, Any]) -> None:
            nonlocal reported
            if line["epoch"] <= reported:
                return
            reported = line["epoch"]
            # Optuna counts steps from 0.
            trial.report(line["validation_accuracy"], reported - 1)
            if trial.should_prune():
                raise optuna.TrialPruned

        try:
            value = train_and_score(config, self.faces, folder, self.space.config.objective, watch, on_epoch)
        except optuna.TrialPruned:
            self._note(trial, folder, started)
            self.study.tell(trial, state=TrialState.PRUNED)
        except ConfigError:
            self.study.tell(trial, state=TrialState.FAIL)
            raise
        except MoodlineError as error:
            trial.set_user_attr(_ASKED, str(error))
            self._note(trial, folder, started)
            self.study.tell(trial, state=TrialState.FAIL)
        else:
            self._note(trial, folder, started)
            self.study.tell(trial, value)

    def _note(self, trial: optuna.trial.Trial, folder: Path, started: float) -> None:
        trial.set_user_attr("epochs", len(runs.history(folder)))
        trial.set_user_attr("seconds", round(time.monotonic() - started, 1))
        # Only an unfinished trial is gone on with.
        (folder / "last.pt").unlink(missing_ok=True)

    def _drawn(self, trial: optuna.trial.Trial) -> dict[str, Scalar]:
        return {key: _suggest(trial, key, where) for key, where in sorted(self.space.config.search.items())}

    def _take_up_interrupted(self) -> None:
        for old in self.study.get_trials(states=(TrialState.RUNNING,)):
            folder = {"folder": old.user_attrs["folder"]} if "folder" in old.user_attrs else None
            self.study.enqueue_trial(old.params, user_attrs=folder)
            self.study.tell(old.number, state=TrialState.FAIL)

    def _complete(self) -> list[optuna.trial.FrozenTrial]:
        return [each for each in self.study.trials if each.state == TrialState.COMPLETE]

    def _claim(self) -> None:
        """Note what is searched; refuse a study of something else."""
        rules = _facts(self.space)
        facts = {**rules, "data": faceset.manifest(self.faces)["sha256"]}
        before = self.study.user_attrs
        changed = [key for key in facts if key in before and before[key] != facts[key]]
        if changed:
            how = [f"{key} ({'; '.join(differences(before[key], facts[key]))})" for key in changed]
            raise ConfigError(
                f"study {str(self.folder)!r} was begun with another {', '.join(how)}; choose a new --study"
            )
        for key, value in facts.items():
            self.study.set_user_attr(key, value)

    def _write(self) -> None:
        rows = [_row(each) for each in self.finished()]
        keys = ["number", "state", "value", *sorted(self.space.config.search), "epochs", "seconds", "folder", "reason"]
        lines = [json.dumps(row, allow_nan=False) for row in rows]
        _replace(self.folder / "trials.jsonl", "".join(line + "\n" for line in lines))
        draft = self.folder / "trials.csv.part"
        with draft.open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, keys)
            table.writeheader()
            table.writerows({**row["params"], **{key: row[key] for key in keys if key in row}} for row in rows)
        draft.replace(self.folder / "trials.csv")
        if self._complete():
            best = self.space.recipe(self.study.best_params)
            _replace(self.folder / "best.yaml", best.to_yaml())


def described(trial: optuna.trial.FrozenTrial) -> str:
    """One trial as a line."""
    values = ", ".join(f"{key} {_short(value)}" for key, value in sorted(trial.params.items()))
    end = {
        TrialState.COMPLETE: lambda: f"{trial.value:.4f}",
        TrialState.PRUNED: lambda: f"stopped after epoch {(trial.last_step or 0) + 1}",
    }.get(trial.state, lambda: str(trial.user_attrs.get(_ASKED, "failed")))()
    return f"trial {trial.number}: {end} ({values})"


def _row(trial: optuna.trial.FrozenTrial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "value": trial.value if trial.state == TrialState.COMPLETE else None,
        "params": dict(sorted(trial.params.items())),
        "epochs": trial.user_attrs.get("epochs"),
        "seconds": trial.user_attrs.get("seconds"),
        "folder": trial.user_attrs.get("folder"),
        "reason": trial.user_attrs.get(_ASKED),
        "validation_accuracy": [trial.intermediate_values[step] for step in sorted(trial.intermediate_values)],
    }


def _suggest(trial: optuna.trial.Trial, key: str, where: Range) -> Scalar:
    if where.kind == "choice":
        return cast(Scalar, trial.suggest_categorical(key, where.values))
    low, high = where.low or 0.0, where.high or 0.0
    if where.kind == "int":
        return trial.suggest_int(key, int(low), int(high))
    return trial.suggest_float(key, low, high, log=where.kind == "log")


def _facts(space: Space) -> dict[str, Any]:
    """What makes a study this one; how patient it is may change."""
    rules = space.config
    return {
        "recipe": plain(space.base),
        "search": {key: plain(where) for key, where in sorted(rules.search.items())},
        "epochs": rules.epochs,
        "objective": rules.objective,
    }


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(path.name + ".part")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
