"""What the pages say of the shipped face detector is what its card and the page of measurements say."""

import re
from pathlib import Path

import pytest

from engine.modelcard import SHIPPED, load_model

ROOT = Path(__file__).parents[1]
CARD = load_model(SHIPPED / "retinaface-mnet025.onnx").card
SETS = {"crowd with masks": "mask_crowd", "CMU+MIT": "cmu_mit_frontal", "dlib": "dlib_faces", "all three": "all sets"}
OTHER_RUN = 0.03
"""By so much the ratio of two times differs from one measurement to the next."""


def page(name: str) -> str:
    return " ".join((ROOT / name).read_text(encoding="utf-8").split())


def said(name: str, *patterns: str) -> list[float]:
    """The number in the only place of the page that each pattern fits."""
    found = [re.findall(pattern, page(name)) for pattern in patterns]
    assert [len(each) for each in found] == [1] * len(patterns), found
    return [float(number) for (number,) in found]


def measured() -> list[list[str]]:
    """The table of measurements: set, size, AP, AP of 24 pixels and more, recall, times Haar's."""
    text = (ROOT / "docs" / "training" / "detector-evaluation.md").read_text(encoding="utf-8")
    _, text = text.split("## What the shipped detector reaches")
    rows = [line.strip("|").split("|") for line in text.split("\n\n")[2].splitlines()[2:]]
    return [[cell.strip().replace("*", "") for cell in row] for row in rows]


def over_haar(of: str) -> float:
    (row,) = [row for row in measured() if row[0] == of and row[1].startswith("640")]
    return float(row[-1])


def test_the_page_of_measurements_is_that_of_the_card():
    assert f"`{CARD.sha256[:12]}`" in page("docs/training/detector-evaluation.md")
    assert {row[0] for row in measured()} == set(SETS)
    for of, size, ap, large, recall, _ in measured():
        facts = CARD.metrics["sets"][SETS[of]][size.split(",")[0]]
        beside = facts["reference"]
        wanted = [facts["ap"], beside["ap"], facts["ap_24+"], beside["ap_24+"], facts["recall"]["0.1"]]
        shown = [*re.findall(r"[\d.]+", ap), *re.findall(r"[\d.]+", large), recall.split()[0]]
        assert shown == [f"{100 * value:.1f}" for value in wanted], (of, size)


def test_the_page_of_models_says_what_was_measured():
    ap, time, haar, masks = said(
        "docs/models.md",
        r"detector has ([\d.]+) of the public RetinaFace's AP",
        r"in ([\d.]+) of its time for a frame of 640x360",
        r"and ([\d.]+) times Haar's recall",
        r"\(([\d.]+) times on people with masks\)",
    )
    facts = CARD.metrics["sets"]["all sets"]["640"]
    assert ap == round(facts["ap_24+"] / facts["reference"]["ap_24+"], 3)
    assert time == pytest.approx(CARD.metrics["detect_640x360"]["ratio"], abs=OTHER_RUN)
    assert (haar, masks) == (over_haar("all three"), over_haar("crowd with masks"))
    assert f"({facts['faces']} faces)" in page("docs/models.md")


def test_the_readme_says_what_was_measured():
    ap, time = said(
        "README.md", r"(\d+) % of the public RetinaFace-0.25's average precision", r"in (\d+) % of its time"
    )
    facts = CARD.metrics["sets"]["all sets"]["640"]
    assert ap == round(100 * facts["ap_24+"] / facts["reference"]["ap_24+"])
    assert time / 100 == pytest.approx(CARD.metrics["detect_640x360"]["ratio"], abs=OTHER_RUN)
