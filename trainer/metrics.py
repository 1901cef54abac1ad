"""What a set of probabilities is worth against the truth: pure functions on arrays.

Throughout, `truth` is int64 `(N,)` in 0..C-1, `probabilities` float32 `(N, C)` with rows that sum to 1, and
`counts` a confusion matrix `(C, C)` with the truth in rows. A number that does not exist (the recall of a
class without images) is None, never NaN, so that everything may be written as JSON.

Sources: Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference"; Guo et al. 2017,
"On Calibration of Modern Neural Networks", arXiv 1706.04599 (calibration error in 15 bins, temperature);
El-Yaniv and Wiener 2010, "On the Foundations of Noise-free Selective Classification" (coverage and accuracy);
Efron 1979, "Bootstrap Methods: Another Look at the Jackknife".
"""

from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as reference

from engine.items import Floats
from trainer.labels import Bools, Ints

Weights: TypeAlias = NDArray[np.float64]
BINS = 15
POINTS = 100
"""The most points a curve keeps."""
THRESHOLDS = (*(step / 20 for step in range(20)), 0.99)


def softmax(logits: Floats, temperature: float = 1.0) -> Floats:
    """Probabilities `(N, C)` of logits divided by `temperature`."""
    scaled = np.asarray(logits, np.float32) / np.float32(temperature)
    powers = np.exp(scaled - scaled.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)


def log_probabilities(probabilities: Floats) -> Floats:
    """Logits whose softmax is `probabilities`, so that a temperature can be fitted to any classifier."""
    return np.log(np.maximum(probabilities, 1e-7)).astype(np.float32)


def wilson(right: int, images: int, level: float = 0.95) -> list[float] | None:
    """Interval of a share `right / images` (Wilson 1927); None of no images."""
    if not images:
        return None
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, weight = right / images, z * z / images
    centre = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * (share * (1 - share) / images + weight / (4 * images)) ** 0.5
    return [rounded(max(0.0, centre - half)), rounded(min(1.0, centre + half))]


def bootstrap(
    statistic: Callable[[Ints], float], images: int, repeats: int = 500, level: float = 0.95, seed: int = 0
) -> list[float] | None:
    """Percentile interval of `statistic(rows)` over `repeats` drawings of `images` rows with replacement."""
    if not images:
        return None
    generator = np.random.default_rng(seed)
    values = [statistic(generator.integers(0, images, images)) for _ in range(repeats)]
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return [rounded(low), rounded(high)]


def confusion(truth: Ints, guesses: Ints, classes: int) -> Ints:
    """Counts `(classes, classes)`: rows are the truth, columns the guesses."""
    flat = np.bincount(truth * classes + guesses, minlength=classes * classes)
    return flat.reshape(classes, classes).astype(np.int64)


def class_scores(counts: Ints) -> list[dict[str, float | None]]:
    """Precision, recall and F1 of each class. All three are None for a class without images; precision
    is 0 for one that has images and was never guessed (scikit-learn's `zero_division=0`)."""
    scores: list[dict[str, float | None]] = []
    for index, (images, guessed) in enumerate(zip(counts.sum(1), counts.sum(0), strict=True)):
        if not images:
            scores.append({"precision": None, "recall": None, "f1": None})
            continue
        hits = int(counts[index, index])
        scores.append(
            {
                "precision": rounded(hits / max(guessed, 1)),
                "recall": rounded(hits / images),
                "f1": rounded(2 * hits / (images + guessed)),
            }
        )
    return scores


def macro_f1(counts: Ints) -> float:
    """Mean F1 of the classes that have images, unrounded; 0 of no images."""
    images = counts.sum(1)
    scores = 2 * np.diag(counts) / np.maximum(images + counts.sum(0), 1)
    return float(scores[images > 0].mean()) if images.any() else 0.0


def macro_f1_interval(counts: Ints, repeats: int = 500, level: float = 0.95, seed: int = 0) -> list[float] | None:
    """Percentile bootstrap interval of `macro_f1`. Drawing images with replacement is drawing the cells of
    the confusion matrix from a multinomial distribution, which needs no images."""
    images = int(counts.sum())
    if not images:
        return None
    draws = np.random.default_rng(seed).multinomial(images, counts.ravel() / images, repeats)
    values = [macro_f1(draw.reshape(counts.shape)) for draw in draws]
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return [rounded(low), rounded(high)]


def macro(scores: Sequence[dict[str, float | None]], key: str) -> float | None:
    """Mean of `key` over the classes that have images. Of recall this is the balanced accuracy."""
    values = [value for each in scores if (value := each[key]) is not None]
    return rounded(np.mean(values)) if values else None


def negative_log_likelihood(probabilities: Floats, truth: Ints, weights: Weights | None = None) -> float | None:
    """Mean of -log p(truth) in nats, weighted by `weights` `(N,)` where they are given; p is held at 1e-12 or more."""
    if not len(truth):
        return None
    chosen = probabilities[np.arange(len(truth)), truth]
    return float(np.average(-np.log(np.maximum(chosen, 1e-12)), weights=weights))


def reliability(probabilities: Floats, truth: Ints, bins: int = BINS) -> list[dict[str, float | int | None]]:
    """Equal bins of the confidence `max p`, each with its images, mean confidence and accuracy."""
    sure = probabilities.max(1).astype(np.float64)
    right = probabilities.argmax(1) == truth
    places = np.minimum((sure * bins).astype(np.int64), bins - 1)
    table: list[dict[str, float | int | None]] = []
    for number in range(bins):
        inside = places == number
        images = int(inside.sum())
        table.append(
            {
                "low": rounded(number / bins),
                "high": rounded((number + 1) / bins),
                "images": images,
                "confidence": rounded(sure[inside].mean()) if images else None,
                "accuracy": rounded(right[inside].mean()) if images else None,
            }
        )
    return table


def calibration_error(probabilities: Floats, truth: Ints, bins: int = BINS) -> float | None:
    """Expected calibration error (Guo et al. 2017): the mean of |accuracy - confidence| over equal bins of
    the confidence, weighted by their images; 0..1."""
    if not len(truth):
        return None
    sure = probabilities.max(1).astype(np.float64)
    right = (probabilities.argmax(1) == truth).astype(np.float64)
    places = np.minimum((sure * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(places, weights=right - sure, minlength=bins)
    return float(np.abs(gaps).sum() / len(truth))


def coverage(
    probabilities: Floats, truth: Ints, thresholds: Sequence[float] = THRESHOLDS
) -> list[dict[str, float | None]]:
    """What is gained by abstaining: for each threshold on the confidence the share of images answered, and
    the accuracy on those."""
    sure, right = probabilities.max(1), probabilities.argmax(1) == truth
    table: list[dict[str, float | None]] = []
    for threshold in thresholds:
        kept = sure >= threshold
        share = rounded(kept.mean()) if len(truth) else None
        accuracy = rounded(right[kept].mean()) if kept.any() else None
        table.append({"threshold": threshold, "coverage": share, "accuracy": accuracy})
    return table


def roc(scores: Floats, positive: Bools) -> tuple[float, dict[str, list[float]]] | None:
    """Area under the ROC curve of one class against the rest, and the curve; None unless both occur."""
    if positive.all() or not positive.any():
        return None
    false_rate, true_rate, _ = reference.roc_curve(positive, scores)
    curve = {"fpr": _thin(false_rate), "tpr": _thin(true_rate)}
    return rounded(reference.roc_auc_score(positive, scores)), curve


def precision_recall(scores: Floats, positive: Bools) -> tuple[float, dict[str, list[float]]] | None:
    """Average precision of one class against the rest, and the curve by rising recall; None without images."""
    if not positive.any():
        return None
    precision, recall, _ = reference.precision_recall_curve(positive, scores)
    curve = {"recall": _thin(recall[::-1]), "precision": _thin(precision[::-1])}
    return rounded(reference.average_precision_score(positive, scores)), curve


def fit_temperature(logits: Floats, truth: Ints, weights: Weights | None = None) -> float:
    """The temperature in 0.2..5 of the least negative log likelihood (Guo et al. 2017), by golden section; images
    count by `weights` `(N,)` where they are given.

    Raises:
        ValueError: without images.
    """
    if not len(truth):
        raise ValueError("a temperature needs images with a label")
    low, high = float(np.log(0.2)), float(np.log(5.0))
    ratio = (5**0.5 - 1) / 2
    for _ in range(40):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if _loss_at(logits, truth, left, weights) < _loss_at(logits, truth, right, weights):
            high = right
        else:
            low = left
    return round(float(np.exp((low + high) / 2)), 4)


def _loss_at(logits: Floats, truth: Ints, log_temperature: float, weights: Weights | None) -> float:
    return negative_log_likelihood(softmax(logits, float(np.exp(log_temperature))), truth, weights) or 0.0


def rounded(value: Any) -> float:
    """To four decimals, as all metrics are written."""
    return round(float(value), 4)


def _thin(values: Floats) -> list[float]:
    """At most `POINTS` of a curve's points, the ends among them."""
    if len(values) > POINTS:
        values = values[np.linspace(0, len(values) - 1, POINTS).round().astype(np.int64)]
    return [rounded(value) for value in values]
