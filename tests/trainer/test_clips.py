"""Clips out of a data set, and the comparison that keeps persons apart."""

import numpy as np
import pytest

from engine.errors import ConfigError
from trainer.clips import SequencesConfig, clips_of, compare_models
from trainer.faceset import FaceSet, Origin, unknown
from trainer.labels import one_each
from trainer.models.tracks import GruConfig

LABELS = ("bright", "dark")


class Brightness:
    """A network that sees how bright a face is."""

    labels = ("dark", "bright", "neutral")

    def features(self, images):
        return np.stack([images.mean((1, 2)), images.std((1, 2))], 1).astype(np.float32) / 255

    def predict_proba(self, images):
        bright = self.features(images)[:, 0]
        return np.stack([1 - bright, bright, np.zeros(len(images))], 1).astype(np.float32)


def clip_set(clips=12, frames=3):
    """Clips of four persons; each clip's frames stand backwards."""
    count = clips * frames
    clip = np.repeat(np.arange(clips), frames)
    truth = clip % 2
    frame = np.tile(np.arange(frames)[::-1], clips)
    level = np.where(truth == 0, 150 + 30 * frame, 100 - 30 * frame)
    images = np.broadcast_to(level[:, None, None], (count, 48, 48)).astype(np.uint8).copy()
    images[:, 0, 0] = 7
    facts = unknown(count) | {"clip": clip, "frame": frame, "identity": clip // 3}
    return FaceSet(
        whole=images,
        aligned=images,
        found=np.ones(count, np.bool_),
        split=np.zeros(count, np.uint8),
        answers={"emotion": one_each(LABELS, truth)},
        origin=Origin("lamps", "none"),
        names=np.array([f"lamp {row}" for row in range(count)]),
        **facts,
    )


def test_frames_come_in_the_order_of_time():
    found = clips_of(clip_set(), Brightness())
    assert len(found) == 12
    assert (np.diff(found.tracks[0].features[:, 0]) > 0).all()
    assert found.truth.tolist() == [0, 1] * 6
    assert found.person.tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3


def test_a_set_without_clips_is_refused():
    faces = clip_set()
    alone = FaceSet(
        **{name: getattr(faces, name) for name in FaceSet.__slots__ if name != "clip"}, clip=faces.clip * 0 - 1
    )
    with pytest.raises(ConfigError, match="'lamps' holds no clips"):
        clips_of(alone, Brightness())


def test_every_model_gets_a_row_with_an_interval_over_persons():
    found = clips_of(clip_set(), Brightness())
    config = SequencesConfig(network="x", folds=2, repeats=2, gru=GruConfig(hidden=4, epochs=40, learning_rate=0.02))
    rows = compare_models(found, Brightness.labels, config)
    assert [row["name"] for row in rows] == list(config.models)
    assert all(row["clips"] == 12 and row["persons"] == 4 for row in rows)
    assert rows[0]["accuracy"] == 1.0
    assert rows[0]["accuracy_interval"] == [1.0, 1.0]
    assert rows[0]["parameters"] == 0 < rows[-1]["parameters"]


def test_an_unknown_model_is_refused():
    with pytest.raises(ValueError, match="models lstm are not among"):
        SequencesConfig(network="x", models=("lstm",))
