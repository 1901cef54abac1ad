"""The chapters on when to believe an answer: calibration, abstaining, and slices of the data."""

from trainer.metrics import reliability
from trainer.report import charts
from trainer.report.document import Beside, Block, Chart, Missing, Prose, Section, Table
from trainer.report.runs import Facts, Material, Measured
from trainer.report.scores import read_scores
from trainer.report.summary import evaluate_command
from trainer.report.words import count, decimal, is_number, percent, plain

SLICES = {
    "size": "size of the face",
    "sharpness": "sharpness",
    "brightness": "brightness",
    "pose": "pose",
}
UNITS = {
    "size": "pixels between the eyes",
    "sharpness": "variance of the Laplacian",
    "brightness": "mean gray value of 0 to 255",
    "pose": "distances of the eyes by which the nose lies beside their middle",
}


def calibration(material: Material) -> Section:
    """Does a confidence of 0.8 mean four right answers in five?"""
    first = material.main.headline()
    if first is None or not first.values.get("reliability"):
        missing = Missing("Calibration has not been measured.", evaluate_command(material))
        return Section("calibration", "Calibration", (missing,))
    blocks: list[Block] = [Prose(_told(first)), Beside(_diagrams(material, first))]
    if points := first.values.get("coverage"):
        blocks.append(Prose(_abstaining(first)))
        caption = (
            "Accuracy of the answers given, over the share of faces that get one; the labels are "
            "thresholds on the confidence."
        )
        rows = tuple(
            (decimal(each["threshold"], 2), percent(each["coverage"]), percent(each["accuracy"]))
            for each in _telling(points)
        )
        head = ("answer from confidence", "answered", "right")
        table = Table("Coverage and accuracy by threshold.", head, rows)
        blocks.append(Beside((charts.coverage("coverage", points, caption), table)))
    return Section("calibration", "Calibration", tuple(blocks))


def _told(first: Measured) -> str:
    values = first.values
    text = (
        "A confidence is of use only if it means what it says. The diagrams sort the answers by confidence and compare "
        "each bin with how often it was right; the mean gap, weighted by images, is the expected calibration error "
        "([Guo et al. 2017](https://arxiv.org/abs/1706.04599)). "
    )
    before, after = values.get("calibration_error_untempered"), values.get("calibration_error")
    if is_number(before) and is_number(after):
        text += f"It is {decimal(before)} as the model answers and {decimal(after)} after the logits are divided by "
        text += f"the temperature {decimal(first.temperature)}{_origin(first)}."
    return text


def _origin(first: Measured) -> str:
    source = first.model.get("temperature_from")
    known = {"validation": ", which was fitted on validation", "card": ", which the model's card gives"}
    return known.get(str(source), "")


def _telling(points: list[Facts]) -> list[Facts]:
    """The points where something changes."""
    after = [*points[1:], {"coverage": None}]
    return [each for each, following in zip(points, after, strict=True) if each["coverage"] != following["coverage"]]


def _diagrams(material: Material, first: Measured) -> tuple[Chart, ...]:
    after = charts.reliability(
        "reliability-after", first.values["reliability"], "after temperature scaling",
        "The same after the logits are divided by the temperature: the answers as the engine gives them.",
    )  # fmt: skip
    scores, truth = read_scores(first), material.truth(first)
    if scores is None or truth is None:
        return (after,)
    known = truth[scores.rows] >= 0
    bins = reliability(scores.probabilities(tempered=False)[known], truth[scores.rows][known])
    before = charts.reliability(
        "reliability-before", bins, "before temperature scaling",
        "Bars: accuracy in each bin of confidence. Dashed: perfect calibration. Below: where the images are.",
    )  # fmt: skip
    return (before, after)


def _abstaining(first: Measured) -> str:
    points = [each for each in first.values["coverage"] if is_number(each["accuracy"])]
    text = "Whoever may leave faces unanswered can buy accuracy with coverage. "
    near = [each for each in points if each["coverage"] >= 0.8]
    if near:
        text += (
            f"With a threshold of {decimal(near[-1]['threshold'], 2)} the model answers "
            f"{percent(near[-1]['coverage'])} "
            f"of the faces and is right on {percent(near[-1]['accuracy'])} of them, against "
            f"{percent(points[0]['accuracy'])} of all."
        )
    return text


def slices(material: Material) -> Section:
    """Accuracy by what the picture looks like."""
    found = material.main.headline_metrics().get("slices") or {}
    first = material.main.headline()
    if first is None or not any(found.values()):
        missing = Missing("Accuracy on parts of the data has not been measured.", evaluate_command(material))
        return Section("slices", "Slices", (missing,))
    level = first.values.get("accuracy")
    drawn = tuple(
        charts.slices(
            f"slice-{place}", SLICES.get(name, str(name)),
            [(str(row["name"]), row["accuracy"], row["images"]) for row in rows if is_number(row.get("accuracy"))],
            level, _bounds(name, rows),
        )
        for place, (name, rows) in enumerate(found.items()) if rows
    )  # fmt: skip
    intro = (
        "One number for all faces hides where a model fails. Each property below cuts the measured faces into "
        "thirds; the "
        "bars give the accuracy of each third and its number of images, the dashed line the accuracy of all."
    )
    return Section("slices", "Slices", (Prose(intro), Prose(_widest(found)), Beside(drawn)))


def _bounds(name: str, rows: list[Facts]) -> str:
    known = [row for row in rows if is_number(row.get("low")) and is_number(row.get("high"))]
    said = "; ".join(f"{plain(row['name'])} {_bound(row['low'])} to {_bound(row['high'])}" for row in known)
    return f"In {UNITS.get(name, plain(name))}: {said}." if said else "Accuracy and images of each part."


def _bound(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2g}"


def _widest(found: dict[str, list[Facts]]) -> str:
    gaps: list[tuple[float, str, Facts, Facts]] = []
    for name, rows in found.items():
        known = sorted((row for row in rows if is_number(row.get("low"))), key=lambda row: float(row["accuracy"]))
        if len(known) > 1:
            gaps.append((known[-1]["accuracy"] - known[0]["accuracy"], name, known[0], known[-1]))
    if not gaps:
        return "No property has two parts to compare."
    _, name, low, high = max(gaps, key=lambda each: each[0])
    return (
        f"The widest gap between thirds is by {SLICES.get(name, plain(name))}: {percent(low['accuracy'])} of the "
        f"{count(low['images'])} faces called {plain(low['name'])}, {percent(high['accuracy'])} of those called "
        f"{plain(high['name'])}."
    )
