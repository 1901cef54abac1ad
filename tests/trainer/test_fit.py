"""Training: it learns, it resumes exactly, it keeps what it has, it refuses what does not fit."""

import dataclasses
import json
import resource
import subprocess
import sys

import numpy as np
import pytest
import torch

from engine.errors import ConfigError, MoodlineError
from trainer import checkpoints, runs
from trainer.batches import examples
from trainer.config import TrainConfig
from trainer.fit import Fit, build, loss_of, mean_of
from trainer.runs import read_manifest
from trainer.schedule import follow, rate_at


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


def start(recipe, faces, folder):
    return Fit(recipe, examples(faces, recipe), folder)


def test_a_tiny_net_learns_the_stripes_by_heart(tmp_path, faces, recipe):
    longer = dataclasses.replace(recipe, epochs=25, average=0.5)
    result = start(longer, faces, tmp_path).run()
    assert result.best_score > 0.9
    assert history(tmp_path)[-1]["train_loss"] < history(tmp_path)[0]["train_loss"]


def test_two_label_sets_are_learned_side_by_side(tmp_path, faces, recipe):
    both = dataclasses.replace(recipe, labels=("ferplus", "fer2013"), epochs=25, average=0.5)
    start(both, faces, tmp_path).run()
    last = history(tmp_path)[-1]
    assert last["ferplus_aligned"] > 0.9 and last["fer2013_aligned"] > 0.8
    assert [head["name"] for head in read_manifest(tmp_path)["heads"]] == ["ferplus", "fer2013"]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"imbalance": "oversample", "mixup": 0.5, "first_epochs": 2, "labels": ("ferplus", "fer2013")},
        {"precision": "bf16"},
    ],
)
def test_an_interrupted_run_ends_as_the_one_never_interrupted(tmp_path, faces, recipe, change):
    recipe = dataclasses.replace(recipe, **change)
    start(recipe, faces, tmp_path / "straight").run()
    with pytest.raises(Interrupted):
        start(recipe, faces, tmp_path / "broken").run(stop_in_epoch(3))
    assert len(history(tmp_path / "broken")) == 2
    start(recipe, faces, tmp_path / "broken").run()
    assert history(tmp_path / "broken") == history(tmp_path / "straight")
    for name in ("last.pt", "best.pt"):
        straight, broken = (checkpoints.read(tmp_path / run / name) for run in ("straight", "broken"))
        assert _equal(straight, broken)


def _equal(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return one == other


KILLED = """
import os, signal, sys
from pathlib import Path
from trainer.batches import examples
from trainer.config import load_config
from trainer.faceset import open_faces
from trainer.fit import Fit

data, recipe, run, dies = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4] == "dies"

def watch(batches, count, what):
    for done, batch in enumerate(batches):
        if dies and what.startswith("epoch 3/") and done == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        yield batch

config = load_config(recipe)
Fit(config, examples(open_faces(data), config), run).run(watch)
"""


def test_a_run_killed_in_the_middle_ends_as_the_one_never_killed(tmp_path, data, recipe):
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml())

    def go(run, how):
        command = [sys.executable, "-c", KILLED, data, tmp_path / "recipe.yaml", tmp_path / run, how]
        return subprocess.run(command, check=False, timeout=100).returncode

    assert go("straight", "lives") == 0
    assert go("broken", "dies") == -9
    assert go("broken", "lives") == 0
    assert history(tmp_path / "broken") == history(tmp_path / "straight")
    for name in ("last.pt", "best.pt"):
        assert _equal(*(checkpoints.read(tmp_path / run / name) for run in ("straight", "broken")))


def test_history_without_its_checkpoint_is_dropped_on_resume(tmp_path, faces, recipe):
    start(recipe, faces, tmp_path).run()
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('{"epoch": 99}\n')
    start(recipe, faces, tmp_path).run()
    assert len(history(tmp_path)) == recipe.epochs


def test_a_finished_run_is_left_as_it_is(tmp_path, faces, recipe):
    start(recipe, faces, tmp_path).run()
    before = (tmp_path / "best.pt").read_bytes()
    result = start(recipe, faces, tmp_path).run()
    assert (result.epochs, result.stopped_early) == (recipe.epochs, False)
    assert (tmp_path / "best.pt").read_bytes() == before


def test_another_recipe_in_the_same_folder_is_refused_and_the_difference_named(tmp_path, faces, recipe):
    start(recipe, faces, tmp_path).run()
    other = dataclasses.replace(recipe, learning_rate=0.2)
    with pytest.raises(ConfigError, match=r"begun with another recipe \(learning_rate: 0.05 there, 0.2 here\)"):
        start(other, faces, tmp_path).run()


def test_other_data_is_refused_on_resume_and_the_run_stays_as_it_was(tmp_path, faces, recipe):
    Fit(recipe, examples(faces, recipe), tmp_path, {"data": {"sha256": "a" * 64}}).run()
    before = (tmp_path / "manifest.json").read_bytes()
    with pytest.raises(ConfigError, match=r"begun on other data \(sha256 aaaaaaaaaaaa… there, bbbbbbbbbbbb… here\)"):
        Fit(recipe, examples(faces, recipe), tmp_path, {"data": {"sha256": "b" * 64}}).run()
    others = dataclasses.replace(faces, answers=dict(reversed(faces.answers.items())))
    with pytest.raises(ConfigError, match="begun on other data"):
        start(recipe, others, tmp_path).run()
    assert (tmp_path / "manifest.json").read_bytes() == before


def test_an_epoch_recorded_without_a_checkpoint_is_not_counted_twice(tmp_path, faces, recipe):
    tmp_path.joinpath("history.jsonl").write_text('{"epoch": 1, "seconds": 1}\n')
    start(recipe, faces, tmp_path).run()
    assert [line["epoch"] for line in history(tmp_path)] == [1, 2, 3, 4]


def test_a_line_cut_short_by_a_kill_does_not_count(tmp_path, faces, recipe):
    start(recipe, faces, tmp_path).run()
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('{"epoch": 5, "train_lo')
    assert [line["epoch"] for line in runs.history(tmp_path)] == [1, 2, 3, 4]
    start(recipe, faces, tmp_path).run()
    assert len(history(tmp_path)) == 4
    (tmp_path / "history.jsonl").write_text('{"epoch"\n{"epoch": 2}\n')
    with pytest.raises(ConfigError, match=r"history\.jsonl, line 1: not JSON"):
        runs.history(tmp_path)


def test_a_run_to_begin_from_that_is_not_there_is_told_before_anything_is_written(tmp_path, faces, recipe):
    from_nothing = dataclasses.replace(recipe, init="runs/emotion-first")
    with pytest.raises(ConfigError, match=r"init: 'runs/emotion-first' holds no trained run; train it first: moodline"):
        start(from_nothing, faces, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_number_in_the_first_epoch_leaves_a_folder_to_try_again_in(tmp_path, faces, recipe):
    wild = dataclasses.replace(recipe, learning_rate=1e9, warmup_epochs=0)
    with pytest.raises(MoodlineError, match=r"epoch 1, step \d+: the loss is .*; no epoch was finished; lower"):
        start(wild, faces, tmp_path).run()
    assert start(recipe, faces, tmp_path).run().epochs == recipe.epochs


def test_a_damaged_checkpoint_is_named(tmp_path, faces, recipe):
    start(recipe, faces, tmp_path).run()
    (tmp_path / "last.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(ConfigError, match=r"last\.pt.* cannot be read"):
        start(recipe, faces, tmp_path).run()


def test_patience_ends_a_run_that_gets_no_better(tmp_path, faces, recipe):
    still = dataclasses.replace(recipe, learning_rate=1e-9, epochs=50, patience=3)
    result = start(still, faces, tmp_path).run()
    assert result.stopped_early and result.epochs == result.best_epoch + 3


def test_a_loss_that_is_no_number_ends_the_run_and_the_last_good_checkpoint_stays(tmp_path, faces, recipe):
    training = start(recipe, faces, tmp_path)

    def poison(batches, count, what):
        for done, batch in enumerate(batches):
            if what.startswith("epoch 3/") and done == 2:
                with torch.no_grad():
                    next(training.net.parameters()).fill_(float("nan"))
            yield batch

    with pytest.raises(MoodlineError, match=r"epoch 3, step 3: the loss is nan; the weights of epoch 2 are kept"):
        training.run(poison)
    assert len(history(tmp_path)) == 2 and checkpoints.read(tmp_path / "last.pt")["epoch"] == 2
    assert start(recipe, faces, tmp_path).run().epochs == recipe.epochs
    assert np.isfinite(history(tmp_path)[-1]["train_loss"])


FULL = """
import resource, signal, sys
from pathlib import Path
from engine.errors import MoodlineError
from trainer import checkpoints, runs
import torch

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    checkpoints.write({"weights": torch.ones(100_000)}, Path(sys.argv[1]))
except MoodlineError as error:
    print(error)
"""


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path):
    """The limit on a file's size makes the system refuse to write on, as a full disk does."""
    path = tmp_path / "last.pt"
    checkpoints.write({"weights": torch.zeros(3)}, path)
    assert resource.RLIMIT_FSIZE is not None
    done = subprocess.run([sys.executable, "-c", FULL, path, "65536"], capture_output=True, text=True, timeout=60)
    assert "last.pt' cannot be written" in done.stdout and "the one before is kept" in done.stdout
    assert torch.equal(checkpoints.read(path)["weights"], torch.zeros(3))
    assert [each.name for each in tmp_path.iterdir()] == ["last.pt"]


def test_a_run_can_begin_from_another_and_takes_the_label_sets_both_learn(tmp_path, faces, recipe):
    both = dataclasses.replace(recipe, labels=("ferplus", "fer2013"))
    start(both, faces, tmp_path / "first").run()
    second = dataclasses.replace(recipe, labels=("fer2013",), init=str(tmp_path / "first"), learning_rate=1e-9)
    start(second, faces, tmp_path / "second").run()
    first, taken = (checkpoints.read(tmp_path / run / "best.pt") for run in ("first", "second"))
    last = list(first)[-2]
    assert torch.allclose(first["0.0.weight"], taken["0.0.weight"], atol=1e-6)
    assert torch.allclose(first[last][8:], taken[last], atol=1e-6)
    with pytest.raises(ConfigError, match="another network"):
        start(dataclasses.replace(second, net="resnet-0.7m"), faces, tmp_path / "third").run()


@pytest.mark.parametrize(
    ("epoch", "share"),
    [
        (0.0, 0.005),  # about the first of 200 steps
        (1.0, 1.0),  # warmed up
        (6.0, 0.5),  # half way down
        (11.0, 0.0),  # the end
    ],
)
def test_the_rate_rises_then_falls_along_a_cosine(epoch, share):
    config = TrainConfig(name="x", net="tiny", epochs=11, warmup_epochs=1)
    assert rate_at(epoch, config) == pytest.approx(share, abs=0.01)


def test_the_average_follows_weights_and_copies_counters():
    net, average = torch.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(2)
    with torch.no_grad():
        net.weight.fill_(3.0)
    net.num_batches_tracked.fill_(7)
    follow(average, net, keep=0.75)
    assert average.weight.tolist() == [1.5, 1.5] and average.num_batches_tracked.item() == 7


def test_a_mean_weighs_batches_by_their_size():
    batches = [(torch.zeros(3, 1), torch.zeros(3)), (torch.zeros(1, 1), torch.zeros(1))]
    values = iter([(1.0, 0.0), (5.0, 1.0)])
    assert mean_of(lambda _: next(values), batches) == (2.0, 0.25)


def test_the_loss_sums_over_heads_and_skips_faces_without_a_label():
    logits = torch.zeros(2, 5)
    targets = torch.tensor([[1.0, 0, 0, 0.5, 0.5], [0, 0, 0, 1.0, 0]])
    expected = (np.log(3) / 2) + (np.log(2) + np.log(2)) / 2
    assert loss_of(logits, targets, [slice(0, 3), slice(3, 5)]).item() == pytest.approx(expected, abs=1e-6)


def test_the_same_seed_builds_the_same_net(faces, recipe):
    data = examples(faces, recipe)
    nets = []
    for _ in range(2):
        torch.manual_seed(1)
        nets.append(build(recipe, data))
    assert _equal(nets[0].state_dict(), nets[1].state_dict())


def test_the_last_epoch_is_kept_where_the_recipe_says_so(tmp_path, faces, recipe):
    config = dataclasses.replace(recipe, keep="last", learning_rate=0.3)
    result = Fit(config, examples(faces, config), tmp_path / "run").run()
    kept, state = (checkpoints.read(tmp_path / "run" / name) for name in ("best.pt", "last.pt"))
    assert result.best_epoch == config.epochs
    assert all(torch.equal(kept[name], state["average"][name]) for name in kept)
