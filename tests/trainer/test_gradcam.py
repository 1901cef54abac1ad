"""Grad-CAM on networks whose reasons are known."""

import numpy as np
import pytest
import torch
from torch import nn

from trainer.gradcam import gradcam, last_stage
from trainer.nets import NETS


def corner_net():
    """Class 0 is bright pixels, class 1 dark ones: two fixed 1x1 convolutions, pooled."""
    first = nn.Conv2d(1, 2, 1)
    last = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        first.weight.copy_(torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1))
        first.bias.zero_()
        last.weight.copy_(torch.eye(2))
    return nn.Sequential(first, nn.ReLU(), nn.AvgPool2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), last)


def images():
    """Zero everywhere but a bright patch above left and a dark one below right."""
    batch = torch.zeros(2, 1, 32, 32)
    batch[:, :, 4:12, 4:12] = 1
    batch[:, :, 20:28, 20:28] = -1
    return batch


def test_the_map_lights_up_where_the_evidence_for_the_class_is():
    maps = gradcam(corner_net(), images(), np.array([0, 1]))
    assert maps.shape == (2, 32, 32) and maps.dtype == np.float32
    bright, dark = maps
    assert bright[4:12, 4:12].mean() > 0.7 and bright[16:, 16:].max() < 0.01
    assert dark[20:28, 20:28].mean() > 0.7 and dark[:16, :16].max() < 0.01
    assert maps.max() == 1 and maps.min() >= 0


def test_no_evidence_is_a_map_of_zeros():
    assert gradcam(corner_net(), torch.zeros(1, 1, 32, 32), np.array([0])).max() == 0


def test_each_image_has_its_own_map_whatever_else_is_in_the_batch():
    torch.manual_seed(0)
    net = NETS["tiny"](1, 4).eval()
    batch = torch.randn(3, 1, 48, 48)
    together = gradcam(net, batch, np.array([0, 1, 2]))
    alone = gradcam(net, batch[1:2], np.array([1]))
    assert np.allclose(together[1], alone[0], atol=1e-5)


def test_the_stage_is_the_last_with_a_map_of_the_size_asked_for():
    net = corner_net()
    batch = torch.zeros(1, 1, 32, 32)
    assert last_stage(net, batch) is net[2]
    assert last_stage(net, batch, 9) is net[1]
    with pytest.raises(ValueError, match="no stage with a map of 33x33"):
        last_stage(net, batch, 33)


def test_the_network_is_left_as_it_was():
    net = corner_net().train()
    before = [value.clone() for value in net.parameters()]
    gradcam(net, images(), np.array([0, 1]))
    assert net.training
    assert all(
        value.grad is None and torch.equal(value, old) for value, old in zip(net.parameters(), before, strict=True)
    )
    assert not any(module._forward_hooks for module in net.modules())
