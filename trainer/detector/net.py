"""RetinaFace as a PyTorch network: a MobileNet backbone, a feature pyramid, context heads.

Deng et al., "RetinaFace: Single-Shot Multi-Level Face Localisation in the Wild", CVPR 2020; the backbone is
MobileNetV1 (Howard et al. 2017, arXiv 1704.04861) at a quarter of its width, the pyramid FPN (Lin et al. 2017),
the context heads SSH (Najibi et al. 2017). Here pyramid and heads are built of separable convolutions as the
backbone is, which halves the time on a CPU: with full ones two thirds of it go into the finest level.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

Outputs = tuple[Tensor, Tensor, Tensor]
"""Box offsets `(N, P, 4)`, face logits `(N, P)`, landmark offsets `(N, P, 10)` for P priors."""
Backbone = Literal["mobilenet025", "mobilenet025-lean"]
BACKBONES = get_args(Backbone)
Coarse = Literal["separable", "full"]
"""The convolutions of the context heads on strides 16 and 32, where there are few cells."""
PRIORS_PER_CELL = 2
_PER_PRIOR = (4, 1, 10)


@dataclass(frozen=True, slots=True)
class Shape:
    """A backbone: outputs of the first convolution, and for each level (strides 8, 16, 32) its separable
    blocks as (outputs, stride)."""

    stem: int
    levels: tuple[tuple[tuple[int, int], ...], ...]


SHAPES: dict[str, Shape] = {
    "mobilenet025": Shape(
        8,
        (
            ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1)),
            ((128, 2), *(((128, 1),) * 5)),
            ((256, 2), (256, 1)),
        ),
    ),
    # The block at half resolution cost a fifth of all time. Its work goes to quarter and eighth resolution, where
    # small faces are told; large faces need less, so the coarse levels are narrower.
    "mobilenet025-lean": Shape(
        16,
        (
            ((32, 2), (32, 1), (32, 1), (64, 2), (64, 1), (64, 1)),
            ((96, 2), *(((96, 1),) * 5)),
            ((192, 2), (192, 1)),
        ),
    ),
}


def convolution(inputs: int, outputs: int, size: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution and batch normalisation."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)
    )


def rectified(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers, nn.ReLU(inplace=True))


def separable(inputs: int, outputs: int, stride: int = 1, rectify: bool = True) -> nn.Sequential:
    """A 3x3 convolution of each channel by itself, then a 1x1 convolution over the channels."""
    deep = rectified(convolution(inputs, inputs, stride=stride, groups=inputs))
    wide = convolution(inputs, outputs, size=1)
    return nn.Sequential(deep, rectified(wide) if rectify else wide)


def full(inputs: int, outputs: int, rectify: bool = True) -> nn.Sequential:
    """A 3x3 convolution over all channels at once."""
    both = convolution(inputs, outputs)
    return rectified(both) if rectify else both


BLOCKS: dict[Coarse, Callable[..., nn.Sequential]] = {"separable": separable, "full": full}


class Context(nn.Module):  # type: ignore[misc]
    """SSH's context: views of 3x3, 5x5 and 7x7 cells side by side, the wider ones as chains of 3x3."""

    def __init__(self, channels: int, kind: Coarse) -> None:
        super().__init__()
        block = BLOCKS[kind]
        half, quarter = channels // 2, channels // 4
        self.near = block(channels, half, rectify=False)
        self.shared = block(channels, quarter)
        self.middle = block(quarter, quarter, rectify=False)
        self.far = nn.Sequential(block(quarter, quarter), block(quarter, quarter, rectify=False))

    def forward(self, features: Tensor) -> Tensor:
        shared = self.shared(features)
        views = [self.near(features), self.middle(shared), self.far(shared)]
        return functional.relu(torch.cat(views, 1))


class RetinaFaceNet(nn.Module):  # type: ignore[misc]
    """Float32 `(N, 3, H, W)` to `Outputs`, priors in the order of `engine.detectors.retinaface.priors`.

    `pyramid` is the number of channels of the pyramid and of the heads, a multiple of 4.
    """

    def __init__(
        self, backbone: Backbone = "mobilenet025-lean", pyramid: int = 64, coarse: Coarse = "separable"
    ) -> None:
        super().__init__()
        shape = SHAPES[backbone]
        self.stem = rectified(convolution(3, shape.stem, stride=2))
        self.levels = nn.ModuleList()
        before, widths = shape.stem, []
        for blocks in shape.levels:
            layers = []
            for width, stride in blocks:
                layers.append(separable(before, width, stride))
                before = width
            self.levels.append(nn.Sequential(*layers))
            widths.append(before)
        self.lateral = nn.ModuleList(rectified(convolution(width, pyramid, size=1)) for width in widths)
        self.merge = nn.ModuleList(separable(pyramid, pyramid) for _ in widths[:-1])
        kinds: list[Coarse] = ["separable", coarse, coarse]
        self.context = nn.ModuleList(Context(pyramid, kind) for kind in kinds)
        self.heads = nn.ModuleList(nn.Conv2d(pyramid, PRIORS_PER_CELL * sum(_PER_PRIOR), 1) for _ in widths)
        self._begin_rare()

    @property
    def first_convolution(self) -> nn.Conv2d:
        first = self.stem[0][0]
        assert isinstance(first, nn.Conv2d)
        return first

    def _begin_rare(self) -> None:
        """At first every prior is taken for background, about as often as it is (Lin et al. 2017, focal loss)."""
        first = PRIORS_PER_CELL * _PER_PRIOR[0]
        for head in self.heads:
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)
            nn.init.constant_(head.bias[first : first + PRIORS_PER_CELL], -4.0)

    def forward(self, batch: Tensor) -> Outputs:
        return self.answers(self.contexts(batch))

    def contexts(self, batch: Tensor) -> list[Tensor]:
        """What the heads look at, `(N, pyramid, H, W)` for each level, finest first."""
        features = []
        rising = self.stem(batch)
        for level in self.levels:
            rising = level(rising)
            features.append(rising)
        return [context(each) for each, context in zip(self._pyramid(features), self.context, strict=True)]

    def answers(self, contexts: Sequence[Tensor]) -> Outputs:
        parts = [_split(head(each)) for each, head in zip(contexts, self.heads, strict=True)]
        boxes, logits, landmarks = (torch.cat(kind, 1) for kind in zip(*parts, strict=True))
        return boxes, logits.squeeze(2), landmarks

    def _pyramid(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Each level with what the coarser ones know added, finest first."""
        sides = [lateral(each) for lateral, each in zip(self.lateral, features, strict=True)]
        merged = [sides[-1]]
        for side, merge in zip(sides[-2::-1], list(self.merge)[::-1], strict=True):
            above = functional.interpolate(merged[0], size=side.shape[2:], mode="nearest")
            merged.insert(0, merge(side + above))
        return merged


def _split(cells: Tensor) -> list[Tensor]:
    """One level's `(N, 2 * 15, H, W)` as boxes, logits and landmarks `(N, H * W * 2, 4 | 1 | 10)`."""
    flat = cells.permute(0, 2, 3, 1)
    parts = flat.split([PRIORS_PER_CELL * each for each in _PER_PRIOR], dim=3)
    return [part.reshape(len(cells), -1, each) for part, each in zip(parts, _PER_PRIOR, strict=True)]


class Served(nn.Module):  # type: ignore[misc]
    """The network as the engine runs it: scores as `(N, P, 2)` probabilities of background and face."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, batch: Tensor) -> Outputs:
        boxes, logits, landmarks = self.net(batch)
        # Of the difference of two logits the softmax is a sigmoid; over two columns it is slow.
        face = logits.sigmoid().unsqueeze(2)
        return boxes, torch.cat([1 - face, face], 2), landmarks
