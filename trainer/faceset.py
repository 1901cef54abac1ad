"""The packed data set: a folder of memory-mapped arrays with a manifest, ready for training."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import ConfigError
from engine.items import Floats, Image
from trainer.labels import Answers, Bools, Ints
from trainer.rights import Origin

SPLITS = ("train", "validation", "test")
FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class FaceSet:
    """N faces, each seen in two ways, and what is known about them. Opened sets are read-only memory maps.

    `whole` and `aligned` are uint8 `(N, S, S)` gray: the picture or box as it came, and the face warped as
    the engine does before it classifies (`whole` again where `found` is False: no landmarks). `split`
    indexes `SPLITS`. `identity`, `clip` and `frame` are -1 where unknown; faces of one clip belong to one
    person and are in time order by `frame`. `names` says where each came from (file, or file and line).
    `answers` holds one or more label sets by name; `removed` marks faces that a leak scan took out of training.
    `weights` float32 `(N,)` says how often each face is drawn in training; None draws all alike.
    """

    whole: Image
    aligned: Image
    found: Bools
    split: Image
    answers: Mapping[str, Answers]
    origin: Origin
    landmarks: Floats
    identity: Ints
    clip: Ints
    frame: Ints
    names: NDArray[np.str_]
    removed: Bools
    weights: Floats | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count, size = len(self.whole), self.whole.shape[-1]
        wanted: dict[str, tuple[tuple[int, ...], Any]] = {
            "whole": ((count, size, size), np.uint8),
            "aligned": ((count, size, size), np.uint8),
            "found": ((count,), np.bool_),
            "split": ((count,), np.uint8),
            "landmarks": ((count, 5, 2), np.float32),
            "identity": ((count,), np.int64),
            "clip": ((count,), np.int64),
            "frame": ((count,), np.int64),
            "removed": ((count,), np.bool_),
        }
        for name, (shape, dtype) in wanted.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != dtype:
                raise ValueError(f"{name}: expected {np.dtype(dtype)} {shape}, got {array.dtype} {array.shape}")
        if len(self.names) != count or any(len(each.counts) != count for each in self.answers.values()):
            raise ValueError(f"names and answers must have {count} rows")
        if self.weights is not None and (self.weights.shape != (count,) or self.weights.dtype != np.float32):
            raise ValueError(f"weights: expected float32 ({count},), got {self.weights.dtype} {self.weights.shape}")
        if self.weights is not None and not (np.isfinite(self.weights).all() and (self.weights >= 0).all()):
            raise ValueError("weights must be finite and not negative")
        if not self.answers:
            raise ValueError("a data set needs at least one label set")

    def __len__(self) -> int:
        return len(self.whole)

    @property
    def size(self) -> int:
        """Side of the stored faces in pixels."""
        return int(self.whole.shape[-1])

    def view(self, name: str) -> Image:
        """The images of view `aligned` or `whole`."""
        return {"aligned": self.aligned, "whole": self.whole}[name]

    def label_set(self, name: str | None = None) -> Answers:
        """The label set called `name`, or the first.

        Raises:
            ConfigError: when there is none of that name.
        """
        if name is None:
            return next(iter(self.answers.values()))
        if name not in self.answers:
            raise ConfigError(f"data {self.origin.name!r} has label sets {', '.join(self.answers)}, not {name!r}")
        return self.answers[name]

    def blank(self) -> Bools:
        """Which pictures show nothing: one single value all over."""
        flat = np.asarray(self.whole).reshape(len(self), -1)
        same: Bools = flat.min(1) == flat.max(1)
        return same


def unknown(count: int) -> dict[str, Any]:
    """The optional fields of a `FaceSet` of `count` faces about which nothing more is known."""
    return {
        "landmarks": np.full((count, 5, 2), np.nan, np.float32),
        "identity": np.full(count, -1, np.int64),
        "clip": np.full(count, -1, np.int64),
        "frame": np.full(count, -1, np.int64),
        "removed": np.zeros(count, np.bool_),
    }


ARRAYS = tuple(item.name for item in fields(FaceSet) if item.name not in ("answers", "origin", "weights", "extra"))
WEIGHTS = "weights.npy"


def save(faces: FaceSet, folder: Path) -> dict[str, Any]:
    """Write `folder` (`*.npy` and `manifest.json`, the manifest last) and return the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").unlink(missing_ok=True)
    for name in ARRAYS:
        np.save(folder / f"{name}.npy", getattr(faces, name), allow_pickle=False)
    for name, answers in faces.answers.items():
        np.save(folder / f"answers-{name}.npy", answers.counts, allow_pickle=False)
    if faces.weights is not None:
        np.save(folder / WEIGHTS, faces.weights, allow_pickle=False)
    facts = manifest(faces)
    (folder / "manifest.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return facts


def open_faces(folder: Path) -> FaceSet:
    """The set written by `save`, its arrays memory-mapped read-only.

    Raises:
        ConfigError: when the folder is missing, incomplete or damaged.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        raise ConfigError(f"data: {str(folder)!r} is no prepared data set; write one with: moodline-train prepare")
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts["format"] != FORMAT:
            raise ConfigError(f"data: {str(folder)!r} has format {facts['format']}, this version reads {FORMAT}")
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ARRAYS}
        answers = {
            name: Answers(tuple(each["labels"]), _load(folder / f"answers-{name}.npy"), tuple(each["rest"]))
            for name, each in facts["label_sets"].items()
        }
        weights = _load(folder / WEIGHTS) if (folder / WEIGHTS).is_file() else None
        origin, extra = Origin.from_json(facts["origin"]), facts.get("extra", {})
        return FaceSet(**arrays, answers=answers, origin=origin, weights=weights, extra=extra)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"data: {str(folder)!r} is damaged ({error}); prepare it again") from error


def add_answers(folder: Path, name: str, answers: Answers, models: Sequence[str] = ()) -> None:
    """Put one more label set into the prepared set in `folder`, in place of one of the same name.

    `models` are those whose answers it holds; the manifest names them under `asked`.

    Raises:
        ConfigError: there is no prepared set.
    """
    faces = open_faces(folder)
    asked = {**faces.extra.get("asked", {}), **({name: list(models)} if models else {})}
    extra = {**faces.extra, **({"asked": asked} if asked else {})}
    extended = replace(faces, answers={**faces.answers, name: answers}, extra=extra)
    facts = json.dumps(manifest(extended), indent=2) + "\n"
    draft = folder / "manifest.part"
    draft.write_text(facts, encoding="utf-8")
    np.save(folder / f"answers-{name}.part.npy", answers.counts, allow_pickle=False)
    (folder / f"answers-{name}.part.npy").replace(folder / f"answers-{name}.npy")
    draft.replace(folder / "manifest.json")


def _load(path: Path) -> Any:
    array: Any = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def manifest(faces: FaceSet) -> dict[str, Any]:
    """Counts per split and class, the share aligned, origin and terms, and a SHA-256 over all arrays."""
    digest = hashlib.sha256()
    for name in (*ARRAYS, *faces.answers):
        array = faces.answers[name].counts if name in faces.answers else getattr(faces, name)
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    if faces.weights is not None:
        digest.update(b"weights" + np.ascontiguousarray(faces.weights).tobytes())
    return {
        "format": FORMAT,
        "sha256": digest.hexdigest(),
        "origin": faces.origin.to_json(),
        "images": len(faces),
        "size": faces.size,
        "aligned": round(float(faces.found.mean()), 4) if len(faces) else 0.0,
        "blank": int(faces.blank().sum()) if len(faces) else 0,
        "removed": int(faces.removed.sum()),
        "identities": len(np.unique(faces.identity[faces.identity >= 0])),
        "clips": len(np.unique(faces.clip[faces.clip >= 0])),
        "label_sets": {
            name: {
                "labels": list(answers.labels),
                "rest": list(answers.rest),
                "single": answers.single,
                "splits": {split: _counts(faces, answers, number) for number, split in enumerate(SPLITS)},
            }
            for name, answers in faces.answers.items()
        },
        "extra": dict(faces.extra),
    }


def _counts(faces: FaceSet, answers: Answers, split: int) -> dict[str, Any]:
    rows = np.asarray(faces.split) == split
    _, usable = answers.distributions()
    labels = answers.majority()
    return {
        "images": int(rows.sum()),
        "usable": int((rows & usable).sum()),
        "majority": {label: int((rows & (labels == index)).sum()) for index, label in enumerate(answers.labels)},
    }
