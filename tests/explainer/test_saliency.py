"""Saliency: numbers worked out by hand, and Captum's own."""

from __future__ import annotations

import torch
from captum import attr
from torch import Tensor, nn

from pellucid.explainer.saliency import Saliency
from tests.explainer.nets import small_cnn


def linear(weight_KN: Tensor) -> nn.Sequential:
    net = nn.Sequential(nn.Flatten(), nn.Linear(weight_KN.shape[1], len(weight_KN)))
    net[1].weight = nn.Parameter(weight_KN)
    return net


def test_a_linear_net_shows_its_weights_summed_over_channels() -> None:
    # Two channels of 1 × 2 pixels. Class 0: 1 -2 in the first, 3 4 in the second, so 1 + 3 and -2 + 4.
    weight = torch.tensor([[1.0, -2.0, 3.0, 4.0], [0.0, -5.0, 0.0, 1.0]])
    images = torch.randn(2, 2, 1, 2)
    found = Saliency().explain(linear(weight), images, torch.tensor([0, 1]), torch.zeros(2, 1, 2))
    assert found.maps_BHW.tolist() == [[[4.0, 2.0]], [[0.0, -4.0]]]
    assert found.notes == ("", "")


def test_a_net_that_is_sure_is_explained_all_the_same() -> None:
    # Scores 100 and -100: the probability is 1 in float32, and log-softmax's gradient is 0.
    net = linear(torch.tensor([[100.0], [-100.0]]))
    images = torch.ones(1, 1, 1, 1, requires_grad=True)
    score = net(images).log_softmax(dim=1)[0, 0]
    assert torch.autograd.grad(score, images)[0].item() == 0
    found = Saliency().explain(net, images, torch.tensor([0]), torch.zeros(1, 1, 1))
    assert found.maps_BHW.item() == 100
    assert images.grad is None


def test_the_same_as_captum() -> None:
    torch.manual_seed(0)
    net = small_cnn()
    images, target = torch.randn(3, 3, 16, 16), torch.tensor([0, 3, 1])
    maps = Saliency().explain(net.train(), images, target, torch.zeros(3, 16, 16)).maps_BHW
    expected = attr.Saliency(net.eval()).attribute(images.clone().requires_grad_(), target, abs=False)
    assert torch.allclose(maps, expected.sum(dim=1), atol=1e-5)
    assert expected.abs().max() > 1e-2
