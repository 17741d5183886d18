"""Maps of nets with other weights."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid.explainer.faithfulness import blurred
from pellucid.explainer.randomization import randomized, rank_correlation
from pellucid.explainer.saliency import Saliency
from tests.explainer.test_faithfulness import BLACK, checkered


def test_randomized_weights_are_other_weights_of_the_same_values() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 5))
    other = randomized(net, 0)
    for one, two in zip(net.parameters(), other.parameters(), strict=True):
        assert not torch.equal(one, two)
        assert torch.equal(one.flatten().sort().values, two.flatten().sort().values)


def test_the_correlation_is_spearmans() -> None:
    values = torch.rand(1, 5, 5)
    assert float(rank_correlation(values, -values.exp() + 1)) == pytest.approx(1)
    assert float(rank_correlation(values, 1 - values)) == pytest.approx(-1)
    assert float(rank_correlation(values, torch.zeros(1, 5, 5))) == 0
    many = [float(rank_correlation(torch.rand(1, 20, 20), torch.rand(1, 20, 20))) for _ in range(20)]
    assert abs(sum(many) / 20) < 0.05


def test_a_map_that_ignores_the_weights_is_the_same_for_other_weights() -> None:
    """As an edge detector's: 1; of maps that have nothing to do with one another about 0."""
    images = checkered(2)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
    other = randomized(net, 1)
    target = torch.zeros(2, dtype=torch.long)

    def edges(net: nn.Module) -> Tensor:
        """What many take for an explanation."""
        assert net(images).shape == (2, 2)
        return (images.mean(dim=1) - blurred(images).mean(dim=1)).abs()

    assert rank_correlation(edges(net), edges(other)).tolist() == pytest.approx([1, 1])
    maps, others = (Saliency().explain(one, images, target, BLACK).maps_BHW for one in (net, other))
    assert rank_correlation(maps, others).max() < 0.9
    random = torch.Generator().manual_seed(0)
    unlike = rank_correlation(*(torch.rand(50, 28, 28, generator=random) for _ in range(2)))
    assert unlike.abs().max() < 0.15, "four standard deviations of 1 / sqrt(784)"
