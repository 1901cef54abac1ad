"""What a trained RetinaFace makes of a scene, prior by prior and cell by cell, for a smaller network to learn.

Its answers on all priors are softer and more of them than labels (Hinton et al. 2015, arXiv 1503.02531); what its heads
look at says more than its answers (Romero et al. 2015, FitNets, arXiv 1412.6550), also of scenes without a face. Both
need no labels, only the same priors.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.detectors.retinaface import PRIORS, priors
from engine.errors import ConfigError, ModelError
from engine.fields import NonNegative, settings
from engine.items import Floats, Image
from engine.modelcard import Model, card_path, load_model
from engine.pixels import to_tensor
from engine.sessions import open_session
from trainer.aligning import public_card
from trainer.detector.loss import Wanted
from trainer.detector.net import Outputs, RetinaFaceNet
from trainer.export import expose

_HEADS = 3
"""Of classes, boxes and landmarks: each is a convolution of one cell."""
_DOUBT = 0.3
"""A face by the labels to which the teacher gives less, and no face to which it gives more, is left to the labels."""
_AT_FACES = 0.5
"""How much cells that answer for a face count of all."""


@settings
class HintConfig:
    """`file` is a RetinaFace network (ONNX) with the engine's priors and separate heads, none where empty; `scores` and
    `features` are what its answers and what its heads look at weigh beside the labels."""

    file: str = ""
    scores: NonNegative = 1.0
    features: NonNegative = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Hints:
    """Of a batch of N scenes: the probability of a face `(N, P)`, and what the heads look at for each level, finest
    first, float32 `(N, C, H, W)`."""

    scores: Tensor
    features: tuple[Tensor, ...]

    def to(self, device: torch.device) -> "Hints":
        return Hints(self.scores.to(device), tuple(each.to(device) for each in self.features))


class Teacher:
    """The network of `HintConfig.file`, on one thread; without a card it is fed as the public RetinaFace is.

    Raises:
        ConfigError: there is no such file, or it is no RetinaFace with the engine's priors and separate heads.
    """

    def __init__(self, file: str) -> None:
        path = Path(file)
        if not path.is_file():
            raise ConfigError(f"hints.file: {file!r} does not exist; name an ONNX file, or leave hints out")
        try:
            card = load_model(path).card if card_path(path).is_file() else public_card(path)
            self.sha256, self._spec = card.sha256, card.input
            open_session(Model(path, card), "cpu", 1)
            with tempfile.TemporaryDirectory() as folder:
                exposed = Path(folder) / path.name
                levels = expose(path, exposed, _HEADS)
                self._session = open_session(Model(exposed, card), "cpu", 1)
            scores, features = self.look(np.zeros((64, 96, 3), np.uint8))
        except ModelError as error:
            raise ConfigError(f"hints.file: {error}") from error
        if levels != len(PRIORS) or len(scores) != len(priors(64, 96)):
            raise ConfigError(f"hints.file: {file!r} is no RetinaFace with the engine's priors and separate heads")
        self.channels = tuple(each.shape[0] for each in features)

    def look(self, image: Image) -> tuple[Floats, list[Floats]]:
        """Scores `(P,)` and features `(C, H, W)` of uint8 BGR `(H, W, 3)`, whose sides are multiples of 32."""
        outputs = self._session.run(to_tensor([image], self._spec))
        scores = next((each for each in outputs if each.ndim == 3 and each.shape[2] == 2), None)
        if scores is None:
            raise ModelError("gives no scores `(N, P, 2)`")
        return scores[0, :, 1], [each[0] for each in outputs if each.ndim == 4]


class Taught(nn.Module):  # type: ignore[misc]
    """`net` while it learns, and for each level the matrix from what its heads look at to what the teacher's do."""

    def __init__(self, net: RetinaFaceNet, channels: int, wanted: Sequence[int]) -> None:
        super().__init__()
        self.net = net
        self.adapters = nn.ModuleList(nn.Conv2d(channels, each, 1) for each in wanted)

    def forward(self, batch: Tensor) -> tuple[Outputs, list[Tensor]]:
        """What the network answers, and what the teacher's heads would look at, by it; nothing without a teacher."""
        contexts = self.net.contexts(batch)
        shown = [adapter(each) for adapter, each in zip(self.adapters, contexts, strict=False)]
        return self.net.answers(contexts), shown


def hint_losses(
    logits: Tensor, features: Sequence[Tensor], hints: Hints, wanted: Wanted, config: HintConfig
) -> tuple[Tensor, Tensor]:
    """The weighted losses of scores `(N, P)` (divergence, per prior that answers for a face) and of `features` (the
    square of what differs, as a share of the teacher's), each a scalar."""
    held, free = wanted.positive, wanted.counted & ~wanted.positive
    agreed = ~(held & (hints.scores < _DOUBT)) & ~(free & (hints.scores > _DOUBT))
    told = hints.scores.clamp(1e-6, 1 - 1e-6)
    entropy = functional.binary_cross_entropy(told, told, reduction="none")
    apart = functional.binary_cross_entropy_with_logits(logits, told, reduction="none") - entropy
    score = (apart * agreed).sum() / held.sum().clamp(min=1)
    parts, first = [], 0
    for found, shown in zip(features, hints.features, strict=True):
        count, _, height, width = shown.shape
        cells = held[:, first : first + 2 * height * width].view(count, height, width, 2).any(3)
        first += 2 * height * width
        parts.append(_feature_loss(found, shown, cells))
    return config.scores * score, config.features * torch.stack(parts).mean()


def _feature_loss(found: Tensor, shown: Tensor, faces: Tensor) -> Tensor:
    error, size = (found - shown).square().mean(1), shown.square().mean(1)
    share: Tensor = error.mean() / size.mean().clamp(min=1e-6)
    if not faces.any():
        return share
    return (1 - _AT_FACES) * share + _AT_FACES * error[faces].mean() / size[faces].mean().clamp(min=1e-6)
