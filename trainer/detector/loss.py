"""The multibox loss: scores with hard negative mining, boxes and landmarks where there is a face.

Liu et al. 2016 (SSD, arXiv 1512.02325); landmarks as Deng et al. 2020 (RetinaFace).
"""

from dataclasses import dataclass, fields
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from engine.fields import Count, NonNegative, Positive, settings
from trainer.detector.net import Outputs


@settings
class LossConfig:
    """`negatives` of background priors, the worst of the batch, count for each that answers for a face. `bend`
    is where the loss on offsets turns from square to straight; `alike` says whether all priors or all pictures
    with faces weigh alike in it."""

    negatives: Count = 7
    boxes: NonNegative = 2.0
    landmarks: NonNegative = 3.0
    bend: Positive = 0.1
    alike: Literal["priors", "pictures"] = "pictures"


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """`trainer.detector.anchors.Targets` of a batch of N pictures as tensors `(N, P, ...)`."""

    positive: Tensor
    counted: Tensor
    score: Tensor
    boxes: Tensor
    landmarks: Tensor
    clarity: Tensor

    def to(self, device: torch.device) -> "Wanted":
        return Wanted(*(getattr(self, item.name).to(device) for item in fields(self)))


def multibox(outputs: Outputs, wanted: Wanted, config: LossConfig) -> tuple[Tensor, Tensor, Tensor]:
    """The weighted losses of scores, boxes and landmarks, each a scalar.

    Scores are summed over priors, per prior that answers for a face. Offsets are means over coordinates and priors,
    and with `alike: pictures` over pictures: a mosaic has fifty times the priors of one large face, which is
    hardly learnt beside it.
    """
    boxes, logits, landmarks = outputs
    held = wanted.positive
    score = _score_loss(logits, wanted, config.negatives) / held.sum().clamp(min=1)
    share = held / held.sum(1, keepdim=True).clamp(min=1) if config.alike == "pictures" else held.float()
    box = _offset_loss(boxes, wanted.boxes, share, config.bend)
    point = _offset_loss(landmarks, wanted.landmarks, share * wanted.clarity, config.bend)
    return score, config.boxes * box, config.landmarks * point


def _offset_loss(found: Tensor, wanted: Tensor, weight: Tensor, bend: float) -> Tensor:
    """Smooth L1, the mean over coordinates, the weighted mean over priors; 0 where no prior has a weight."""
    held = weight > 0
    losses = functional.smooth_l1_loss(found[held], wanted[held], reduction="none", beta=bend).mean(1)
    loss: Tensor = (losses * weight[held]).sum() / weight.sum().clamp(min=1e-6)
    return loss


def _score_loss(logits: Tensor, wanted: Wanted, negatives: int) -> Tensor:
    """Binary cross entropy summed over the priors of faces and the worst of the background.

    They are mined over the whole batch, so pictures without faces teach what looks like one.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, wanted.score, reduction="none")
    background = entropy[wanted.counted & ~wanted.positive]
    wanted_count = negatives * max(int(wanted.positive.sum()), len(logits))
    worst = background.topk(min(wanted_count, len(background))).values if len(background) else background
    total: Tensor = entropy[wanted.positive].sum() + worst.sum()
    return total
