"""The networks that can be trained, by name: one table of builders.

Each is an `nn.Sequential` that ends in pooling, flattening, dropout and one linear layer: what comes before
that layer are its deep features.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from trainer.facenets import recogniser


class Unit(nn.Sequential):  # type: ignore[misc]
    """Convolution, batch normalisation, and ReLU unless `last`."""

    def __init__(self, inputs: int, outputs: int, size: int = 3, stride: int = 1, last: bool = False) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        super().__init__(*layers, *([] if last else [nn.ReLU(inplace=True)]))


class Residual(nn.Module):  # type: ignore[misc]
    """Two convolutions around a shortcut (He et al. 2015); the shortcut averages where it halves the size
    (He et al. 2018, arXiv 1812.01187, "ResNet-D")."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = Unit(inputs, outputs, stride=stride)
        self.second = Unit(outputs, outputs, last=True)
        shortcut: list[nn.Module] = [nn.AvgPool2d(2)] if stride == 2 else []
        if inputs != outputs:
            shortcut.append(Unit(inputs, outputs, size=1, last=True))
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, batch: Tensor) -> Tensor:
        return torch.relu(self.second(self.first(batch)) + self.shortcut(batch))


def residual(widths: tuple[int, ...], depths: tuple[int, ...], dropout: float) -> Callable[[int, int], nn.Module]:
    """A builder `(channels, classes) -> net` for float32 `(N, channels, H, W)` to logits `(N, classes)`.

    The size is halved before each of `widths`, so 48x48 becomes 24, 12, 6, 3.
    """

    def build(channels: int, classes: int) -> nn.Module:
        half = widths[0] // 2
        layers: list[nn.Module] = [Unit(channels, half), Unit(half, widths[0], stride=2)]
        before = widths[0]
        for number, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            for block in range(depth):
                layers.append(Residual(before, width, stride=2 if number and not block else 1))
                before = width
        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(before, classes)]
        return nn.Sequential(*layers, *head)

    return build


def plain(widths: tuple[int, ...], dropout: float) -> Callable[[int, int], nn.Module]:
    """A builder like `residual` of convolutions without shortcuts, in the manner of VGG (Simonyan and
    Zisserman 2015): two for each of `widths`, and the size halved after each pair."""

    def build(channels: int, classes: int) -> nn.Module:
        layers: list[nn.Module] = []
        before = channels
        for width in widths:
            layers += [Unit(before, width), nn.Sequential(Unit(width, width), nn.MaxPool2d(2))]
            before = width
        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(before, classes)]
        return nn.Sequential(*layers, *head)

    return build


NETS: dict[str, Callable[[int, int], nn.Module]] = {
    "tiny": residual((8, 16), (1, 1), 0.0),
    "cnn-small": plain((16, 32, 64, 128), 0.2),
    "resnet-0.7m": residual((32, 64, 128), (1, 2, 2), 0.2),
    "resnet-1.6m": residual((32, 64, 128, 256), (1, 2, 2, 1), 0.2),
    "resnet-2.8m": residual((32, 64, 128, 256), (2, 2, 2, 2), 0.3),
    "resnet-2.5m": residual((40, 80, 160, 320), (1, 2, 2, 1), 0.3),
    "face-1.7m": recogniser(10, 192, 0.2),
    "face-5.6m": recogniser(14, 0, 0.2),
}

SMALLEST = {"face-1.7m": 48, "face-5.6m": 112}
"""The least side in pixels that a network can look at, where it is more than 16."""
