"""Images made to excite a unit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from pellucid.inside.activation_maximization import maximize_activations, middle
from pellucid.inside.preserve_state import preserve_state
from pellucid.spec import Spec
from tests.inside.looked import layer_of


def make(net: nn.Module, name: str, spec: Spec, units: list[int], **given: Any) -> Any:
    layer = layer_of(net, name, spec.image_shape)
    options: dict[str, Any] = {"patch": 3, "steps": 64, "seed": 0, "advance": lambda number: None}
    places = [middle(layer)] * len(units)
    with preserve_state(net) as plain:
        return maximize_activations(plain, layer, units, places, spec, **{**options, **given})


GREY = Spec((1, 9, 9), ("a",), (0.5,), (0.25,), "")


def test_the_image_that_excites_a_linear_filter_is_its_sign() -> None:
    """The best image in [0, 1] is white where the weight is above 0, black elsewhere."""
    net = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1, bias=False), nn.ReLU())
    edge, cross, spot = (
        [[1, 0.5, -1]] * 3,
        [[1, -1, 1], [-1, 1, -1], [1, -1, 1]],
        [[-1] * 3, [-1, 8, -1], [-1] * 3],
    )
    weights_3HW = torch.tensor([edge, cross, spot])
    with torch.no_grad():
        next(net.parameters()).copy_(weights_3HW[:, None])
    made = make(net, "1", GREY, [0, 1, 2], steps=128)
    for image_CHW, weights_HW in zip(made.images_BCHW, weights_3HW, strict=True):
        seen_HW = image_CHW[0, 3:6, 3:6].float()
        both = torch.stack([seen_HW.flatten(), weights_HW.sign().flatten()])
        assert torch.corrcoef(both)[0, 1] > 0.9
    most = 2 * weights_3HW.abs().sum(dim=(1, 2))  # of pixels that are ±2 as the net takes them
    assert (made.value_B > 0.9 * most).all()
    assert (made.value_B <= most).all()


def test_images_are_the_same_for_the_same_seed() -> None:
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv2d(1, 20, 3), nn.Tanh(), nn.Conv2d(20, 20, 3))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    many = make(net, "2", GREY, list(range(20)), steps=5)
    alone = make(net, "2", GREY, [17], steps=5)
    other = make(net, "2", GREY, [17], steps=5, seed=1)
    apart = (many.images_BCHW[17].int() - alone.images_BCHW[0].int()).abs()
    assert apart.max() <= 1, "whatever is made beside it"
    assert (other.images_BCHW.int() - alone.images_BCHW.int()).abs().max() > 1
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.parametrize("size", [(3, 8, 8), (3, 7, 5), (1, 6, 6), (4, 6, 6)])
def test_images_of_any_shape(size: tuple[int, int, int]) -> None:
    channels = size[0]
    spec = Spec(size, ("a",), (0.5,) * channels, (0.25,) * channels, "")
    net = nn.Sequential(nn.Flatten(), nn.Linear(size[0] * size[1] * size[2], 2))
    made = make(net, "1", spec, [1], patch=32)
    assert made.images_BCHW.shape == (1, *size)
    blank = net(spec.normalise(torch.full((1, *size), 127, dtype=torch.uint8)))
    assert made.value_B[0] > blank[0, 1]
