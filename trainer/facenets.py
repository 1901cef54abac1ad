"""The residual network of dlib's face recogniser, whole or cut short, as a network of expressions.

Source: King 2017, "High Quality Face Recognition with Deep Metric Learning" (dlib's blog), and dlib's example
`dnn_face_recognition_ex.cpp`: ResNet-34 (He et al. 2015) with fewer layers and half the filters.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


class Pair(nn.Sequential):  # type: ignore[misc]
    """Convolution and batch normalisation. As in dlib, a convolution that halves the size has no padding."""

    def __init__(self, inputs: int, outputs: int, size: int = 3, stride: int = 1) -> None:
        padding = size // 2 if stride == 1 else 0
        super().__init__(nn.Conv2d(inputs, outputs, size, stride, padding, bias=False), nn.BatchNorm2d(outputs))


class Block(nn.Module):  # type: ignore[misc]
    """Two convolutions around a shortcut that has no weights.

    A block with `stride` 2 averages its shortcut and fills the channels it lacks with zeros. Where the two
    branches differ in size by a pixel, the smaller one is filled with zeros too.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = Pair(inputs, outputs, stride=stride)
        self.second = Pair(outputs, outputs)
        self.stride = stride
        self.more = outputs - inputs

    def forward(self, batch: Tensor) -> Tensor:
        changed = self.second(torch.relu(self.first(batch)))
        if self.stride == 1:
            return torch.relu(changed + batch)
        kept = functional.avg_pool2d(batch, 2)
        down = max(0, kept.shape[2] - changed.shape[2])
        right = max(0, kept.shape[3] - changed.shape[3])
        kept = functional.pad(kept, (0, 0, 0, 0, 0, self.more))
        return torch.relu(functional.pad(changed, (0, right, 0, down)) + kept)


class Wider(nn.Module):  # type: ignore[misc]
    """Two convolutions around a projected shortcut (He et al. 2015); the size stays."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = Pair(inputs, outputs)
        self.second = Pair(outputs, outputs)
        self.shortcut = Pair(inputs, outputs, size=1)

    def forward(self, batch: Tensor) -> Tensor:
        return torch.relu(self.second(torch.relu(self.first(batch))) + self.shortcut(batch))


BLOCKS = (
    *((32, 32, 1),) * 3,
    (32, 64, 2),
    *((64, 64, 1),) * 3,
    (64, 128, 2),
    *((128, 128, 1),) * 2,
    (128, 256, 2),
    *((256, 256, 1),) * 2,
    (256, 256, 2),
)
"""Input channels, output channels and stride of the recogniser's blocks."""


def recogniser(blocks: int, tail: int, dropout: float) -> Callable[[int, int], nn.Module]:
    """A builder `(channels, classes) -> net` of the recogniser's stem and its first `blocks` blocks.

    `tail` adds a block with that many channels; 0 adds none. The net takes float32 `(N, channels, H, W)`,
    H and W at least as `trainer.nets.SMALLEST` says, and ends like every network of `trainer.nets`.
    """

    def build(channels: int, classes: int) -> nn.Module:
        layers: list[nn.Module] = [
            nn.Sequential(Pair(channels, 32, size=7, stride=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
            *(Block(*each) for each in BLOCKS[:blocks]),
        ]
        width = BLOCKS[blocks - 1][1]
        if tail:
            layers.append(Wider(width, tail))
            width = tail
        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(width, classes)]
        return nn.Sequential(*layers, *head)

    return build
