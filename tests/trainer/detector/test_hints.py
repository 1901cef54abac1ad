"""Hints: what a teacher makes of a scene, and a network that learns to see it the same way."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.detectors.retinaface import priors
from engine.errors import ConfigError
from tests.support.networks import classifier, retinaface
from tests.trainer.detector.scenery import scenery
from tests.trainer.detector.test_fit import SMALL
from trainer.detector.fit import DetectorFit
from trainer.detector.hints import HintConfig, Hints, Teacher, hint_losses
from trainer.detector.loss import Wanted
from trainer.detector.pictures import PictureSet
from trainer.detector.scenes import Composer
from trainer.detector.stream import Scenes

P = len(priors(64, 64))


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(retinaface(tmp_path_factory.mktemp("teacher") / "teacher.onnx", context=12))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> PictureSet:
    return scenery(tmp_path_factory.mktemp("scenery"))


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def wanted(positive: dict[int, float]) -> Wanted:
    """One scene of 64x64 in which these priors answer for a face."""
    held, score = torch.zeros(1, P, dtype=torch.bool), torch.zeros(1, P)
    for prior, value in positive.items():
        held[0, prior], score[0, prior] = True, value
    nothing = torch.zeros(1, P, 4), torch.zeros(1, P, 10), torch.zeros(1, P)
    return Wanted(held, torch.ones(1, P, dtype=torch.bool), score, *nothing)


def features(channels: int = 12) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(0)
    return tuple(torch.randn(1, channels, 64 // stride, 64 // stride) for stride in (8, 16, 32))


def test_a_teacher_says_what_its_file_says_and_what_its_heads_look_at(teacher: str) -> None:
    opened = Teacher(teacher)
    assert opened.channels == (12, 12, 12)
    scores, shown = opened.look(noise(64, 96))
    assert scores.shape == (len(priors(64, 96)),)
    assert [each.shape for each in shown] == [(12, 8, 12), (12, 4, 6), (12, 2, 3)]
    assert 0 <= scores.min() < scores.max() <= 1
    again, _ = opened.look(noise(64, 96))
    np.testing.assert_array_equal(scores, again)


def test_files_that_cannot_teach_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"hints.file: '.*none.onnx' does not exist"):
        Teacher(str(tmp_path / "none.onnx"))
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ConfigError, match=r"hints.file: model '.*text.onnx' cannot be opened"):
        Teacher(str(tmp_path / "text.onnx"))
    whole = retinaface(tmp_path / "whole.onnx")
    with pytest.raises(ConfigError, match="no RetinaFace with the engine's priors and separate heads"):
        Teacher(str(whole))
    three = retinaface(tmp_path / "three.onnx", priors=3, context=8)
    with pytest.raises(ConfigError, match="no RetinaFace with the engine's priors"):
        Teacher(str(three))
    other = classifier(tmp_path / "emotion.onnx")
    with pytest.raises(ConfigError, match=r"hints.file: "):
        Teacher(str(other))


def test_who_says_and_sees_the_same_has_nothing_to_learn() -> None:
    shown = features()
    scores = torch.rand(1, P) * 0.2
    losses = hint_losses(torch.logit(scores), shown, Hints(scores, shown), wanted({}), HintConfig())
    assert [float(loss) for loss in losses] == pytest.approx([0, 0], abs=1e-4)


def test_where_teacher_and_labels_contradict_each_other_labels_have_the_say() -> None:
    scores = torch.full((1, P), 0.01)
    scores[0, 5], scores[0, 9] = 0.95, 0.02
    logits = torch.zeros(1, P, requires_grad=True)
    score, _ = hint_losses(logits, features(), Hints(scores, features()), wanted({9: 1.0}), HintConfig())
    score.backward()
    assert logits.grad is not None
    # Prior 5 is a face to the teacher alone, prior 9 to the labels alone; all others are told to be less.
    assert float(logits.grad[0, 5]) == 0 == float(logits.grad[0, 9])
    assert (logits.grad[0, :5] > 0).all()


def test_cells_with_faces_count_as_much_as_all_others_together() -> None:
    shown = features()
    wrong = [each.clone() for each in shown]
    wrong[0][0, :, 0, 1] += 10
    # Priors 2 and 3 are those of the second cell of the first row.
    beside = hint_losses(torch.zeros(1, P), wrong, Hints(torch.zeros(1, P), shown), wanted({20: 1}), HintConfig())
    at = hint_losses(torch.zeros(1, P), wrong, Hints(torch.zeros(1, P), shown), wanted({2: 1}), HintConfig())
    assert float(at[1]) > 10 * float(beside[1]) > 0


def test_the_teacher_sees_the_scene_before_light_and_lens_changed_it(pictures: PictureSet, teacher: str) -> None:
    config = replace(SMALL.scenes, distort=replace(SMALL.scenes.distort, light_share=1.0, noise_share=1.0))
    composer = Composer(pictures, "train", 96, config)
    row = Scenes(composer, 3, 0, 1, teacher)[0]
    scene = composer.compose(np.random.default_rng([3, 0]))
    assert not np.array_equal(scene.image, scene.clean)
    scores, _ = Teacher(teacher).look(scene.clean)
    np.testing.assert_array_equal(row[-4].numpy(), scores)


def test_a_network_comes_to_see_what_its_teacher_sees(pictures: PictureSet, teacher: str, tmp_path: Path) -> None:
    config = replace(SMALL, learning_rate=1e-2, warmup_epochs=0, epochs=100, hints=HintConfig(file=teacher))
    training = DetectorFit(config, pictures, tmp_path / "run")
    torch.set_num_threads(1)
    batch = next(training._batches())
    losses = [training.train_step(batch) for _ in range(40)]
    assert losses[-1][4] < 0.7 * losses[0][4]


def test_with_hints_an_interrupted_run_ends_as_if_it_had_not_been(
    pictures: PictureSet, teacher: str, tmp_path: Path
) -> None:
    config = replace(SMALL, epochs=2, scenes_per_epoch=8, hints=HintConfig(file=teacher))
    DetectorFit(config, pictures, tmp_path / "whole").run()

    def stop(_line: dict[str, float]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DetectorFit(config, pictures, tmp_path / "parts").run(on_epoch=stop)
    DetectorFit(replace(config, workers=1), pictures, tmp_path / "parts").run()
    whole, parts = (
        torch.load(tmp_path / name / "last.pt", weights_only=True)["average"] for name in ("whole", "parts")
    )
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    line = json.loads((tmp_path / "parts/history.jsonl").read_text().splitlines()[-1])
    assert {"train_hint_score", "train_hint_features"} <= set(line)
    assert "validation_hint_score" not in line
    manifest = json.loads((tmp_path / "parts/manifest.json").read_text())
    assert manifest["hints"]["sha256"] == Teacher(teacher).sha256
