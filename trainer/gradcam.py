"""Where in a face a network sees its evidence: Grad-CAM.

Source: Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
Localization", ICCV, arXiv 1610.02391, equations 1 and 2.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.items import Floats
from trainer.labels import Ints


def last_stage(net: nn.Module, batch: Tensor, least: int = 2) -> nn.Module:
    """The module that runs last of those whose output is `(N, K, h, w)` with h and w of at least `least`.

    Raises:
        ValueError: when the network has none.
    """
    found: list[nn.Module] = []

    def note(module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and min(output.shape[2:]) >= least:
            found.append(module)

    hooks = [module.register_forward_hook(note) for module in net.modules() if module is not net]
    try:
        with torch.no_grad():
            net(batch[:1])
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        raise ValueError(f"{type(net).__name__} has no stage with a map of {least}x{least} or more")
    return found[-1]


def gradcam(net: nn.Module, batch: Tensor, classes: Ints, stage: nn.Module | None = None) -> Floats:
    """For each image the evidence for its class in `classes` `(N,)`: float32 `(N, H, W)`, each map 0..1.

    `batch` is float32 `(N, C, H, W)` as the network takes it, `stage` the module whose output is looked at
    (default: `last_stage`). Each channel of that output is weighted by the mean gradient of the class's
    logit, the sum cut at zero, enlarged to the image and divided by its highest value; a map without any
    evidence is all zeros. The network is left in the mode it was in, without gradients.
    """
    stage = stage or last_stage(net, batch)
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        kept.append(output)

    was_training = net.training
    hook = stage.register_forward_hook(keep)
    try:
        net.eval()
        with torch.enable_grad():
            logits = net(batch.detach().requires_grad_())
            chosen = logits.gather(1, torch.from_numpy(np.asarray(classes, np.int64))[:, None].to(logits.device))
            (slopes,) = torch.autograd.grad(chosen.sum(), kept[-1])
    finally:
        hook.remove()
        net.train(was_training)
    maps = torch.relu((slopes.mean((2, 3), keepdim=True) * kept[-1]).sum(1, keepdim=True)).detach()
    maps = functional.interpolate(maps.float(), batch.shape[2:], mode="bilinear", align_corners=False)[:, 0]
    highest = maps.amax((1, 2), keepdim=True)
    scaled = torch.where(highest > 0, maps / highest.clamp_min(torch.finfo(maps.dtype).tiny), maps)
    found: Floats = scaled.cpu().numpy().astype(np.float32)
    return found
