"""Comparison tables as files: `table.json` for programs, `table.md` for people."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trainer.compare import VIEW, CompareConfig, RowConfig, read_facts, short
from trainer.unseen.judging import FILE as UNSEEN

HEAD = ("model", "accuracy (95 %)", "balanced", "macro-F1", "parameters", "fit", "ms/face", "")
UNSEEN_HEAD = "unseen (balanced)"


def tables(config: CompareConfig, out: Path) -> list[dict[str, Any]]:
    """What stands in the run folders of `out`, a table for each label set; rows not made yet are named."""
    return [_table(config, label_set, out) for label_set in config.label_sets]


def _table(config: CompareConfig, label_set: str, out: Path) -> dict[str, Any]:
    asked = [row for row in config.rows if label_set in (row.label_sets or config.label_sets)]
    made = [row for row in asked if (out / label_set / row.name / "metrics-test.json").is_file()]
    lines = [_line(row, out / label_set / row.name, out) for row in made]
    return {
        "label_set": label_set,
        "split": "test",
        "view": VIEW,
        "truth": lines[0]["truth"] if lines else None,
        "rows": lines,
        "published": [asdict(each) for each in config.published.get(label_set, ())],
        "missing": [row.name for row in asked if row not in made],
    }


def _line(row: RowConfig, folder: Path, out: Path) -> dict[str, Any]:
    metrics, cost = read_facts(folder / "metrics-test.json"), read_facts(folder / "cost.json")
    truth, values = next(iter(metrics["views"][VIEW].items()))
    whole = metrics["views"]["whole"][truth]
    one = [each["milliseconds"] for each in metrics["latency"] if each["batch"] == 1]
    keys = ("images", "accuracy", "accuracy_interval", "balanced_accuracy", "macro_f1", "calibration_error")
    return {
        "name": row.name,
        "model": row.model or "cnn",
        **{key: values[key] for key in keys},
        "macro_f1_interval": values.get("macro_f1_interval"),
        "accuracy_without_leaked": values["without_leaked"]["accuracy"],
        "accuracy_whole": whole["accuracy"],
        "parameters": metrics["model"]["parameters"],
        "fit_seconds": cost.get("fit_seconds"),
        "milliseconds": one[0] if one else None,
        "truth": truth,
        **_unseen(folder, metrics["model"]["sha256"]),
        "run": short(folder, out),
        "sha256": metrics["model"]["sha256"],
    }


def _unseen(folder: Path, sha256: str | None) -> dict[str, Any]:
    """The means over the sets of `--also`, where this very model was judged by them."""
    facts = read_facts(folder / UNSEEN)
    if not facts or facts.get("model", {}).get("sha256") != sha256:
        return {}
    mean = facts["also"]["mean"]
    names = [each["name"] for each in facts["also"]["sets"]]
    keys = ("accuracy", "balanced_accuracy")
    return {**{f"unseen_{key}": mean[key] for key in keys}, "unseen_sets": names}


def write_table(table: Mapping[str, Any], folder: Path) -> None:
    """Write `folder/table.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "table.json", table)


def gather(out: Path) -> list[dict[str, Any]]:
    """All tables in the folders of `out`, written together as `out/table.json` and `out/table.md` too."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(out.glob("*/table.json"))]
    _write(out / "table.json", {"tables": found})
    (out / "table.md").write_text("\n".join(to_markdown(table) for table in found), encoding="utf-8")
    return found


def to_markdown(table: Mapping[str, Any]) -> str:
    """One table, its published numbers below its own and marked."""
    if table.get("kind") == "sequences":
        title = f"### Sequences: {table['clips']} clips of {table['persons']} persons"
    else:
        title = f"### {table['label_set']}: {table['split']} split, {table['view']} faces"
        title += f", truth: {table['truth']}" if table["truth"] else ""
    unseen = any("unseen_accuracy" in row for row in table["rows"])
    head = (*HEAD[:4], *((UNSEEN_HEAD,) if unseen else ()), *HEAD[4:])
    own = [_own(row, unseen) for row in table["rows"]]
    published = [
        (each["name"], f"{100 * each['accuracy']:.2f} %", *[""] * (len(head) - 3), f"*as published:* {each['source']}")
        for each in table.get("published", ())
    ]
    missing = table.get("missing")
    waiting = f"\nNot made yet: {', '.join(missing)}.\n" if missing else ""
    lines = [_line_of(cells) for cells in (head, ["---"] * len(head), *own, *published)]
    return f"{title}\n\n{''.join(lines)}{waiting}"


def _line_of(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _own(row: Mapping[str, Any], unseen: bool) -> list[str]:
    low, high = row["accuracy_interval"] or (0.0, 1.0)
    return [
        row["name"],
        f"{100 * row['accuracy']:.2f} % ({100 * low:.1f}-{100 * high:.1f})",
        f"{100 * row['balanced_accuracy']:.1f} %",
        f"{row['macro_f1']:.3f}",
        *([_elsewhere(row)] if unseen else []),
        f"{row['parameters']:,}" if row.get("parameters") is not None else "",
        f"{row['fit_seconds']:.0f} s" if row.get("fit_seconds") is not None else "",
        f"{row['milliseconds']:.2f}" if row.get("milliseconds") is not None else "",
        row.get("note", ""),
    ]


def _elsewhere(row: Mapping[str, Any]) -> str:
    if "unseen_accuracy" not in row:
        return ""
    return f"{100 * row['unseen_accuracy']:.1f} % ({100 * row['unseen_balanced_accuracy']:.1f})"


def _write(path: Path, facts: Mapping[str, Any]) -> None:
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(facts, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    draft.replace(path)
