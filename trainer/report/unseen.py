"""The chapter on labelled faces of other origin, which is where a model is served: `metrics-also.json`."""

from collections.abc import Sequence

from trainer.report import charts
from trainer.report.document import Block, Chart, Missing, Prose, Section, Table
from trainer.report.runs import Facts, Material
from trainer.report.words import NOTHING, count, decimal, is_number, listed, percent, plain, with_interval

KEY, TITLE = "unseen", "Faces it was never trained on"
FILE = "metrics-also.json"


def facts_of(material: Material) -> Facts:
    """What is known of the report's model on unseen sets; empty where nothing was measured, or another model was."""
    found = material.main.metrics.get(FILE, {})
    measured, mine = found.get("model", {}).get("sha256"), material.main.headline_metrics().get("model", {})
    if measured and mine.get("sha256") not in (None, measured):
        return {}
    facts: Facts = found.get("also", {})
    return facts if facts.get("sets") else {}


def command(material: Material) -> str:
    return f"moodline-train evaluate {material.main.folder} --also FOLDER --also FOLDER"


def section(material: Material) -> Section:
    """Scores of every set, their mean, and what each expression was found as."""
    facts = facts_of(material)
    if not facts:
        text = (
            "How the model fares on faces from other sources than its training data is not known. Scores on a test "
            "split of the same data set are too good a promise."
        )
        return Section(KEY, TITLE, (Missing(text, command(material)),))
    blocks: list[Block] = [Prose(_about(facts)), _scores(facts), Prose(_weak(facts)), _recalls(facts)]
    if facts["mean"].get("risk_coverage") and facts.get("thresholds"):
        blocks += [Prose(_abstaining(facts["thresholds"])), _risk(facts), _thresholds(facts["thresholds"])]
    return Section(KEY, TITLE, tuple(blocks))


def line(material: Material) -> str:
    """The summary's sentence; empty where nothing was measured."""
    mean = facts_of(material).get("mean", {})
    if not mean:
        return ""
    sets, worst = mean.get("sets"), mean.get("worst", {})
    text = f"**On faces of other origin.** On {count(mean.get('images'))} faces "
    if sets == 1:
        return text + f"of a set it was never trained on it is right on {percent(mean.get('accuracy'))}."
    return text + (
        f"of {count(sets)} sets it was never trained on it is right on {percent(mean.get('accuracy'))} in the mean of "
        f"the sets, and on {percent(worst.get('accuracy'))} of the worst, {plain(worst.get('name'))}."
    )


def _about(facts: Facts) -> str:
    text = (
        "A camera shows other faces than a data set does: other light, other sizes, other people, and expressions that "
        "others labelled. The sets below had no part in training. Each face was found, aligned and cut by the "
        "engine's own code, in colour, from the picture as it is. Every label of the model may be the answer, also one "
        "that a set lacks: such an answer is wrong. "
    )
    sources = {"card": "of the model's card", "these sets": "fitted on these very sets"}
    origin = sources.get(str(facts.get("temperature_from")), f"from {plain(facts.get('temperature_from'))}")
    text += f"Confidences are those at temperature {decimal(facts.get('temperature'))}, {origin}. "
    left_out = [row for row in facts["sets"] if row.get("left_out")]
    for row in left_out:
        said = listed(f"{plain(label)} ({count(images)})" for label, images in row["left_out"].items())
        text += f"Left out of {plain(row.get('name'))}, since the model does not know the label: {said}. "
    return text.strip()


def _scores(facts: Facts) -> Table:
    head = ("set", "images", "accuracy (95 %)", "balanced accuracy", "calibration error", "log loss", "faces found")
    rows = [
        (
            plain(row.get("name")),
            count(row.get("images")),
            with_interval(row),
            percent(row.get("balanced_accuracy")),
            decimal(row.get("calibration_error")),
            decimal(row.get("negative_log_likelihood")),
            _found(row.get("faces") or {}),
        )
        for row in facts["sets"]
    ]
    mean = facts["mean"]
    rows.append(
        (
            "mean of the sets",
            count(mean.get("images")),
            percent(mean.get("accuracy")),
            percent(mean.get("balanced_accuracy")),
            decimal(mean.get("calibration_error")),
            decimal(mean.get("negative_log_likelihood")),
            "",
        )
    )
    return Table("Every set, and their mean with equal weight.", head, tuple(rows), marked=(len(rows) - 1,))


def _found(ways: Facts) -> str:
    total = sum(each for each in ways.values() if is_number(each))
    if not total:
        return NOTHING
    rest = [f"{count(ways[way])} {way}" for way in list(ways)[1:] if ways[way]]
    return f"{percent(ways.get('found', 0) / total)}" + (f" ({listed(rest)})" if rest else "")


def _recalls(facts: Facts) -> Table:
    labels = [
        str(label) for label in facts["labels"] if any(label in row.get("per_class", {}) for row in facts["sets"])
    ]
    rows = tuple((plain(row.get("name")), *(_recall(row, label) for label in labels)) for row in facts["sets"])
    caption = "The share of each expression that was found, by set, and of how many faces."
    return Table(caption, ("set", *map(plain, labels)), rows)


def _recall(row: Facts, label: str) -> str:
    values = row.get("per_class", {}).get(label)
    return f"{percent(values['recall'], 0)} of {count(values['images'])}" if values else NOTHING


def _weak(facts: Facts) -> str:
    """What the worst found expression of each set is mostly taken for."""
    said = [text for row in facts["sets"] if (text := _taken(row, [str(label) for label in facts["labels"]]))]
    return f"The expression found least often is, in {'; in '.join(said)}." if said else ""


def _taken(row: Facts, labels: Sequence[str]) -> str:
    known = {label: each["recall"] for label, each in row.get("per_class", {}).items() if is_number(each.get("recall"))}
    if not known or min(known.values()) == 1 or not row.get("confusion"):
        return ""
    worst = min(known, key=lambda label: known[label])
    counts = list(row["confusion"][labels.index(worst)])
    images, counts[labels.index(worst)] = sum(counts), -1
    taken = max(range(len(counts)), key=counts.__getitem__)
    return (
        f"{plain(row.get('name'))}, {plain(worst)}: {percent(known[worst], 0)} of {count(images)} faces found, "
        f"{count(counts[taken])} taken for {plain(labels[taken])}"
    )


def _risk(facts: Facts) -> Chart:
    lines = {str(row.get("name")): row["risk_coverage"] for row in facts["sets"] if row.get("risk_coverage")}
    if len(facts["sets"]) > 1:
        lines["mean of the sets"] = facts["mean"]["risk_coverage"]
    areas = listed(f"{plain(name)} {decimal(points['area'])}" for name, points in lines.items())
    return charts.risk(
        "unseen-risk", lines, f"Risk over coverage, the surest answers first. Area under the curve: {areas}."
    )


def _abstaining(table: Facts) -> str:
    own = table["engine"]
    text = (
        "The engine says nothing where no expression reaches `min_confidence`, and a new one has to lead the one shown "
        "by `margin`. The table tells what pairs of the two would answer on these pictures, and how often rightly, "
        "every set with equal weight. A single picture has no expression shown before: its second best stands for it. "
    )
    if own["min_confidence"] in table["min_confidence"] and own["margin"] in table["margin"]:
        row, column = table["min_confidence"].index(own["min_confidence"]), table["margin"].index(own["margin"])
        text += (
            f"At the engine's defaults, {decimal(own['min_confidence'], 2)} and {decimal(own['margin'], 2)}, it "
            f"answers {percent(table['coverage'][row][column])} of the faces and is right on "
            f"{percent(table['accuracy'][row][column])} of those."
        )
    return text.strip()


def _thresholds(table: Facts) -> Table:
    head = ("min_confidence", *(f"margin {decimal(margin, 2)}" for margin in table["margin"]))
    rows = tuple(
        (decimal(least, 2), *(f"{percent(share)} / {percent(hit)}" for share, hit in zip(shares, hits, strict=True)))
        for least, shares, hits in zip(table["min_confidence"], table["coverage"], table["accuracy"], strict=True)
    )
    own = table["engine"]["min_confidence"]
    marked = (table["min_confidence"].index(own),) if own in table["min_confidence"] else ()
    return Table("Share answered / accuracy of the answers, by the engine's thresholds.", head, rows, marked=marked)
