"""Linear machines on features: the solver all of them share."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.items import Floats
from trainer.labels import Ints


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """`scores = features @ weights.T + bias`: weights float32 `(C, D)`, bias `(C,)`."""

    weights: Floats
    bias: Floats

    def __call__(self, features: Floats) -> Floats:
        scores: Floats = features @ self.weights.T + self.bias
        return scores


def fit_linear(
    features: Floats,
    labels: Ints,
    weights: Floats,
    classes: int,
    cost: float,
    steps: int = 150,
    start: Linear | None = None,
) -> Linear:
    """Support vector machines of each class against the rest, all solved at once.

    Minimises `|w|^2 / 2 + cost * sum(weight * max(0, 1 - y * score)^2)`, the objective of scikit-learn's
    LinearSVC (Fan et al. 2008, LIBLINEAR) but for the bias, which is not shrunk, by L-BFGS with at most
    `steps` steps: two matrix products a step for all classes, where LIBLINEAR passes over the faces class by
    class. `features` `(N, D)`, `labels` and `weights` `(N,)`; `start` is where to begin.
    """
    inputs = torch.from_numpy(np.array(features, np.float32))
    signs = torch.full((len(labels), classes), -1.0)
    signs[torch.arange(len(labels)), torch.from_numpy(labels)] = 1.0
    share = torch.from_numpy(weights.astype(np.float32))[:, None]
    weight, bias = _begin(start, classes, inputs.shape[1])
    # Divided by the total cost: a scale near 1 is what the line search expects.
    scale = 1 / (cost * len(labels))
    solver = torch.optim.LBFGS(
        [weight, bias], max_iter=steps, history_size=20, tolerance_grad=1e-6, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        solver.zero_grad()
        hinge = torch.relu(1 - signs * (inputs @ weight.T + bias))
        loss = scale * (0.5 * weight.square().sum() + cost * (share * hinge.square()).sum())
        loss.backward()  # type: ignore[no-untyped-call,unused-ignore]
        return loss

    solver.step(closure)
    return Linear(weight.detach().numpy().copy(), bias.detach().numpy().copy())


def _begin(start: Linear | None, classes: int, inputs: int) -> tuple[Tensor, Tensor]:
    if start is None:
        return torch.zeros(classes, inputs, requires_grad=True), torch.zeros(classes, requires_grad=True)
    return torch.tensor(start.weights, requires_grad=True), torch.tensor(start.bias, requires_grad=True)
