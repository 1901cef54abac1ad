"""Composed scenes: repeatable, of every kind, and labelled as they look."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError
from tests.trainer.detector.scenery import drawn, scenery
from trainer.detector.distort import DistortConfig
from trainer.detector.layers import Scene
from trainer.detector.occlude import OccludeConfig
from trainer.detector.pictures import PictureSet, PictureWriter, open_pictures
from trainer.detector.scenes import Composer, SceneConfig
from trainer.detector.stream import Scenes, batches, wanted_of

KINDS = ("single", "mosaic", "crowd", "zoom", "nobody")
PLAIN = SceneConfig(
    occlude=OccludeConfig(mask_share=0, glasses_share=0, patch_share=0),
    distort=DistortConfig().times(0),
    turn=0,
    decoys=0,
)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> PictureSet:
    return scenery(tmp_path_factory.mktemp("scenery"))


def only(kind: str, config: SceneConfig = PLAIN) -> SceneConfig:
    """Nearly always scenes of one kind."""
    return replace(config, **{name: 1.0 if name == kind else 0.0 for name in KINDS})


def composed(pictures: PictureSet, config: SceneConfig, count: int = 20, size: int = 192) -> list[Scene]:
    composer = Composer(pictures, "train", size, config)
    return [composer.compose(np.random.default_rng([5, number])) for number in range(count)]


def test_the_same_number_draws_the_same_scene(pictures: PictureSet) -> None:
    first, second = composed(pictures, SceneConfig()), composed(pictures, SceneConfig())
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        assert [face.box for face in one.faces] == [face.box for face in other.faces]
    assert len({scene.image.tobytes() for scene in first}) == len(first)


def test_heads_are_turned_as_far_as_asked_and_as_often(pictures: PictureSet) -> None:
    def tilts(**how: float) -> np.ndarray:
        scenes = composed(pictures, replace(only("single"), **how), 60)
        eyes = [face.landmarks[1] - face.landmarks[0] for scene in scenes for face in scene.faces]
        return np.degrees([np.arctan2(y, x) for x, y in eyes])

    upright, tilted = tilts(), tilts(tilted_share=0.5, tilt=90)
    assert np.abs(upright).max() < 8  # as the drawn faces are
    assert 0.3 < np.mean(np.abs(tilted) > 12) < 0.65
    assert 70 < np.abs(tilted).max() < 98


def test_grounds_out_of_focus_have_no_edges(pictures: PictureSet) -> None:
    def edges(share: float) -> float:
        scenes = composed(pictures, replace(only("nobody"), unfocused_share=share, drawn_share=1.0), 10)
        return float(np.mean([np.abs(np.diff(scene.image.astype(int), axis=1)).mean() for scene in scenes]))

    assert edges(1.0) < 0.5 * edges(0.0)


@pytest.mark.parametrize("kind", ["single", "mosaic", "crowd"])
def test_every_labelled_face_is_where_its_pixels_are(pictures: PictureSet, kind: str) -> None:
    """The drawn faces are bright and skin-coloured, everything else is not."""
    seen = 0
    for scene in composed(pictures, only(kind)):
        assert scene.image.shape == (192, 192, 3)
        for face in scene.faces:
            x1, y1, x2, y2 = face.box
            assert 0 <= x1 < x2 <= 192
            assert 0 <= y1 < y2 <= 192
            assert face.landmarks is not None
            nose = face.landmarks[2]
            if not (0 <= nose[0] < 190 and 0 <= nose[1] < 190 and (x2 - x1) > 20):
                continue
            seen += 1
            cheek = (face.landmarks[0] + face.landmarks[3]) / 2
            blue, _, red = scene.image[int(cheek[1]), int(cheek[0])].astype(int)
            assert red - blue > 30
    assert seen > 5


def test_a_crowd_has_many_faces_and_nobody_has_none(pictures: PictureSet) -> None:
    assert max(len(scene.faces) for scene in composed(pictures, only("crowd"))) > 5
    assert not any(scene.faces or scene.ignored for scene in composed(pictures, only("nobody")))


def test_faces_come_in_all_sizes_that_were_asked_for(pictures: PictureSet) -> None:
    config = replace(only("single"), smallest=12, largest=150)
    sides = [
        np.sqrt((face.box[2] - face.box[0]) * (face.box[3] - face.box[1]))
        for scene in composed(pictures, config, count=80)
        for face in scene.faces
    ]
    assert min(sides) < 20
    assert max(sides) > 100


def test_ignored_regions_of_a_picture_come_along(tmp_path: Path) -> None:
    image, face = drawn(200, 200, (100, 100), 60)
    with PictureWriter(tmp_path) as writer:
        writer.add("a", "g", "train", image, [face], [(10.0, 10.0, 60.0, 60.0)])
    scenes = composed(open_pictures(tmp_path), only("single"), count=10)
    assert any(scene.ignored for scene in scenes)


def test_what_faces_wear_changes_pixels_within_their_reach_only(pictures: PictureSet) -> None:
    covered = replace(only("single"), occlude=OccludeConfig(mask_share=1.0, glasses_share=0, patch_share=0))
    changed = 0
    for bare, worn in zip(composed(pictures, only("single")), composed(pictures, covered), strict=True):
        assert [face.box for face in bare.faces] == [face.box for face in worn.faces]
        differs = (bare.image != worn.image).any(axis=2)
        if bare.faces:
            x1, y1, x2, y2 = (int(value) for value in bare.faces[0].box)
            changed += differs[max(y1, 0) : y2, max(x1, 0) : x2].mean() > 0.05
    assert changed > 10


def test_a_split_without_faces_is_refused(tmp_path: Path) -> None:
    with PictureWriter(tmp_path) as writer:
        writer.add("a", "g", "train", np.zeros((50, 50, 3), np.uint8))
    with pytest.raises(ConfigError, match="no picture with a face"):
        Composer(open_pictures(tmp_path), "train", 96, SceneConfig())


def test_batches_are_the_same_with_and_without_workers(pictures: PictureSet) -> None:
    composer = Composer(pictures, "train", 96, SceneConfig())
    alone = list(batches(Scenes(composer, 3, 0, 10), 4, 0))
    found = list(batches(Scenes(composer, 3, 0, 10), 4, 1))
    assert [len(batch.images) for batch in found] == [4, 4, 2]
    for one, other in zip(alone, found, strict=True):
        assert (one.images == other.images).all()
        assert (one.wanted.boxes == other.wanted.boxes).all()


def test_of_faces_below_a_side_less_is_asked(pictures: PictureSet) -> None:
    config = replace(only("single"), smallest=8, largest=40, sure=20)
    alone = [scene for scene in composed(pictures, config, count=30) if len(scene.faces) == 1]
    asked = set()
    for scene in alone:
        x1, y1, x2, y2 = scene.faces[0].box
        expected = min(max(np.sqrt((x2 - x1) * (y2 - y1)) / config.sure, 0.5), 1.0)
        wanted = wanted_of(scene, config.sure)
        np.testing.assert_allclose(wanted.score[wanted.positive], expected, atol=1e-6)
        asked.add(round(float(expected), 2))
    assert min(asked) < 0.7
    assert max(asked) == 1.0


def test_grounds_may_be_drawn(pictures: PictureSet) -> None:
    plain = composed(pictures, only("nobody"), count=8)
    drawn = composed(pictures, replace(only("nobody"), drawn_share=1.0), count=8)
    assert not any((one.image == other.image).all() for one, other in zip(plain, drawn, strict=True))
    assert not any(scene.faces for scene in drawn)
