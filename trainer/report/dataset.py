"""The chapter on the data: where it comes from, its classes, its faces, its leaks."""

import numpy as np

from trainer.faceset import SPLITS, FaceSet
from trainer.labels import Answers
from trainer.report import charts, pictures
from trainer.report.document import Beside, Block, Gallery, Missing, Picture, Prose, Section, Table
from trainer.report.runs import Facts, Material
from trainer.report.words import count, listed, percent, plain

FACES_PER_CLASS = 8


def section(material: Material) -> Section:
    facts = material.data_facts or _data_of_run(material)
    if not facts.get("label_sets"):
        text = "Which data the model was trained and measured on is not told by the files at hand."
        command = f"moodline-train report {material.main.folder} --data DATA --out report.html"
        return Section("data", "The data", (Missing(text, command),))
    blocks: list[Block] = [Prose(_origin(facts)), Prose(_aligned(facts)), *_balance(material, facts), *_leaks(material)]
    if material.data is None:
        text = "Sample faces are drawn from the data set itself, which was not given."
        command = f"moodline-train report {material.main.folder} --data DATA --out report.html"
        blocks.append(Missing(text, command))
    elif material.pictures:
        blocks += _samples(material, material.data)
    return Section("data", "The data", tuple(blocks))


def _data_of_run(material: Material) -> Facts:
    data = material.main.manifest.get("data")
    return data if isinstance(data, dict) else {}


def _origin(facts: Facts) -> str:
    origin = facts.get("origin", {})
    text = f"The data set is **{plain(origin.get('name', 'unnamed'))}**: {count(facts.get('images'))} gray faces"
    if side := facts.get("size"):
        text += f" of {side} by {side} pixels"
    if digest := facts.get("sha256"):
        text += f" (SHA-256 of the packed set: `{plain(digest)}`)"
    text += "."
    if licence := origin.get("licence"):
        text += f" Its terms: {plain(licence)}."
    for each in origin.get("also") or ():
        text += f" With it came {plain(each.get('name', 'more'))}, on the terms: {plain(each.get('terms', 'unknown'))}."
    if commercial := origin.get("commercial"):
        text += f" Commercial use of it is {'unclear' if commercial == 'unknown' else plain(commercial)}."
    known = [name for name in ("identities", "clips") if facts.get(name)]
    if known:
        return text + f" It names {listed(f'{count(facts[name])} {name}' for name in known)}."
    return text + " It does not say who is in a picture, so one person may stand in several splits."


def _aligned(facts: Facts) -> str:
    text = (
        f"In {percent(facts.get('aligned'))} of the faces five landmarks were found, and the face was warped onto the "
        "template that the engine uses before it classifies; the others are used as whole crops, as the engine "
        "does. Both views are kept, and both are measured."
    )
    if facts.get("blank"):
        text += (
            f" {count(facts['blank'])} pictures are blank (one single value all over) and are left out of every score."
        )
    return text


def _balance(material: Material, facts: Facts) -> list[Block]:
    blocks: list[Block] = []
    wanted = material.label_set()
    for name, each in facts["label_sets"].items():
        labels = [str(label) for label in each["labels"]]
        splits = {split: [int(held["majority"][label]) for label in labels] for split, held in each["splits"].items()}
        splits = {split: counts for split, counts in splits.items() if sum(counts)}
        table = _counts(name, labels, splits, each)
        if name == wanted or (wanted is None and not blocks):
            caption = "Images per class and split. The axis is logarithmic, or the rare classes could not be seen."
            drawn = charts.balance("class-balance", labels, splits, caption)
            blocks += [Beside((table, drawn)), Prose(_imbalance(labels, splits))]
        else:
            blocks.append(table)
    return blocks


def _counts(name: str, labels: list[str], splits: dict[str, list[int]], facts: Facts) -> Table:
    kind = "one label an image" if facts.get("single") else "images whose label has more than half of the votes"
    rows = [(plain(label), *(count(splits[split][place]) for split in splits)) for place, label in enumerate(labels)]
    rows.append(("all of these", *(count(sum(counts)) for counts in splits.values())))
    rows.append(("images in the split", *(count(facts["splits"][split]["images"]) for split in splits)))
    head = (f"label set {plain(name)}", *map(plain, splits))
    return Table(f"Class balance of label set {plain(name)} ({kind}).", head, tuple(rows), marked=(len(labels),))


def _imbalance(labels: list[str], splits: dict[str, list[int]]) -> str:
    counts = next(iter(splits.values()), [])
    if not counts or not min(counts):
        return "At least one class has no image to learn from."
    most, least = max(counts), min(counts)
    return (
        f"The commonest class, {plain(labels[counts.index(most)])}, has {most / least:.0f} times as many training "
        "images "
        f"as the rarest, {plain(labels[counts.index(least)])}; accuracy alone hides how the rare ones fare, which is "
        "why macro-F1 and the scores of each class stand beside it."
    )


def _leaks(material: Material) -> list[Block]:
    facts, blocks = material.data_facts, []
    if facts.get("removed"):
        text = (
            f"**Leaks.** {count(facts['removed'])} training images were found in the validation or test split too. "
            f"They were taken out of training.{_scan(facts)}"
        )
        blocks.append(text)
    first = material.main.headline()
    without = first.values.get("without_leaked") if first else None
    if first and without and without.get("images") is not None:
        leaked = first.values["images"] - without["images"]
        blocks.append(
            f"Of the {count(first.values['images'])} scored faces of the {plain(first.split)} split, "
            f"{count(leaked)} have a "
            f"copy in another split; accuracy is {percent(first.values['accuracy'])} with them and "
            f"{percent(without['accuracy'])} without."
        )
    return [Prose(" ".join(blocks))] if blocks else []


def _scan(facts: Facts) -> str:
    """How copies were looked for, where `prepare` noted it."""
    scan = facts.get("extra", {}).get("leaks", {})
    if scan.get("pairs") is None:
        return ""
    return (
        f" The scan compares perceptual hashes of 256 bits that may differ in {count(scan.get('distance'))}; it found "
        f"{count(scan['pairs'])} pairs that stand in different splits or have different labels (leaks.csv of the data)."
    )


def _samples(material: Material, faces: FaceSet) -> list[Block]:
    name = material.label_set() or next(iter(faces.answers))
    answers = faces.answers[name]
    strips = [each for index in range(len(answers.labels)) if (each := _strip(faces, answers, index))]
    caption = (
        "Faces of the training split, drawn at random for each class: above as they came, below aligned. A face "
        "without "
        "landmarks is the same in both rows."
    )
    return [Gallery(caption, tuple(strips), width=420)]


def _strip(faces: FaceSet, answers: Answers, index: int) -> Picture | None:
    label = answers.labels[index]
    rows = np.flatnonzero((answers.majority() == index) & (np.asarray(faces.split) == SPLITS.index("train")))
    if not len(rows):
        return None
    picked = np.sort(np.random.default_rng(index).permutation(rows)[:FACES_PER_CLASS])
    image = pictures.strip(np.asarray(faces.whole[picked]), np.asarray(faces.aligned[picked]))
    alt = f"{len(picked)} faces labelled {label}: above as they came, below aligned."
    return Picture(
        f"faces-{index}.png", pictures.png(image), alt, f"**{plain(label)}** ({count(len(rows))} in training)"
    )
