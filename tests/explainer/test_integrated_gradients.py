"""Integrated gradients: numbers worked out by hand, completeness, and Captum's own."""

from __future__ import annotations

import pytest
import torch
from captum import attr
from torch import Tensor, nn
from torch.nn import functional

from pellucid.errors import UserError
from pellucid.explainer.integrated_gradients import IntegratedGradients
from pellucid.model.cnn import CNN
from tests.explainer.nets import small_cnn


def test_a_linear_net_shows_weight_times_distance_from_black() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    net[1].weight = nn.Parameter(torch.tensor([[1.0, -2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0]]))
    # Two channels of 1 × 2 pixels; the first is black at -1, the second at -2.
    images = torch.tensor([[[[0.0, 1.0]], [[2.0, -2.0]]]])
    black = torch.tensor([[[-1.0, -1.0]], [[-2.0, -2.0]]])
    # Left pixel: 1 (0 + 1) + 3 (2 + 2) = 13; right pixel: -2 (1 + 1) + 4 (-2 + 2) = -4.
    found = IntegratedGradients(steps=4).explain(net, images, torch.tensor([0]), black)
    assert torch.allclose(found.maps_BHW, torch.tensor([[[13.0, -4.0]]]), atol=1e-5)
    assert found.notes == ("Δ 0.00",)


class Cubed(nn.Module):
    def forward(self, images_BCHW: Tensor) -> Tensor:
        return images_BCHW.flatten(1) ** 3


@pytest.mark.parametrize(("steps", "value", "note"), [(1, 6, "Δ 2.00"), (2, 8, "Δ 0.00")])
def test_the_note_tells_the_error_of_the_integral(steps: int, value: float, note: str) -> None:
    # From 0 to 2: the score rises by 8. One point, at 1: gradient 3, times 2 is 6, which misses 2.
    # Two points of Gauss-Legendre are exact for a gradient of degree 2.
    found = IntegratedGradients(steps=steps).explain(
        Cubed(), torch.full((1, 1, 1, 1), 2.0), torch.tensor([0]), torch.zeros(1, 1, 1)
    )
    assert found.maps_BHW.item() == pytest.approx(value, abs=1e-5)
    assert found.notes == (note,)


def seeded_cnn() -> CNN:
    torch.manual_seed(0)
    return small_cnn()


def test_a_map_sums_to_the_score_above_that_of_black() -> None:
    net = seeded_cnn()
    with torch.no_grad():
        net.head.weight.mul_(100)  # scores as far apart as a trained net's
    images = functional.interpolate(torch.randn(4, 3, 4, 4), (16, 16), mode="bicubic")
    target = torch.tensor([0, 1, 2, 3])
    black = torch.tensor([-2.1, -2.0, -1.8])[:, None, None].expand(3, 16, 16)
    found = IntegratedGradients(steps=256).explain(net.train(), images, target, black)
    net.eval()
    with torch.no_grad():
        rise = (net(images) - net(black[None])).gather(1, target[:, None])[:, 0]
    sums = found.maps_BHW.sum(dim=(1, 2))
    assert rise.abs().max() > 3
    assert (sums - rise).abs().max() < 0.01 * rise.abs().max()
    errors = [float(note.removeprefix("Δ ")) for note in found.notes]
    assert errors == pytest.approx((sums - rise).abs().tolist(), abs=0.006)


def test_the_same_as_captum() -> None:
    net = seeded_cnn()
    images, target, black = torch.randn(3, 3, 16, 16), torch.tensor([0, 3, 1]), torch.randn(3, 16, 16)
    maps = IntegratedGradients(steps=30).explain(net.train(), images, target, black).maps_BHW
    expected = attr.IntegratedGradients(net.eval()).attribute(images, black[None], target, n_steps=30)
    assert torch.allclose(maps, expected.sum(dim=1), atol=1e-5)
    assert expected.abs().max() > 1e-2


def test_steps_are_checked() -> None:
    with pytest.raises(UserError, match="steps=0: expected at least 1"):
        IntegratedGradients(steps=0)
