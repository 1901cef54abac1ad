"""What is drawn on a face: never a label without evidence, never a score that lost."""

import numpy as np
import pytest

from engine.events import Emotion
from pipelines.annotate import FaceMark, _words, annotate

BOX = (40.0, 60.0, 120.0, 160.0)


def mark(emotion: Emotion | None, gated: tuple[str, ...] = ()) -> FaceMark:
    return FaceMark(7, BOX, False, emotion, gated)


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (mark(Emotion("anger", 0.7, 1, {"anger": 0.7, "neutral": 0.3})), "7 anger 70%"),
        (mark(Emotion("neutral", 0.19, 1, {"anger": 0.7, "neutral": 0.19})), "7 neutral"),  # held, but it has lost
        (mark(Emotion(None, 0.4, 1, {"anger": 0.4}, "undecided")), "7 ..."),
        (mark(Emotion(None, 0.0, 1, {}, "unreadable", ("dark",)), ("dark",)), "7 not readable: dark"),
        (mark(Emotion(None, 0.0, 1, {}, "unseen")), "7 not readable: hidden"),
        (mark(None, ("small", "blurred")), "7 not readable: small, blurred"),
        (mark(None), "7 ..."),
    ],
)
def test_words_beside_a_face(shown: FaceMark, words: str) -> None:
    assert _words(shown) == words


def test_a_face_that_cannot_be_read_has_no_bars() -> None:
    blank = np.zeros((200, 300, 3), np.uint8)
    drawn = annotate(blank, (mark(Emotion(None, 0.0, 1, {}, "unreadable", ("dark",)), ("dark",)),))
    beside = drawn[64:150, 130:200]
    assert not beside.any()
    assert annotate(blank, (mark(Emotion("anger", 0.7, 1, {"anger": 0.7})),))[64:150, 130:200].any()
