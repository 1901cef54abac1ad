"""Emotion names, and what annotators answered about each face.

Sources: Goodfellow et al. 2013, "Challenges in Representation Learning" (FER2013's seven classes); Barsoum et
al. 2016, "Training Deep Networks for Facial Expression Recognition with Crowd-Sourced Label Distribution",
arXiv 1608.01041, and its published code (FER+ votes, outlier rule, majority rule).
"""

import re
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.items import Floats, Image

Bools: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]

FERPLUS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
FER2013 = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
NO_EMOTION = ("unknown", "NF")
"""FER+'s two answers that name no emotion: cannot tell, and not a face."""
ALIASES = {
    "angry": "anger",
    "disgusted": "disgust",
    "disgusting": "disgust",
    "afraid": "fear",
    "fearful": "fear",
    "frightened": "fear",
    "scared": "fear",
    "happy": "happiness",
    "joy": "happiness",
    "joyful": "happiness",
    "laughing": "happiness",
    "smile": "happiness",
    "smiling": "happiness",
    "sad": "sadness",
    "suprise": "surprise",
    "suprised": "surprise",
    "surprised": "surprise",
    "surprising": "surprise",
    "neutrality": "neutral",
    "contemptuous": "contempt",
}
_NUMBERED = re.compile(r"\d+\s*[-_. ]\s*(.+)")


def canonical(name: str) -> str:
    """The field's noun for an emotion however a folder or file spells it; other names in lower case.

    A number before the name of an emotion is dropped, since some data sets number their folders.

    >>> canonical("Happy"), canonical("surprise"), canonical("0_angry")
    ('happiness', 'surprise', 'anger')
    >>> canonical("My Label"), canonical("2 people")
    ('my label', '2 people')
    """
    lower = name.strip().lower()
    numbered = _NUMBERED.fullmatch(lower)
    bare = numbered[1] if numbered else lower
    noun = ALIASES.get(bare, bare)
    return noun if noun in FERPLUS else lower


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """One label set of a data set: how many annotators gave which answer about each face.

    `counts` is uint8 `(N, C + R)`: first the C `labels`, then the R answers of `rest`, which are no label
    (FER+: unknown and not-a-face). A set with one label a face has a single 1 in each row. A row of zeros
    is a face without a label in this set.
    """

    labels: tuple[str, ...]
    counts: Image
    rest: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        columns = len(self.labels) + len(self.rest)
        if self.counts.ndim != 2 or self.counts.shape[1] != columns or self.counts.dtype != np.uint8:
            raise ValueError(f"counts: expected uint8 (N, {columns}), got {self.counts.dtype} {self.counts.shape}")

    @property
    def single(self) -> bool:
        """Whether no face has more than one answer: plain labels, not votes."""
        return bool((self.counts.sum(1, dtype=np.int64) <= 1).all())

    def distributions(self) -> tuple[Floats, Bools]:
        """Training targets float32 `(N, C)`, and which rows have one.

        A row has none (all zeros) where an answer of `rest` has at least as many votes as the best label.
        """
        votes = self.counts[:, : len(self.labels)].astype(np.int64)
        others = self.counts[:, len(self.labels) :].max(1, initial=0)
        usable = votes.max(1) > others
        targets = np.where(usable[:, None], votes, 0) / np.maximum(votes.sum(1, keepdims=True), 1)
        return targets.astype(np.float32), usable

    def majority(self) -> Ints:
        """The label with more than half of all answers, else -1; `(N,)`. The rule of the FER+ code."""
        counts = self.counts.astype(np.int64)
        best = counts.argmax(1)
        agreed = (2 * counts.max(1) > counts.sum(1)) & (best < len(self.labels))
        return np.where(agreed, best, -1)

    def plurality(self) -> Ints:
        """The label with more votes than every other answer, else -1; `(N,)`."""
        counts = self.counts.astype(np.int64)
        top = np.sort(counts, axis=1)
        best = counts.argmax(1)
        unique = (top[:, -1] > top[:, -2]) & (best < len(self.labels))
        return np.where(unique, best, -1)


def ferplus(votes: Image) -> Answers:
    """FER+ answers from its votes uint8 `(N, 10)`; single votes count as noise and are dropped first."""
    return Answers(FERPLUS, np.where(votes > 1, votes, 0).astype(np.uint8), NO_EMOTION)


def one_each(labels: tuple[str, ...], indices: Ints) -> Answers:
    """A label set with one label a face; `indices` `(N,)` into `labels`, -1 for none."""
    counts = np.zeros((len(indices), len(labels)), np.uint8)
    known = np.flatnonzero(indices >= 0)
    counts[known, indices[known]] = 1
    return Answers(labels, counts)
