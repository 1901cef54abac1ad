"""The chapter that sets models side by side: those of `table.json` files, and the runs named beside them."""

from collections.abc import Sequence
from typing import Any

from trainer.report import charts
from trainer.report.document import Block, Missing, Prose, Section, Table
from trainer.report.runs import Facts, Material
from trainer.report.words import NOTHING, between, columns, count, decimal, duration, is_number, listed, percent, plain

SHARES = (
    "accuracy",
    "accuracy_without_leaked",
    "accuracy_whole",
    "balanced_accuracy",
    "unseen_accuracy",
    "unseen_balanced_accuracy",
)
COLUMNS = (
    "accuracy",
    "accuracy_interval",
    "accuracy_without_leaked",
    "accuracy_whole",
    "balanced_accuracy",
    "unseen_accuracy",
    "unseen_balanced_accuracy",
    "macro_f1",
    "calibration_error",
    "parameters",
    "fit_seconds",
    "milliseconds",
)
HEADS = {
    "accuracy": "accuracy",
    "accuracy_interval": "95 % interval",
    "accuracy_without_leaked": "without leaked",
    "accuracy_whole": "whole crops",
    "balanced_accuracy": "balanced accuracy",
    "unseen_accuracy": "unseen sets, mean",
    "unseen_balanced_accuracy": "unseen sets, balanced",
    "macro_f1": "macro-F1",
    "calibration_error": "calibration error",
    "parameters": "parameters",
    "fit_seconds": "time to fit",
    "milliseconds": "ms per face",
}


def section(material: Material) -> Section:
    tables = [(run.folder.name, table) for run in material.all for table in tables_of(run.table)]
    faces = [(name, table) for name, table in tables if not _of_sequences(table)]
    # The model's own label set comes first.
    faces.sort(key=lambda pair: pair[1].get("label_set") != material.label_set())
    clips = [(name, table) for name, table in tables if _of_sequences(table)]
    recipe = f"moodline-train compare configs/trainer/compare.yaml --data {material.data_named}"
    blocks: list[Block] = []
    if not faces:
        text = "No table of models on the same faces was given."
        blocks.append(Missing(text, f"{recipe} --out runs/compare"))
    for number, (name, table) in enumerate(faces):
        blocks += _table(name, table, material, f"compare-{number}")
    if not clips:
        text = "No table of models on image sequences (averaged frames against a recurrent network) was given."
        blocks.append(Missing(text, f"{recipe} --sequences SEQUENCES --out runs/compare"))
    for number, (name, table) in enumerate(clips):
        blocks += _table(name, table, material, f"sequences-{number}")
    blocks += _beside(material)
    return Section("comparison", "Models compared", tuple(blocks))


def tables_of(facts: Facts) -> list[Facts]:
    """The tables in a `table.json`: one, or several under `tables`."""
    return _list(facts.get("tables")) if "tables" in facts else [facts] if facts else []


def _of_sequences(table: Facts) -> bool:
    return table.get("kind") == "sequences"


def rows_of(table: Facts) -> list[Facts]:
    """The models of a table and then its published anchors, each marked as such."""
    anchors = [each | {"published": True} for each in _list(table.get("published"))]
    return [row for row in [*_list(table.get("rows")), *anchors] if is_number(row.get("accuracy"))]


def _list(value: Any) -> list[Facts]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _table(folder: str, table: Facts, material: Material, name: str) -> list[Block]:
    rows = rows_of(table)
    if not rows:
        return []
    keys = columns(rows, COLUMNS)
    head = ("model", *(HEADS[key] for key in keys))
    body = [(_name(row), *(_cell(row, key) for key in keys)) for row in rows]
    digest = material.main.headline_metrics().get("model", {}).get("sha256")
    mine = tuple(place for place, row in enumerate(rows) if digest and row.get("sha256") == digest)
    caption = f"{_title(table)}, from {plain(folder)}/table.json."
    dots = [(_plain_name(row), row["accuracy"], _span(row), bool(row.get("published"))) for row in rows]
    drawn = charts.intervals(
        name, sorted(dots, key=lambda dot: dot[1]), "accuracy",
        "Accuracy with 95 % intervals." + (" Hollow dots are published, measured by others." if _anchors(rows) else ""),
    )  # fmt: skip
    text = Prose(f"**{_title(table)}.** {_told(rows)}{_unmade(table)}")
    return [text, drawn, Table(caption, head, tuple(body), sortable=True, marked=mine)]


def _title(table: Facts) -> str:
    if _of_sequences(table):
        known = [f"{count(table[key])} {key}" for key in ("clips", "persons") if is_number(table.get(key))]
        data = table.get("data", {}).get("name") if isinstance(table.get("data"), dict) else None
        of = f" of {plain(data)}" if data else ""
        apart = f", {listed(known)}, nobody in training and test at once" if known else ""
        return f"Models on image sequences{of}{apart}"
    said = [
        f"{words} {plain(table[key])}"
        for key, words in (("label_set", "label set"), ("split", "split"), ("view", "view"), ("truth", "truth"))
        if isinstance(table.get(key), str)
    ]
    return "Models on single faces" + (f": {', '.join(said)}" if said else "")


def _anchors(rows: Sequence[Facts]) -> int:
    return sum(bool(row.get("published")) for row in rows)


def _unmade(table: Facts) -> str:
    names = [plain(name) for name in table.get("missing") or []]
    return f" Not made yet: {listed(names)}." if names else ""


def _told(rows: Sequence[Facts]) -> str:
    own = [row for row in rows if not row.get("published")]
    if not own:
        return "All numbers of this table are published ones."
    best = max(own, key=lambda row: row["accuracy"])
    span = between(best.get("accuracy_interval"))
    text = (
        f"Of {count(len(own))} measured here, **{plain(best['name'])}** is right most often: "
        f"{percent(best['accuracy'])} of the time{f', with a 95 % interval of {span}' if span else ''}."
    )
    if anchors := _anchors(rows):
        text += (
            f" The {count(anchors)} published numbers are what their sources say: other training, sometimes other "
            "rules for "
            "which images count, and no interval, so differences of a point mean little."
        )
    return text


def _plain_name(row: Facts) -> str:
    return str(row.get("name", "unnamed")) + (" (published)" if row.get("published") else "")


def _name(row: Facts) -> str:
    """Published models with their source: a plain https address as a link, anything else as it is."""
    name, source, note = plain(row.get("name", "unnamed")), str(row.get("source") or ""), plain(row.get("note") or "")
    if not row.get("published"):
        return name
    if source.startswith("https://") and not set(source) & set(' ()"<>\\'):
        return f"{name} *(published)* [{note or 'source'}]({source})"
    return f"{name} *(published)* {' '.join(part for part in (note, plain(source)) if part)}".strip()


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
