"""The whole line over a face that can be read for three seconds, and then cannot."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from engine.history.rows import sample_rows
from engine.items import EmotionEvent, Image
from engine.sources.av_writer import VideoWriter
from pipelines.analyze import Analysis, Analyzer
from pipelines.analyze_cli import _configure
from tests.support.photos import astronaut

FPS = 15


def blurred(image: Image) -> Image:
    return cv2.GaussianBlur(image, (0, 0), 6)


def dark(image: Image) -> Image:
    return (image * 0.12).astype(np.uint8)


def far(image: Image) -> Image:
    smaller = np.full_like(image, 90)
    smaller[150:290, 150:290] = cv2.resize(image, (140, 140), interpolation=cv2.INTER_AREA)
    return smaller


def away(image: Image) -> Image:
    return np.full_like(image, 90)


def analysed(folder: Path, spoil: Callable[[Image], Image]) -> tuple[Analysis, list[dict[str, Any]], Analyzer]:
    clip = folder / "clip.mp4"
    with VideoWriter(clip, 512, 512, FPS) as writer:
        for index in range(9 * FPS):
            image = astronaut()
            writer.write(image if index < 3 * FPS else spoil(image), index / FPS)
    lines = io.StringIO()
    analyzer = Analyzer(_configure(clip, None, None, None), "run", lines, paced=False)
    result = analyzer.run(lambda _frames: None)
    documents = [json.loads(line) for line in lines.getvalue().splitlines()]
    return result, [one for one in documents if one["track_uid"]], analyzer


def event_of(document: dict[str, Any]) -> EmotionEvent:
    names = ("event_id", "run_id", "seq", "type", "source_id", "track_uid")
    return EmotionEvent(*(document[name] for name in names), document)


@pytest.mark.parametrize("spoil", [blurred, dark, far, away])
def test_nothing_is_told_of_a_face_that_cannot_be_read(tmp_path: Path, spoil: Callable[[Image], Image]) -> None:
    result, documents, analyzer = analysed(tmp_path, spoil)
    assert result.failure is None
    read = [one for one in documents if one["after"] and one["after"]["label"]]
    assert read and max(one["time_s"] for one in read) <= 4.1
    (smile,) = {one["after"]["label"] for one in read}
    dwelt = sum(
        one["before"]["dwell_s"]
        for one in documents
        if one["before"] and one["before"]["label"] and one["type"] in {"emotion_changed", "end"}
    )
    assert dwelt == pytest.approx(3.0, abs=0.4)
    samples = sample_rows(map(event_of, documents))
    assert 3 <= len(samples) <= 4 and {row["label"] for row in samples} <= {smile, None}
    marks = [mark for index in range(5 * FPS, 9 * FPS) for mark in analyzer._onlooker.marks(index, index / FPS)]
    assert all(mark.emotion is None or mark.emotion.label is None for mark in marks)
