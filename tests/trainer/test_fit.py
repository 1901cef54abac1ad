"""Training: it learns, it resumes exactly, it refuses what does not fit."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from engine.errors import ConfigError, MoodlineError
from trainer.batches import select, training_epoch, validation_epoch
from trainer.data import Faces
from trainer.fit import Fit, build, follow, mean_of, rate_at, read_checkpoint
from trainer.preprocess import Packed


class Interrupted(Exception):
    pass


def stop_in_epoch(number):
    """A watcher that stops the run in the middle of epoch `number`."""

    def watch(batches, count, what):
        for done, batch in enumerate(batches):
            if what.startswith(f"epoch {number}/") and done == 1:
                raise Interrupted
            yield batch

    return watch


def history(folder):
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def test_a_tiny_net_learns_the_stripes_by_heart(tmp_path, packed, recipe):
    longer = dataclasses.replace(recipe, epochs=25, average=0.5)
    result = Fit(longer, packed, tmp_path).run()
    assert result.best_score > 0.9
    assert history(tmp_path)[-1]["train_loss"] < history(tmp_path)[0]["train_loss"]


def test_an_interrupted_run_ends_as_the_one_never_interrupted(tmp_path, packed, recipe):
    Fit(recipe, packed, tmp_path / "straight").run()
    with pytest.raises(Interrupted):
        Fit(recipe, packed, tmp_path / "broken").run(stop_in_epoch(3))
    assert len(history(tmp_path / "broken")) == 2
    Fit(recipe, packed, tmp_path / "broken").run()
    assert history(tmp_path / "broken") == history(tmp_path / "straight")
    for name in ("last.pt", "best.pt"):
        straight, broken = (read_checkpoint(tmp_path / run / name) for run in ("straight", "broken"))
        weights = straight.get("net", straight)
        assert all(torch.equal(value, broken.get("net", broken)[key]) for key, value in weights.items())


def test_a_finished_run_is_left_as_it_is(tmp_path, packed, recipe):
    first = Fit(recipe, packed, tmp_path).run()
    assert Fit(recipe, packed, tmp_path).run() == first
    assert len(history(tmp_path)) == recipe.epochs


def test_a_run_that_does_not_improve_stops_early(tmp_path, packed, recipe):
    hopeless = dataclasses.replace(recipe, epochs=30, learning_rate=1e-9, patience=2)
    result = Fit(hopeless, packed, tmp_path).run()
    assert result.stopped_early
    assert result.epochs == result.best_epoch + 2


def test_the_folder_of_another_recipe_is_refused(tmp_path, packed, recipe):
    Fit(dataclasses.replace(recipe, epochs=1), packed, tmp_path).run()
    with pytest.raises(ConfigError, match="another recipe"):
        Fit(recipe, packed, tmp_path).run()


def test_a_damaged_checkpoint_is_named(tmp_path, packed, recipe):
    Fit(dataclasses.replace(recipe, epochs=1), packed, tmp_path).run()
    (tmp_path / "last.pt").write_bytes(b"half a checkp")
    with pytest.raises(ConfigError, match=r"last\.pt"):
        Fit(dataclasses.replace(recipe, epochs=1), packed, tmp_path).run()


def test_a_line_of_history_without_its_checkpoint_is_dropped(tmp_path, packed, recipe):
    with pytest.raises(Interrupted):
        Fit(recipe, packed, tmp_path).run(stop_in_epoch(2))
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write(json.dumps({"epoch": 2}) + "\n")
    Fit(recipe, packed, tmp_path).run()
    assert [line["epoch"] for line in history(tmp_path)] == [1, 2, 3, 4]


def test_a_loss_that_is_no_number_ends_the_run(tmp_path, packed, recipe):
    with pytest.raises(MoodlineError, match="lower learning_rate"):
        Fit(dataclasses.replace(recipe, learning_rate=1e30), packed, tmp_path).run()


def test_the_run_folder_tells_what_was_done(tmp_path, packed, recipe):
    Fit(dataclasses.replace(recipe, epochs=1), packed, tmp_path).run()
    facts = json.loads((tmp_path / "manifest.json").read_text())
    assert facts["training_images"] == 64 and facts["validation_images"] == 16
    assert len(facts["data"]["sha256"]) == 64
    assert "seed: 3" in (tmp_path / "config.yaml").read_text()


def test_blank_disputed_and_leaked_images_are_not_trained_on(faces):
    images, votes = faces.images.copy(), faces.votes.copy()
    images[0] = 0
    votes[1] = 1
    images[2] = images[-1]
    spoilt = Faces(images, votes, faces.split)
    selection = select(Packed(spoilt, images, np.zeros(len(images), np.bool_)))
    assert selection.train.tolist() == list(range(3, 64))


def test_without_training_images_there_is_nothing_to_fit(faces):
    only_test = Faces(faces.images, faces.votes, np.full(len(faces.images), 2, np.uint8))
    with pytest.raises(ConfigError, match="no image is left for training"):
        select(Packed(only_test, faces.images, np.zeros(len(faces.images), np.bool_)))


def test_an_epoch_depends_on_its_number_alone(packed, recipe):
    chosen = select(packed)
    first, again, next_one = (list(training_epoch(packed, chosen, recipe, number)) for number in (0, 0, 1))
    assert len(first) == 4
    assert all(torch.equal(a[0], b[0]) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0][0], next_one[0][0])


def test_validation_sees_every_image_in_both_views(packed, recipe):
    images = torch.cat([batch for batch, _ in validation_epoch(packed, select(packed), recipe)])
    assert len(images) == 32
    assert torch.equal(images[0], images[16].flip(-2))  # the fixture's aligned faces stand on their heads


def test_the_rate_rises_then_falls_to_nothing(recipe):
    rates = [rate_at(step / 10, recipe) for step in range(41)]
    assert rates[0] < 0.02 and rates[10] == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0)


def test_the_mean_weighs_batches_by_their_size():
    batches = [(torch.zeros(3, 1), torch.zeros(3, 8)), (torch.zeros(1, 1), torch.zeros(1, 8))]
    assert mean_of(lambda batch: (float(len(batch[0])), 1.0), batches) == (2.5, 1.0)


def test_an_average_moves_towards_the_net(recipe):
    net, average = build(recipe), build(recipe)
    start = average.state_dict()["0.0.weight"].clone()
    follow(average, net, keep=0.75)
    expected = 0.75 * start + 0.25 * net.state_dict()["0.0.weight"]
    assert torch.allclose(average.state_dict()["0.0.weight"], expected)
