"""The multibox loss: scores with hard negative mining, boxes and landmarks where there is a face.

Liu et al. 2016 (SSD, arXiv 1512.02325); landmarks as Deng et al. 2020 (RetinaFace).
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional

from engine.fields import Count, NonNegative, Positive, settings
from trainer.detector.net import Outputs


@settings
class LossConfig:
    """`negatives` of background priors, the worst of the batch, count for each that answers for a face. `bend`
    is where the loss on offsets turns from square to straight."""

    negatives: Count = 7
    boxes: NonNegative = 2.0
    landmarks: NonNegative = 3.0
    bend: Positive = 0.1


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
    """The weighted losses of scores, boxes and landmarks, each a scalar, per prior that answers for a face."""
    boxes, logits, landmarks = outputs
    count = wanted.positive.sum().clamp(min=1)
    score = _score_loss(logits, wanted, config.negatives) / count
    held = wanted.positive
    box = functional.smooth_l1_loss(boxes[held], wanted.boxes[held], reduction="sum", beta=config.bend)
    known = wanted.clarity > 0
    points = functional.smooth_l1_loss(landmarks[known], wanted.landmarks[known], reduction="none", beta=config.bend)
    point = (points.mean(1) * wanted.clarity[known]).sum() / wanted.clarity.sum().clamp(min=1)
    # Mean over coordinates, so that the four of a box and the ten of its landmarks weigh alike.
    return score, config.boxes * box / (4 * count), config.landmarks * point


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
