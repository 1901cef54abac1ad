"""The first page: what the model is, its headline numbers, and what it is bad at."""

from datetime import datetime
from typing import Any

from trainer.report import unseen
from trainer.report.document import Bullets, Fact, Missing, Section
from trainer.report.runs import Material, Measured
from trainer.report.words import (
    TRUTHS,
    VIEWS,
    between,
    count,
    decimal,
    is_number,
    listed,
    percent,
    plain,
    short,
    with_interval,
)


def evaluate_command(material: Material, split: str = "test") -> str:
    return f"moodline-train evaluate {material.main.folder} --data {material.data_named} --split {split}"


def about(material: Material, now: datetime) -> str:
    """One line: the model's hash and the date."""
    model = material.main.headline_metrics().get("model", {})
    digest = f"model sha256 {model['sha256']}" if model.get("sha256") else "model not yet measured"
    return f"Report of {now.day} {now:%B %Y}, {now:%H:%M} UTC · {digest}"


def parameters(material: Material) -> Any:
    """The number of learned parameters, from the metrics or the run's manifest."""
    own = material.main.headline_metrics().get("model", {}).get("parameters")
    return own if own is not None else material.main.manifest.get("parameters")


def one_face(material: Material) -> Any:
    """Milliseconds for a batch of one face, where measured."""
    rows = material.main.headline_metrics().get("latency") or []
    return next((row.get("milliseconds") for row in rows if row.get("batch") == 1), None)


def facts(material: Material) -> tuple[Fact, ...]:
    """The numbers at the top of the page; those that are not known are left out."""
    found = []
    if first := material.main.headline():
        values = first.values
        found = [
            Fact(f"accuracy, {first.split}", percent(values.get("accuracy")), between(values.get("accuracy_interval"))),
            Fact("macro-F1", decimal(values.get("macro_f1")), "mean of all classes"),
            Fact("calibration error", decimal(values.get("calibration_error")), "after temperature scaling"),
        ]
    if is_number(one_face(material)):
        found.append(Fact("one face", f"{one_face(material):.1f} ms", "on the measuring machine"))
    if is_number(parameters(material)):
        found.append(Fact("parameters", count(parameters(material)), "learned numbers"))
    return tuple(found)


def section(material: Material) -> Section:
    """Up to six lines."""
    first = material.main.headline()
    if first is None:
        text = "Nothing has been measured on this run yet, so this report has no scores."
        return Section("summary", "Summary", (Missing(text, evaluate_command(material)),))
    lines = (
        _what(material, first),
        _score(first),
        _elsewhere(material, first),
        unseen.line(material),
        _trust(first),
        _bad(first),
    )
    return Section("summary", "Summary", (Bullets(tuple(line for line in lines if line)),))


def _what(material: Material, first: Measured) -> str:
    run, model = material.main, first.model
    trained = run.manifest.get("training_images")
    size = f"with {count(parameters(material))} parameters " if is_number(parameters(material)) else ""
    data = run.manifest.get("data")
    origin = data.get("origin", {}).get("name") if isinstance(data, dict) else None
    seen = f", trained on {count(trained)} faces" if trained else ""
    return (
        f"**What it is.** {plain(run.name)} ({short(model.get('sha256'))}) is a classifier {size}that looks at "
        "one gray "
        f"face and names one of {len(first.outputs)} expressions: {listed(map(plain, first.outputs), 'or')}{seen}"
        f"{f' of {plain(origin)}' if origin and seen else ''}."
    )


def _score(first: Measured) -> str:
    values = first.values
    f1 = values.get("macro_f1_interval")
    span = f" ({f1[0]:.3f} to {f1[1]:.3f})" if isinstance(f1, list) and len(f1) == 2 else ""
    return (
        f"**How good.** On the {plain(first.split)} split it is right on {with_interval(values)} of "
        f"{count(values['images'])} "
        f"faces ({VIEWS.get(first.view, plain(first.view))}; {TRUTHS.get(first.truth, plain(first.truth))}), with a "
        f"balanced accuracy of {percent(values.get('balanced_accuracy'))} and a macro-F1 of "
        f"{decimal(values.get('macro_f1'))}{span}. Intervals hold with 95 % confidence."
    )


def _elsewhere(material: Material, first: Measured) -> str:
    rest = [each for each in material.main.measured() if each.file == first.file and each != first]
    if not rest:
        return ""
    said = [
        f"{with_interval(each.values)} for the {VIEWS.get(each.view, plain(each.view))} and {plain(each.truth)}"
        for each in rest
    ]
    return f"**Seen otherwise.** On the same split: {'; '.join(said)}."


def _trust(first: Measured) -> str:
    values = first.values
    after, before = values.get("calibration_error"), values.get("calibration_error_untempered")
    if after is None:
        return ""
    text = f"**How far to trust its confidence.** The expected calibration error is {decimal(after)}"
    text += f" ({decimal(before)} before temperature scaling)." if before is not None else "."
    points = [each for each in values.get("coverage", []) if each.get("accuracy") and each.get("coverage", 0) >= 0.5]
    if points:
        last = points[-1]
        text += (
            f" Kept to answers with a confidence of {decimal(last['threshold'], 2)} or more, it answers "
            f"{percent(last['coverage'])} of the faces and is right on {percent(last['accuracy'])} of those."
        )
    return text


def weakest(first: Measured, most: int = 3) -> list[tuple[str, float, int]]:
    """The classes with the lowest recall: `(name, recall, images)`, worst first."""
    known = [
        (label, each["recall"], each["images"])
        for label, each in first.values.get("per_class", {}).items()
        if each.get("images") and is_number(each.get("recall"))
    ]
    return sorted(known, key=lambda each: each[1])[:most]


def _bad(first: Measured) -> str:
    worst = weakest(first)
    if not worst:
        return ""
    names = listed(f"{plain(label)} ({percent(recall, 0)} of {count(images)})" for label, recall, images in worst)
    return f"**What it is bad at.** It finds the smallest share of {names} {_confused(first, worst[0][0])}."


def _confused(first: Measured, label: str) -> str:
    """What the worst class is most often taken for."""
    counts = first.values.get("confusion")
    if not counts or label not in first.labels:
        return ""
    row = list(counts[first.labels.index(label)])
    row[first.labels.index(label)] = -1
    taken = max(range(len(row)), key=row.__getitem__)
    return f"and takes {plain(label)} mostly for {plain(first.labels[taken])}" if row[taken] > 0 else ""
