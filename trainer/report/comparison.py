"""The chapter that sets models side by side: those of `table.json` files, and the runs named beside them."""

from collections.abc import Sequence
from typing import Any

from trainer.report import charts
from trainer.report.document import Block, Missing, Prose, Section, Table
from trainer.report.runs import Facts, Material, Run
from trainer.report.words import NOTHING, between, columns, count, decimal, duration, is_number, percent, plain

SHARES = ("accuracy", "balanced_accuracy")
DECIMALS = ("macro_precision", "macro_recall", "macro_f1", "negative_log_likelihood", "calibration_error")
COLUMNS = ("accuracy", "accuracy_interval", "balanced_accuracy", *DECIMALS, "parameters", "fit_seconds", "milliseconds")
HEADS = {
    "accuracy": "accuracy",
    "accuracy_interval": "95 % interval",
    "balanced_accuracy": "balanced accuracy",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "macro_f1": "macro-F1",
    "negative_log_likelihood": "log loss",
    "calibration_error": "calibration error",
    "parameters": "parameters",
    "fit_seconds": "time to fit",
    "milliseconds": "ms per face",
}


def section(material: Material) -> Section:
    tables = [run for run in material.all if run.table]
    blocks: list[Block] = []
    for run in tables:
        blocks += _table(run, material.main.name)
    if not any(_is_faces(run.table) for run in tables):
        text = "No table of models on the same split was given."
        command = f"moodline-train compare --data {material.data_named} --out runs/compare"
        blocks.insert(0, Missing(text, command))
    if not any(not _is_faces(run.table) for run in tables):
        text = "No table of models on image sequences (averaged frames against a recurrent network) was given."
        blocks.append(Missing(text, "moodline-train compare --sequences --data SEQUENCES --out runs/sequences"))
    blocks += _beside(material)
    return Section("comparison", "Models compared", tuple(blocks))


def _is_faces(table: Facts) -> bool:
    return not table.get("sequences") and table.get("kind") != "sequences"


def rows_of(table: Facts) -> list[Facts]:
    """The models of a table and then its published anchors, each marked as such."""
    own = [each for key in ("rows", "models", "sequences") for each in _list(table.get(key))]
    anchors = [each | {"published": True} for key in ("published", "anchors") for each in _list(table.get(key))]
    return [flattened(each) for each in [*own, *anchors]]


def _list(value: Any) -> list[Facts]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def flattened(row: Facts) -> Facts:
    """A row with the numbers of an inner object `metrics` or `cost` beside the others."""
    inner = [row[key] for key in ("metrics", "cost") if isinstance(row.get(key), dict)]
    return {key: value for part in [*inner, row] for key, value in part.items()}


def _table(run: Run, main: str) -> list[Block]:
    rows = [row for row in rows_of(run.table) if is_number(row.get("accuracy"))]
    if not rows:
        return []
    keys = columns(rows, COLUMNS)
    sourced = any(row.get("source") for row in rows)
    head = ("model", *(HEADS[key] for key in keys), *(("source",) if sourced else ()))
    body = [(_name(row), *(_cell(row, key) for key in keys), *((_source(row),) if sourced else ())) for row in rows]
    mine = tuple(place for place, row in enumerate(rows) if row.get("name") == main)
    what = "sequences" if not _is_faces(run.table) else "faces"
    caption = f"Models on {what}, from {plain(run.folder.name)}/table.json{_on(run.table)}."
    name = f"compare-{run.folder.name}"
    dots = [(_plain_name(row), row["accuracy"], _span(row), bool(row.get("published"))) for row in rows]
    drawn = charts.intervals(
        name, sorted(dots, key=lambda dot: dot[1]), "accuracy",
        "Accuracy with 95 % intervals. Hollow dots are published numbers, measured by others.",
    )  # fmt: skip
    return [Prose(_told(rows)), drawn, Table(caption, head, tuple(body), sortable=True, marked=mine)]


def _on(table: Facts) -> str:
    known = [f"{key.replace('_', ' ')} {plain(table[key])}" for key in ("split", "label_set", "view", "truth")
             if isinstance(table.get(key), str)]  # fmt: skip
    return f" ({', '.join(known)})" if known else ""


def _told(rows: Sequence[Facts]) -> str:
    own = [row for row in rows if not row.get("published")]
    if not own:
        return "All numbers of this table are published ones."
    best = max(own, key=lambda row: row["accuracy"])
    span = between(best.get("accuracy_interval"))
    text = (
        f"Of the {count(len(own))} models measured here, **{plain(best['name'])}** is right most often: "
        f"{percent(best['accuracy'])} of the time{f', with an interval of {span}' if span else ''}."
    )
    anchors = len(rows) - len(own)
    if anchors:
        text += (
            f" The {count(anchors)} published numbers come from their papers: other training, sometimes other "
            "rules for "
            "which images count, and no interval, so differences of a point mean little."
        )
    return text


def _plain_name(row: Facts) -> str:
    return str(row.get("name", "unnamed")) + (" (published)" if row.get("published") else "")


def _name(row: Facts) -> str:
    return plain(row.get("name", "unnamed")) + (" *(published)*" if row.get("published") else "")


def _source(row: Facts) -> str:
    source = str(row.get("source") or "")
    return f"[source]({source})" if source.startswith("https://") and not set(source) & set(' ()"<>') else plain(source)


def _span(row: Facts) -> tuple[float, float] | None:
    span = row.get("accuracy_interval")
    return (span[0], span[1]) if span and between(span) else None


def _cell(row: Facts, key: str) -> str:
    value = row.get(key)
    if key in SHARES:
        return percent(value)
    if key == "accuracy_interval":
        return between(value) or NOTHING
    if key == "fit_seconds":
        return duration(value)
    if key == "parameters":
        return count(value)
    return decimal(value, 2 if key == "milliseconds" else 3)


def _beside(material: Material) -> list[Block]:
    """The headline of every other run folder that was measured."""
    rows = []
    for run in material.all:
        if first := run.headline():
            score = percent(first.values.get("accuracy"))
            span = between(first.values.get("accuracy_interval"))
            rows.append(
                (
                    plain(run.folder.name),
                    plain(first.whole.get("data", {}).get("name", NOTHING)),
                    f"{plain(first.split)}, {plain(first.view)}, {plain(first.truth)}",
                    count(len(first.labels)),
                    count(first.values.get("images")),
                    score + (f" ({span})" if span else ""),
                    decimal(first.values.get("macro_f1")),
                )
            )
    if len(rows) < 2:
        return []
    head = ("run", "data", "measured on", "classes", "images", "accuracy", "macro-F1")
    text = (
        "The runs named for this report were measured on the following. Rows of different data or classes "
        "cannot be compared."
    )
    return [Prose(text), Table("All runs of this report.", head, tuple(rows), marked=(0,))]
