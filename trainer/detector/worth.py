"""What exported detectors are worth: the numbers in their cards, and the one INT8 is chosen by."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from engine.items import Image
from engine.modelcard import Model, card_path
from trainer.detector import contest, curves, stopwatch
from trainer.detector.rivals import Rival, open_rival
from trainer.detector.truth import LabelledSet, Photo
from trainer.detector.views import size_of

JUDGED_AT = ("48", "96", "640")
"""Long sides: at the small ones a portrait's face is as small as a face across the room."""
MEASURED_AT = ("320", "640", "full")
_SHOWN = 8


def judge(model: Model, data: LabelledSet) -> float:
    """Average precision on `data`, the mean over small and large faces."""
    results = contest.hold(data, [rival(model)], [size_of(size) for size in JUDGED_AT])
    return fmean(curves.average_precision(curves.ranked(result.matches)) for result in results)


def measure(
    models: Sequence[Model], sets: Sequence[LabelledSet], reference: Rival | None = None
) -> dict[str, dict[str, Any]]:
    """For each of `models` by its name: precision, recall and landmark error on each of `sets`, and the time for a
    frame on one core. With a `reference` the numbers stand beside its own."""
    rivals = [*(rival(model) for model in models), *([reference] if reference else [])]
    sizes = [size_of(size) for size in MEASURED_AT]
    results = [result for data in sets for result in contest.hold(data, rivals, sizes)]
    results += contest.pooled(results)
    named = reference.name if reference else models[0].card.name
    times = stopwatch.measure(rivals, _shown(sets), [stopwatch.USUAL], named)
    return {model.card.name: _facts(model.card.name, results, times, reference) for model in models}


def rival(model: Model) -> Rival:
    """`model`, its card written beside it, as one that can be measured."""
    card_path(model.path).write_text(model.card.to_json(), encoding="utf-8")
    return open_rival(f"{model.card.name}={model.path}")


def _facts(
    name: str, results: Sequence[contest.Result], times: Sequence[Mapping[str, Any]], reference: Rival | None
) -> dict[str, Any]:
    own = [result for result in results if result.rival.name == name]
    sets: dict[str, dict[str, Any]] = {}
    for result in own:
        row = contest.row(result)
        said = {"faces": row["faces"], "ap": row["ap"], "ap_24+": row["ap_by_side"]["24+"]["ap"]}
        said |= {"recall": row["recall"], "landmark_error": row["landmarks"]["mean"]}
        if reference:
            said["reference"] = _beside(result, results, reference.name)
        sets.setdefault(result.data.name, {})[result.size.name] = said
    facts: dict[str, Any] = {"sets": sets}
    for timed in times:
        if timed["model"] == name:
            facts[f"{timed['part']}_640x360"] = {"milliseconds": timed["ms"], "ratio": timed["ratio"]}
    return facts


def _beside(result: contest.Result, results: Sequence[contest.Result], name: str) -> dict[str, Any]:
    ((_, other),) = [pair for pair in contest.pairs_with(results, [name]) if pair[0] is result]
    row = contest.row(other)
    ratios = contest.Comparison(rounds=50).against(result, other)
    return {
        "name": name,
        "ap": row["ap"],
        "ap_24+": row["ap_by_side"]["24+"]["ap"],
        "landmark_error_ratio": ratios["landmarks"]["ratio"],
    }


def _shown(sets: Sequence[LabelledSet]) -> list[Image]:
    photos: list[Photo] = [photo for data in sets for photo in data.photos if photo.truths]
    return [photo.load() for photo in photos[:: max(len(photos) // _SHOWN, 1)][:_SHOWN]]
