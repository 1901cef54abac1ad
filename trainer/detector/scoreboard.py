"""The results of a contest as tables for people: aligned text, or Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.words import counted

_HEAD = (
    "model",
    "size",
    "AP",
    "24+ px",
    "<24",
    "24-48",
    "48-96",
    "96+",
    "recall .1",
    "recall 1",
    "landmarks",
    "ms",
)
_BANDS = ("24+", "<24", "24-48", "48-96", "96+")
_AGAINST = ("model", "size", "AP", "AP 24+ px", "AP 24+ px seen", "recall .1", "recall 1", "recall at end", "landmarks")
_RATIOS = ("ap", "ap_24+", "ap_24+_seen", "recall_0.1", "recall_1", "recall_reference_end", "landmarks")
_TIMES = ("model", "frame", "detect ms", "ratio", "network ms", "ratio", "network input")

Table = tuple[str, list[tuple[str, ...]]]
"""A title, and rows of which the first is the head."""


def tables(facts: Mapping[str, Any]) -> list[Table]:
    """Everything in `facts` (see `detector evaluate --json`) that has a table."""
    found = [_scores(facts, data) for data in facts["sets"]]
    for name in dict.fromkeys(row["reference"] for row in facts["against"]):
        found += [_against(facts, data, name) for data in facts["sets"]]
    if facts["wider"]:
        found.append(_wider(facts["wider"]))
    if facts["times"]:
        found.append(_times(facts))
    return [table for table in found if len(table[1]) > 1]


def _scores(facts: Mapping[str, Any], data: Mapping[str, Any]) -> Table:
    iou = f"IoU {data['iou']:g}" if data["iou"] else "IoU of each set"
    pictures, faces = counted(data["pictures"], "picture"), counted(data["faces"], "face")
    title = (
        f"{data['name']}: {pictures}, {faces}, split {data['split']}, {iou}, "
        f"sha256 {data['sha256'][:12]}; AP in percent"
    )
    rows = [_score(row) for row in facts["rows"] if row["set"] == data["name"]]
    return title, [_HEAD, *rows]


def _score(row: Mapping[str, Any]) -> tuple[str, ...]:
    bands = [row["ap_by_side"][name] for name in _BANDS]
    landmarks = row["landmarks"]
    return (
        row["model"],
        row["size"],
        _percent(row["ap"]),
        *(_percent(band["ap"]) for band in bands),
        _percent(row["recall"]["0.1"]),
        _percent(row["recall"]["1"]),
        "-" if landmarks["mean"] is None else f"{landmarks['mean']:.4f}",
        f"{row['ms_per_picture']:.1f}",
    )


def _against(facts: Mapping[str, Any], data: Mapping[str, Any], name: str) -> Table:
    rows = [
        (row["model"], row["size"], *(_ratio(row[key]) for key in _RATIOS))
        for row in facts["against"]
        if row["reference"] == name and row["set"] == data["name"]
    ]
    return f"{data['name']}: over {name} (95 % over pictures)", [_AGAINST, *rows]


def _wider(rows: Sequence[Mapping[str, Any]]) -> Table:
    head = ("model", "size", "easy", "medium", "hard")
    lines = [(row["model"], row["size"], *(_percent(row.get(name)) for name in head[2:])) for row in rows]
    return "WIDER FACE, validation; AP in percent", [head, *lines]


def _times(facts: Mapping[str, Any]) -> Table:
    lines: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for row in facts["times"]:
        lines.setdefault((row["model"], row["frame"]), {})[row["part"]] = row
    rows = [(*key, *_time(parts)) for key, parts in lines.items()]
    over = f", ratio over {facts['reference']}" if facts["reference"] else ""
    return f"median time for a frame, one thread, in turns{over}", [_TIMES, *rows]


def _time(parts: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    cells: list[str] = []
    for part in ("detect", "network"):
        row = parts.get(part)
        cells += ["-", "-"] if row is None else [f"{row['ms']:.2f}", _plain(row["ratio"])]
    return (*cells, parts.get("network", {}).get("input") or "frame")


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _ratio(facts: Mapping[str, Any]) -> str:
    if facts["ratio"] is None:
        return "-"
    return f"{facts['ratio']:.3f} ({facts['low']:.3f}-{facts['high']:.3f})"


def as_text(table: Table) -> str:
    """`table` in columns that stand under each other; words to the left, numbers to the right."""
    title, rows = table
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([title, *lines])


def as_markdown(table: Table) -> str:
    """`table` in Markdown."""
    title, rows = table
    rule = "|---" + "|--:" * (len(rows[0]) - 1) + "|"
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"**{title}**", "", lines[0], rule, *lines[1:]])
