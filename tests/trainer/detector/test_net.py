"""The network's shapes are those the engine decodes."""

import pytest
import torch

from engine.detectors.retinaface import priors
from trainer.detector.net import BACKBONES, Backbone, Coarse, RetinaFaceNet, Served


@pytest.mark.parametrize("coarse", ["separable", "full"])
@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize(("height", "width"), [(96, 128), (104, 120), (360, 640)])
def test_there_is_one_answer_for_each_prior_of_the_engine(
    backbone: Backbone, coarse: Coarse, height: int, width: int
) -> None:
    net = RetinaFaceNet(backbone, 16, coarse).eval()
    with torch.no_grad():
        boxes, scores, landmarks = Served(net)(torch.zeros(2, 3, height, width))
    count = len(priors(height, width))
    assert boxes.shape == (2, count, 4)
    assert scores.shape == (2, count, 2)
    assert landmarks.shape == (2, count, 10)
    torch.testing.assert_close(scores.sum(2), torch.ones(2, count))


def test_what_a_prior_says_depends_on_its_own_place() -> None:
    """A bright patch moves the answers of the priors near it more than those far away: order and layout agree."""
    torch.manual_seed(0)
    net = RetinaFaceNet(pyramid=16).eval()
    with torch.no_grad():
        for head in net.heads:
            torch.nn.init.normal_(head.weight, std=0.5)
        empty, patched = torch.zeros(1, 3, 256, 256), torch.zeros(1, 3, 256, 256)
        patched[..., 24:40, 200:216] = 3.0
        change = (net(patched)[0] - net(empty)[0]).abs().sum(2)[0].numpy()
    prior = priors(256, 256)
    fine = prior[:, 2] == 16
    near = (abs(prior[:, 0] - 208) < 16) & (abs(prior[:, 1] - 32) < 16)
    mirrored = (abs(prior[:, 1] - 208) < 16) & (abs(prior[:, 0] - 32) < 16)
    assert change[fine & near].mean() > 3 * change[fine & mirrored].mean()


def test_an_untrained_network_sees_almost_no_faces() -> None:
    torch.manual_seed(1)
    with torch.no_grad():
        _, scores, _ = Served(RetinaFaceNet().eval())(torch.zeros(1, 3, 128, 128))
    assert scores[..., 1].max() < 0.1
