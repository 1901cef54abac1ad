"""The chapters on how the model came about: the method, the learning curves, cross-validation and tuning."""

from collections.abc import Sequence
from typing import Any

from trainer.report import charts
from trainer.report.document import Beside, Block, Bullets, Code, Missing, Prose, Section, Table
from trainer.report.runs import Facts, Material
from trainer.report.summary import evaluate_command
from trainer.report.words import NOTHING, between, count, duration, human, is_number, percent, plain

NOT_SCORES = ("epoch", "seconds")
CV_SCORES = ("accuracy", "balanced_accuracy", "macro_f1")


def method(material: Material) -> Section:
    """What was done, in the order it was done; what a file tells is told from it."""
    run, first = material.main, material.main.headline()
    steps = [
        "**Data.** Faces are read, packed and hashed once; every split is the official one of the data set where "
        "it has "
        "one. Copies of an image in two splits are looked for and reported.",
        "**Alignment.** Five landmarks are found in each face as the engine does while serving, and the face is "
        "warped to "
        "the same template. A face without landmarks is used as a whole crop.",
        "**Targets.** Where several annotators judged a face, the model learns their votes as a distribution "
        "([Barsoum et al. 2016](https://arxiv.org/abs/1608.01041)); otherwise it learns the one label.",
        _training(material),
        "**Choosing.** Everything that was chosen (recipe, epoch, temperature) was chosen on the validation split"
        + (" and on the development sets of 'Faces it was never trained on'" if _keeps_last(run.config) else "")
        + ". The test split gives the final numbers only.",
        "**Measuring.** Accuracy stands with its 95 % Wilson interval; macro numbers are means over classes, "
        "each class "
        "weighing the same. A face counts where its truth is clear: "
        + ("more than half of the votes (majority), or more than any other answer (plurality)."
           if first and first.truth != "label" else "the label of the data set."),
    ]  # fmt: skip
    blocks: list[Block] = [Bullets(tuple(steps), numbered=True)]
    commands = [run.manifest.get("command"), *(each.get("command") for each in run.metrics.values())]
    if lines := [str(line) for line in commands if line]:
        blocks.append(Code("The commands behind this report", "\n".join(dict.fromkeys(lines))))
    if run.config:
        blocks.append(Code("The recipe, complete (config.yaml)", run.config))
    if not first:
        blocks.append(Missing("The model has not been measured.", evaluate_command(material)))
    return Section("method", "Method", tuple(blocks))


def _training(material: Material) -> str:
    manifest, epochs = material.main.manifest, material.main.history
    text = "**Training.** "
    if is_number(manifest.get("training_images")):
        text += f"The model learned from {count(manifest['training_images'])} faces"
        held = manifest.get("validation_images")
        text += f" and was watched on {count(held)} others. " if is_number(held) else ". "
    if epochs:
        text += f"It went through them in {len(epochs)} epochs"
        best = best_epoch(epochs)
        if _keeps_last(material.main.config):
            best = None
            text += "; the weights of the last one were kept"
        text += f"; the weights of epoch {best:g} did best on validation and were kept. " if best is not None else ". "
    versions = [f"{name} {plain(manifest[name])}" for name in ("torch", "python") if manifest.get(name)]
    return text + (f"Versions: {', '.join(versions)}." if versions else "The recipe below tells the rest.")


def _keeps_last(config: str) -> bool:
    """Whether the run's recipe (YAML) keeps the last epoch and not the best on validation."""
    return "keep: last" in config.splitlines()


def best_epoch(epochs: Sequence[Facts]) -> float | None:
    """The first epoch with the highest validation accuracy, which is whose weights are kept."""
    scored = [each for each in epochs if is_number(each.get("validation_accuracy"))]
    if not scored:
        return None
    best = max(each["validation_accuracy"] for each in scored)
    return next(float(each["epoch"]) for each in scored if each["validation_accuracy"] == best)


def learning(material: Material) -> Section:
    """Loss and scores over the epochs."""
    run, epochs = material.main, [each for each in material.main.history if is_number(each.get("epoch"))]
    if not epochs:
        text = "This run has no history of epochs: models other than networks are fitted in one go."
        command = f"moodline-train fit RECIPE --data {material.data_named} --run {run.folder}"
        return Section("learning", "Learning curves", (Missing(text, command),))
    keys = list(dict.fromkeys(key for each in epochs for key, value in each.items() if is_number(value)))
    losses = [key for key in keys if "loss" in key]
    scores = [key for key in keys if key not in losses and key not in NOT_SCORES and _is_share(epochs, key)]
    best, drawn = best_epoch(epochs), []
    if losses:
        drawn.append(_lines("learning-loss", epochs, losses, best, "Loss per epoch (lower is better)."))
    if scores:
        drawn.append(_lines("learning-scores", epochs, scores, best, "Scores per epoch (higher is better)."))
    text = _told(epochs, best)
    return Section("learning", "Learning curves", (Prose(text), Beside(tuple(drawn))))


def _is_share(epochs: Sequence[Facts], key: str) -> bool:
    return all(0 <= each[key] <= 1 for each in epochs if is_number(each.get(key)))


def _lines(name: str, epochs: Sequence[Facts], keys: list[str], best: float | None, caption: str) -> Any:
    lines = {key: [each[key] if is_number(each.get(key)) else None for each in epochs] for key in keys}
    return charts.learning_curves(name, [float(each["epoch"]) for each in epochs], lines, best, caption)


def _told(epochs: Sequence[Facts], best: float | None) -> str:
    last = epochs[-1]
    text = f"The run has {len(epochs)} epochs"
    seconds = [each["seconds"] for each in epochs if is_number(each.get("seconds"))]
    text += f" of {duration(sum(seconds) / len(seconds))} on average. " if seconds else ". "
    train, held = last.get("train_accuracy"), last.get("validation_accuracy")
    if is_number(train) and is_number(held):
        text += (
            f"In the last epoch the averaged weights were right on {percent(held)} of the validation faces. The "
            "network "
            f"itself was right on {percent(train)} of its training faces, which it sees blurred, darkened and partly "
            "covered; that is why its training score may lie below. "
        )
    return text + (f"The dotted line marks epoch {best:g}, whose weights were kept." if best is not None else "")


def validation(material: Material) -> Section:
    """Cross-validation and tuning, where somebody ran them."""
    blocks = [*_folds(material), *_trials(material)]
    return Section("search", "Cross-validation and tuning", tuple(blocks))


def _folds(material: Material) -> list[Block]:
    found = [run for run in material.all if run.cv.get("models")]
    if not found:
        text = (
            "No cross-validation was run, so how much the scores depend on the draw of the training faces is not known."
        )
        return [Missing(text, f"moodline-train crossval RECIPE --data {material.data_named} --out runs/cv")]
    return [block for run in found for block in _cross_validated(run.folder.name, run.cv)]


def _cross_validated(name: str, facts: Facts) -> list[Block]:
    models: Facts = facts["models"]
    text = (
        f"Each model was trained and scored {count(facts.get('folds'))} times, every time on other training and "
        "validation "
        "faces; the test split is in no fold. The intervals are Student's, at 95 %. Folds share training faces, so the "
        "intervals are, if anything, too narrow."
    )
    head = ("model", *(part for key in CV_SCORES for part in (human(key), "95 % interval")))
    rows = tuple((plain(model), *_means(each.get("scores", {}))) for model, each in models.items())
    blocks: list[Block] = [Prose(text), Table(f"Means over the folds of {plain(name)}/cv.json.", head, rows)]
    return [*blocks, *(_one_by_one(model, each["folds"]) for model, each in models.items() if each.get("folds"))]


def _means(scores: Facts) -> list[str]:
    cells = []
    for key in CV_SCORES:
        each = scores.get(key) or {}
        cells += [percent(each.get("mean")), between(each.get("interval")) or NOTHING]
    return cells


def _one_by_one(model: str, folds: Sequence[Facts]) -> Table:
    rows = tuple(
        (
            count(each.get("fold")),
            count(each.get("train_images")),
            count(each.get("images")),
            *(percent(each.get(key)) for key in CV_SCORES),
            duration(each.get("seconds")),
        )
        for each in folds
    )
    head = ("fold", "faces learned", "faces held out", *(human(key) for key in CV_SCORES), "time")
    return Table(f"{plain(model)}, fold by fold.", head, rows)


def _trials(material: Material) -> list[Block]:
    found = [run for run in material.all if run.trials]
    if not found:
        text = "No search over settings is among these folders."
        command = f"moodline-train tune configs/trainer/tune.yaml --data {material.data_named} --study runs/tune"
        return [Missing(text, command)]
    return [block for run in found for block in _tuned(run.folder.name, run.trials)]


def _tuned(name: str, trials: Sequence[Facts]) -> list[Block]:
    """The trials of one study, the best first."""
    ranked = sorted(trials, key=lambda each: -each["value"] if is_number(each.get("value")) else float("inf"))
    keys = list(dict.fromkeys(key for each in ranked for key in each.get("params", {})))
    rows = tuple(
        (
            _number(each.get("number")),
            _number(each.get("value")),
            *(_number(each.get("params", {}).get(key)) for key in keys),
            plain(each.get("reason") or each.get("state") or NOTHING),
            count(each.get("epochs")),
            duration(each.get("seconds")),
        )
        for each in ranked
    )
    done = sum(is_number(each.get("value")) for each in ranked)
    text = (
        f"The search {plain(name)} tried {count(len(ranked))} settings, judged on validation; {count(done)} came to "
        "their end, the others were stopped early or failed."
    )
    head = ("trial", "score on validation", *(plain(human(key)) for key in keys), "end", "epochs", "time")
    return [Prose(text), Table(f"Trials of {plain(name)}, the best first.", head, rows, sortable=True)]


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return plain(value) if value is not None else NOTHING
