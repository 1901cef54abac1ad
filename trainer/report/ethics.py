"""The chapters on what the model must not be used for, and on what it cannot do."""

from trainer.report.document import Bullets, Prose, Section
from trainer.report.runs import Material
from trainer.report.summary import weakest
from trainer.report.words import count, listed, percent, plain

BARRETT = "[Barrett et al. 2019](https://doi.org/10.1177/1529100619832930)"
AI_ACT = "[EU Artificial Intelligence Act](https://eur-lex.europa.eu/eli/reg/2024/1689/oj)"
RARE = 100


def limitations(material: Material) -> Section:
    """What follows from the numbers, and what follows from the data."""
    items = [*_measured(material), *_data(material)]
    items += [
        "A single picture has no before and after. The model knows nothing of the situation, the voice or the "
        "words, and "
        "neither do its labels: annotators judged one picture each.",
        "Labels are opinions of annotators, not facts about the person. Where annotators disagree, the score "
        "against one "
        "label has a ceiling well below 100 %.",
        "The pictures come from one collection. Other cameras, light, ages and cultures may lower every number "
        "of this report; "
        "measure on your own data before relying on it.",
    ]
    return Section("limitations", "Limitations", (Bullets(tuple(items)),))


def _measured(material: Material) -> list[str]:
    first = material.main.headline()
    if first is None:
        return ["Nothing has been measured, so nothing can be relied on."]
    items = []
    if worst := weakest(first):
        names = listed(f"{plain(label)} ({percent(recall, 0)} found)" for label, recall, _ in worst)
        items.append(f"The weakest classes are {names}. Do not build a decision on them.")
    rare = [
        (label, each["images"])
        for label, each in first.values.get("per_class", {}).items()
        if 0 < each["images"] < RARE
    ]
    if rare:
        names = listed(f"{plain(label)} ({count(images)} images)" for label, images in rare)
        items.append(f"So few faces of {names} were there to measure on that their scores are rough.")
    if first.split != "test":
        items.append(
            f"The numbers are from the {plain(first.split)} split, on which choices were made; they are on the "
            "bright side."
        )
    if ignored := first.model.get("ignored_labels"):
        items.append(
            f"The data does not know {listed(map(plain, ignored))}, which the model can name; that is not measured."
        )
    return items


def _data(material: Material) -> list[str]:
    facts = material.data_facts
    if facts and not facts.get("identities"):
        return [
            "The data does not say who is in a picture. One person may be in training and test, which flatters "
            "the scores "
            "by an unknown amount."
        ]
    return []


def ethics(material: Material) -> Section:
    """Intended use, misuse, law, consent."""
    name = plain(material.main.name)
    blocks = (
        Prose(
            f"**An expression is not an emotion.** {name} names how a face looks to annotators. Whether people "
            "feel what their "
            f"faces show is another matter: the review by {BARRETT} finds that facial movements do not reveal inner "
            "states reliably or specifically, and that they vary with culture, situation and person. No output of this "
            "model is evidence of what somebody feels, intends or will do."
        ),
        Prose(
            "**Who is in the data is not known.** The data sets used here do not record age, gender or skin colour, so "
            "fairness between groups was not measured and must be expected to be poor: unequal error rates were "
            "found in "
            "face analysis wherever they were looked for "
            "([Buolamwini and Gebru 2018](https://proceedings.mlr.press/v81/buolamwini18a.html); "
            "[Xu et al. 2020](https://arxiv.org/abs/2007.10075) for expressions)."
        ),
        Prose("**Intended use:**"),
        Bullets(
            (
                "Research on and teaching of facial expression analysis.",
                "Installations, games and usability studies in which everybody in view has agreed and can leave.",
                "Counting how a consenting audience's expressions change, without storing who they are.",
            )
        ),
        Prose("**Not intended, whatever the numbers say:**"),
        Bullets(
            (
                "Judging employees, applicants, pupils or students.",
                "Police, border, credit, insurance or court decisions; lie detection; diagnosis of illness.",
                "Watching people who do not know it or cannot refuse; children.",
                "Any decision about a single person without a human who answers for it.",
            )
        ),
        Prose(
            f"**Law.** Article 5(1)(f) of the {AI_ACT} prohibits placing on the market, putting into service for "
            "this purpose "
            "and using AI systems to infer emotions of people at the workplace and in education institutions, "
            "except for "
            "medical or safety reasons. Outside these, the Act treats emotion recognition as high-risk (Annex III) and "
            "obliges deployers to inform those exposed to it (Article 50(3)). Faces are personal data: "
            "processing needs a "
            "legal ground under data protection law, as a rule consent that is informed, free and revocable. "
            "This is no "
            "legal advice."
        ),
        Prose(
            "**Consent and care.** Ask first, say what is recorded and for how long, keep scores rather than "
            "pictures, delete "
            "on request. The people in the training pictures were mostly not asked; do not spread their pictures. This "
            "page may contain some of them: share it with that in mind."
        ),
    )
    return Section("ethics", "Ethics and intended use", blocks)
