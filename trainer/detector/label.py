"""Pictures labelled by teachers: from sources to a folder of labelled pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from engine.items import Box, Floats, Image
from engine.pixels import fit
from trainer.detector.consensus import Rules, Verdict, agree, long_side
from trainer.detector.corrections import Corrections
from trainer.detector.faces import Face
from trainer.detector.pictures import PictureWriter
from trainer.detector.shots import Clip, Sampling, Shot, Stills
from trainer.detector.teachers import Looks, Teacher


@dataclass(frozen=True, slots=True)
class LabelConfig:
    """How pictures are labelled; larger ones are stored with a long side of `max_side` pixels."""

    looks: Looks = field(default_factory=Looks)
    rules: Rules = field(default_factory=Rules)
    sampling: Sampling = field(default_factory=Sampling)
    max_side: int = 640


def label_all(
    sources: Sequence[Stills | Clip],
    teachers: Sequence[Teacher],
    config: LabelConfig,
    out: Path,
    facts: Mapping[str, Any],
    corrections: Corrections | None = None,
) -> list[dict[str, Any]]:
    """Label the pictures of `sources` and write them into folder `out`; returns a row of counts for each source.

    `facts` go into the manifest, with sources, teachers and settings. What `out` held stays until all is done.

    Raises:
        ConfigError: a source cannot be read, there is no picture in any, or none that a correction is about.
        OutputError: the folder cannot be written.
    """
    rows = []
    corrections = corrections or Corrections()
    names: list[str] = []
    with PictureWriter(out, {**facts, **_settings(teachers, config)}) as writer:
        for source in sources:
            first = len(writer.pictures)
            shots = source.shots(config.sampling)
            for shot in tqdm(shots, source.typed, source.expected, unit=" pictures", disable=None):
                names.append(shot.name)
                if shot.name not in corrections.out:
                    _add(writer, shot, [] if shot.name in corrections.none else teachers, config)
            rows.append(_row(source.typed, writer, first))
        corrections.check(names)
        writer.facts["sources"] = rows
        writer.facts["corrections"] = {"none": len(corrections.none), "out": len(corrections.out)}
    return rows


def _settings(teachers: Sequence[Teacher], config: LabelConfig) -> dict[str, Any]:
    return {
        "teachers": [
            {key: getattr(teacher, key) for key in ("name", "sha256", "licence", "commercial")} for teacher in teachers
        ],
        "settings": asdict(config),
    }


def _row(source: str, writer: PictureWriter, first: int) -> dict[str, Any]:
    added = writer.pictures[first:]
    return {
        "source": source,
        "pictures": len(added),
        "validation": sum(picture.split == "validation" for picture in added),
        "without faces": sum(not picture.faces for picture in added),
        "faces": sum(len(picture.faces) for picture in added),
        "ignored regions": sum(len(picture.ignored) for picture in added),
    }


def _add(writer: PictureWriter, shot: Shot, teachers: Sequence[Teacher], config: LabelConfig) -> None:
    seen = [teacher.looks_at(shot.image, config.looks) for teacher in teachers]
    image, verdict = stored(shot.image, agree(seen, config.rules), config)
    ignored = verdict.ignored
    if shot.crop and not verdict.faces:
        # Unseen is not absent: such a picture must not teach what is no face.
        ignored = ((0.0, 0.0, float(image.shape[1]), float(image.shape[0])),)
    writer.add(shot.name, shot.group, shot.split, image, verdict.faces, ignored)


def stored(image: Image, verdict: Verdict, config: LabelConfig) -> tuple[Image, Verdict]:
    """`image` and its labels at the size they are stored in; faces that are too small then are ignored regions."""
    height, width = image.shape[:2]
    limit = min(config.max_side / max(width, height), 1.0)
    small = fit(image, max(round(width * limit), 1), max(round(height * limit), 1))
    factor = np.array([small.shape[1] / width, small.shape[0] / height], np.float32)
    faces = [_scaled(face, factor) for face in verdict.faces]
    large = [face for face in faces if long_side(face.box) >= config.rules.min_face]
    gone = [face.box for face in faces if long_side(face.box) < config.rules.min_face]
    ignored = [_scaled_box(box, factor) for box in verdict.ignored]
    return small, Verdict(tuple(large), (*ignored, *gone))


def _scaled(face: Face, factor: Floats) -> Face:
    points = None if face.landmarks is None else face.landmarks * factor
    return Face(_scaled_box(face.box, factor), points, face.score)


def _scaled_box(box: Box, factor: Floats) -> Box:
    x1, y1, x2, y2 = (np.array(box, np.float32).reshape(2, 2) * factor).ravel().tolist()
    return x1, y1, x2, y2
