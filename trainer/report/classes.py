"""The chapter on the single classes: confusions, scores, ROC and precision-recall curves."""

from typing import Any

from trainer.report import charts
from trainer.report.document import Beside, Block, Missing, Prose, Section, Table
from trainer.report.runs import Material, Measured
from trainer.report.summary import evaluate_command
from trainer.report.words import NOTHING, TRUTHS, VIEWS, count, decimal, is_number, percent, plain


def section(material: Material) -> Section:
    first = material.main.headline()
    if first is None:
        missing = Missing("The single classes have not been measured.", evaluate_command(material))
        return Section("classes", "Class by class", (missing,))
    blocks: list[Block] = [Prose(_where(first)), *_confusion(first), _scores(first), *_curves(first), _all(material)]
    return Section("classes", "Class by class", tuple(blocks))


def _where(first: Measured) -> str:
    return (
        f"Everything in this chapter is measured on the {plain(first.split)} split, "
        f"{VIEWS.get(first.view, plain(first.view))}, "
        f"against {TRUTHS.get(first.truth, plain(first.truth))}."
    )


def _confusion(first: Measured) -> list[Block]:
    counts: list[list[int]] = first.values.get("confusion") or []
    if not counts:
        return []
    sums = [max(sum(row), 1) for row in counts]
    shares = [[value / total for value in row] for row, total in zip(counts, sums, strict=True)]
    most = max(max(row) for row in counts) or 1
    head = ("true", *map(plain, first.labels))
    both = zip(first.labels, counts, shares, strict=True)
    numbers, parts = [], []
    for label, row, part in both:
        numbers.append((plain(label), *map(count, row)))
        parts.append((plain(label), *(f"{100 * value:.0f}" for value in part)))
    shaded = tuple(tuple((value / most) ** 0.5 for value in row) for row in counts)
    tables = (
        Table("Confusions in images: rows truth, columns guess.", head, tuple(numbers), shaded,
              upright=True),
        Table("In percent of each row: the diagonal is the recall.", head, tuple(parts),
              tuple(map(tuple, shares)), upright=True),
    )  # fmt: skip
    return [Beside(tables), Prose(_confusions(first, counts))]


def _confusions(first: Measured, counts: list[list[int]]) -> str:
    pairs = [
        (value / sum(row), value, first.labels[truth], first.labels[guess])
        for truth, row in enumerate(counts)
        for guess, value in enumerate(row)
        if truth != guess and value
    ]
    if not pairs:
        return "No image was confused with another class."
    worst = sorted(pairs, reverse=True)[:3]
    said = "; ".join(
        f"{plain(truth)} taken for {plain(guess)} ({percent(share, 0)}, {count(value)} images)"
        for share, value, truth, guess in worst
    )
    return f"The most frequent confusions, as a share of the true class: {said}."


def _scores(first: Measured) -> Table:
    keys = ("precision", "recall", "f1", "roc_auc", "average_precision")
    rows = tuple(
        (plain(label), count(each.get("images")), *(decimal(each.get(key)) for key in keys))
        for label, each in first.values.get("per_class", {}).items()
    )
    head = ("class", "images", "precision", "recall", "F1", "ROC area", "average precision")
    return Table("Scores of each class. A dash means that there is no such number.", head, rows, sortable=True)


def _curves(first: Measured) -> list[Block]:
    roc, trade = first.values.get("roc") or {}, first.values.get("pr") or {}
    drawn = []
    if roc:
        lines = {label: (each["fpr"], each["tpr"]) for label, each in roc.items()}
        caption = "ROC curves, each class against all others. The grey diagonal is guessing."
        drawn.append(charts.curves("roc", "roc", lines, caption))
    if trade:
        lines = {label: (each["recall"], each["precision"]) for label, each in trade.items()}
        caption = "Precision over recall. With rare classes this tells more than the ROC curve does."
        drawn.append(charts.curves("precision-recall", "pr", lines, caption))
    return [Beside(tuple(drawn))] if drawn else []


def _all(material: Material) -> Table:
    """Every split, view and truth that was measured."""
    rows = tuple(
        (
            plain(each.split),
            plain(each.view),
            plain(each.truth),
            count(each.values.get("images")),
            *_numbers(each.values),
        )
        for each in material.main.measured()
    )
    head = ("split", "view", "truth", "images", "accuracy", "95 % interval", "without leaked", "balanced", "macro-F1")
    return Table("All measurements of this model.", head, rows, marked=(0,))


def _numbers(values: dict[str, Any]) -> tuple[str, ...]:
    span = values.get("accuracy_interval")
    known = isinstance(span, list) and len(span) == 2 and all(map(is_number, span))
    return (
        percent(values.get("accuracy")),
        f"{100 * span[0]:.1f} to {100 * span[1]:.1f}" if known and span else NOTHING,
        percent((values.get("without_leaked") or {}).get("accuracy")),
        percent(values.get("balanced_accuracy")),
        decimal(values.get("macro_f1")),
    )
