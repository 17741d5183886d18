"""Every method, with its options as they are, on nets whose answer is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid.config.build import build
from pellucid.explainer.base import Explainer
from pellucid.explainer.faithfulness import DeletionInsertion
from tests.explainer.test_contract import EXPLAINERS, options

ON_A_LINEAR_NET = {"saliency", "integrated_gradients", "occlusion"}  # Grad-CAM needs a layer with maps
SIDE = 64


def make(name: str) -> Explainer:
    explainer: Explainer = build(options(name), "explainer")
    return explainer


def test_every_method_is_proved_here() -> None:
    """One's own by the tests of the quadrant alone."""
    assert ON_A_LINEAR_NET | {"grad_cam"} <= set(EXPLAINERS)


class Quadrant(nn.Module):
    """A convolutional net that looks at the upper left quadrant alone; its maps are 0 elsewhere."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.middle = side // 2
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False),
            nn.ReLU(),
            nn.Conv2d(8, 8, 1, bias=False),
            nn.ReLU(),
            nn.ZeroPad2d((0, self.middle, 0, self.middle)),
        )
        self.head = nn.Linear(8, 3)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        maps_BCHW = self.features(images_BCHW[:, :, : self.middle, : self.middle])
        logits_BK: Tensor = self.head(maps_BCHW.mean(dim=(2, 3)))
        return logits_BK


@pytest.fixture(scope="module")
def looked() -> tuple[Quadrant, Tensor, Tensor]:
    """The net, images, and the classes that it gives them; its scores far enough apart to be followed."""
    torch.manual_seed(0)
    net = Quadrant(SIDE).eval()
    with torch.no_grad():
        net.head.weight.mul_(300)
    images = torch.rand(4, 3, SIDE, SIDE) * 2
    return net, images, net(images).argmax(dim=1)


@pytest.mark.parametrize("name", EXPLAINERS)
def test_a_net_that_looks_at_one_quadrant_is_explained_there(
    name: str, looked: tuple[Quadrant, Tensor, Tensor]
) -> None:
    """At least 95 % of each map's mass; and the map beats every random order."""
    net, images, target = looked
    black = torch.zeros(3, SIDE, SIDE)
    maps = make(name).explain(net, images, target, black).maps_BHW
    half = SIDE // 2
    inside = maps[:, :half, :half].abs().sum(dim=(1, 2)) / maps.abs().sum(dim=(1, 2))
    assert inside.min() >= 0.95
    blind = maps[:, half:, half:].abs().max()
    assert blind <= 1e-5 * maps.abs().max(), "nothing where the net is blind"
    faithfulness = DeletionInsertion(net, images, target, black, seed=0)
    if name != "saliency":  # the gradient's sign is no measure of what the pixel does
        assert faithfulness.measure(maps).better.all()
    random = torch.rand(4, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    found = faithfulness.measure(random)
    low, high = found.random_gain.min(), found.random_gain.max()
    width = high - low
    assert ((found.gain > low - width) & (found.gain < high + width)).all(), "a random map scores as random"


def linear(seed: int = 0) -> tuple[nn.Module, Tensor, Tensor]:
    """A linear net for 2 × 8 × 8 images, and the weights of each class in the images' shape."""
    torch.manual_seed(seed)
    layer = nn.Linear(2 * 8 * 8, 3)
    black = torch.tensor([-1.0, -2.0])[:, None, None].expand(2, 8, 8)
    return nn.Sequential(nn.Flatten(), layer), layer.weight.detach().view(3, 2, 8, 8), black


@pytest.mark.parametrize("name", sorted(ON_A_LINEAR_NET))
def test_a_linear_net_is_explained_exactly(name: str) -> None:
    """The gradient is the weight, what a pixel adds is its weight times its distance from black."""
    net, weight_KCHW, black = linear()
    images, target = torch.randn(5, 2, 8, 8), torch.tensor([0, 1, 2, 1, 0])
    found = make(name).explain(net, images, target, black)
    weight_BCHW = weight_KCHW[target]
    added_BHW = (weight_BCHW * (images - black)).sum(dim=1)
    if name == "saliency":
        expected = weight_BCHW.sum(dim=1)
    elif name == "integrated_gradients":
        expected = added_BHW
    else:  # of each window of 2 × 2 pixels the sum, on each of them
        windows = nn.functional.avg_pool2d(added_BHW[:, None], 2) * 4
        expected = windows.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)[:, 0]
    assert torch.allclose(found.maps_BHW, expected, atol=1e-5)
    assert expected.abs().max() > 0.1


def test_grad_cam_of_a_linear_head_is_the_class_activation_map() -> None:
    """Zhou et al. 2016: the maps before the average, each times its weight for the class, over the places."""
    torch.manual_seed(0)
    convolution, head = nn.Conv2d(3, 6, 3, padding=1), nn.Linear(6, 4)
    net = nn.Sequential(convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    images, target = torch.randn(3, 3, 16, 16), torch.tensor([3, 0, 2])
    maps = make("grad_cam").explain(net, images, target, torch.zeros(3, 16, 16)).maps_BHW
    with torch.no_grad():
        weight_BC = head.weight[target]
        expected = (convolution(images) * weight_BC[:, :, None, None]).sum(dim=1).relu() / (16 * 16)
    assert torch.allclose(maps, expected, atol=1e-6)
    assert expected.max() > 1e-3


@pytest.mark.parametrize("name", EXPLAINERS)
def test_a_net_that_looks_at_nothing_has_no_map(name: str) -> None:
    torch.manual_seed(0)
    net = Quadrant(SIDE)
    with torch.no_grad():
        net.head.weight.zero_()
    images = torch.rand(2, 3, SIDE, SIDE)
    maps = make(name).explain(net, images, torch.tensor([0, 1]), torch.zeros(3, SIDE, SIDE)).maps_BHW
    assert maps.abs().max() <= 1e-6
