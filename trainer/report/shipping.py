"""The chapter on what the model costs: exported files, fitting, and time per face."""

from typing import Any

from trainer.report.document import Block, Missing, Prose, Section, Table
from trainer.report.runs import Facts, Material
from trainer.report.summary import evaluate_command, parameters
from trainer.report.words import count, decimal, duration, is_number, percent, plain, short, size


def variants(material: Material) -> Section:
    """The files that the engine can load."""
    facts = material.main.export
    files = [each for each in facts.get("files", []) if isinstance(each, dict)]
    if not files:
        text = "No files for the engine have been written from this run, so nothing is known of FP16 and INT8."
        command = (
            f"moodline-train export {material.main.folder} --data {material.data_named} "
            f"--out {material.main.folder}/{material.main.name}.onnx --fp16 --int8"
        )
        return Section("export", "Export variants", (Missing(text, command),))
    views = list(dict.fromkeys(view for each in files for view in each.get("test_accuracy") or {}))
    head = (
        "file", "numbers", "size", *(f"test accuracy, {plain(view)}" for view in views), "loss in points",
        "same answer", "ms per face", "SHA-256",
    )  # fmt: skip
    rows = tuple(_row(each, views) for each in files)
    caption = "Exported files. Loss is against the FP32 file on the test split; times are one face on one thread."
    return Section("export", "Export variants", (Prose(_told(facts)), Table(caption, head, rows)))


def _row(each: Facts, views: list[str]) -> tuple[str, ...]:
    against = (each.get("against_fp32") or {}).get("test") or {}
    accuracy = each.get("test_accuracy") or {}
    return (
        plain(each.get("file", "")),
        plain(str(each.get("variant", "")).upper()),
        size(each.get("bytes")),
        *(percent(accuracy.get(view), 2) for view in views),
        decimal(against.get("accuracy_loss_points"), 2),
        percent(against.get("agreement")),
        decimal(each.get("milliseconds"), 2),
        f"`{short(each.get('sha256'))}`",
    )


def _told(facts: Facts) -> str:
    text = "The network is written as ONNX with a card that the engine checks before it loads it. "
    worst = facts.get("onnx_against_torch")
    if is_number(worst):
        text += f"On real faces the ONNX file differs from PyTorch by at most {worst:.2g} in a logit. "
    if facts.get("mirror"):
        text += "It looks at each face twice, as it is and mirrored, and averages. "
    if isinstance(int8 := facts.get("int8"), dict):
        text += (
            f"INT8 ranges were found by the method {plain(int8.get('method', 'unknown'))} on "
            f"{count(int8.get('calibration_faces'))} training faces."
        )
    return text


def cost(material: Material) -> Section:
    """What it took to make the model, and what it takes to use it."""
    facts, metrics = material.main.cost, material.main.headline_metrics()
    blocks: list[Block] = [Prose(_fitting(material))]
    if not facts:
        command = f"moodline-train fit RECIPE --data {material.data_named} --run {material.main.folder}"
        blocks.append(Missing("How long fitting took is not recorded in this run.", command))
    if rows := metrics.get("latency"):
        head = ("faces in the batch", "milliseconds", "faces per second")
        body = tuple(
            (count(row["batch"]), decimal(row["milliseconds"], 2), count(row["images_per_second"])) for row in rows
        )
        blocks.append(Table(f"Time per batch, from pixels to scores{_machine(metrics.get('machine'))}.", head, body))
    else:
        blocks.append(Missing("How long one face takes has not been measured.", evaluate_command(material)))
    return Section("cost", "Cost", tuple(blocks))


def _fitting(material: Material) -> str:
    facts, learned = material.main.cost, parameters(material)
    text = f"The model has {count(learned)} learned parameters. " if is_number(learned) else ""
    if is_number(facts.get("fit_seconds")):
        text += f"Fitting took {duration(facts['fit_seconds'])}"
        threads = f" with {count(facts['threads'])} threads" if is_number(facts.get("threads")) else ""
        text += f" on {plain(facts['device'])}{threads}. " if facts.get("device") else ". "
    return text + (
        "The energy used was not measured, neither for fitting nor for serving: it depends on the machine, and no "
        "meter was at hand. The time and the device above allow a rough estimate only."
    )


def _machine(facts: Any) -> str:
    if not isinstance(facts, dict):
        return ""
    text = f", on {plain(facts.get('cpu', 'an unnamed processor'))} ({count(facts.get('cores'))} cores"
    return text + (f", load {decimal(facts['load'], 1)} while measuring)" if is_number(facts.get("load")) else ")")
