"""The device a recipe trains on: proven, never silently another."""

import dataclasses

import pytest
import torch

from engine.errors import ConfigError
from trainer.devices import choose


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused(recipe):
    with pytest.raises(ConfigError, match="cuda was asked for, but PyTorch sees no GPU"):
        choose(dataclasses.replace(recipe, device="cuda"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_auto_takes_the_cpu_where_there_is_nothing_else(recipe):
    chosen = choose(dataclasses.replace(recipe, device="auto"))
    assert chosen.kind == "cpu" and not chosen.compile


@pytest.mark.parametrize(("precision", "mixed"), [("bf16", True), ("fp32", False)])
def test_the_number_format_is_the_one_asked_for(recipe, precision, mixed):
    assert choose(dataclasses.replace(recipe, precision=precision)).bf16 is mixed
