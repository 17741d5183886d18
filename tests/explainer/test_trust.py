"""Trust in maps, on nets whose answer is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid.explainer.base import Explainer
from pellucid.explainer.integrated_gradients import IntegratedGradients
from pellucid.explainer.occlusion import Occlusion
from pellucid.explainer.saliency import Saliency
from pellucid.explainer.trust import ORDERS, SHARES, Judge, Trust, blurred, likeness, randomised, ranks


class Quadrant(nn.Module):
    """Class 1 is as likely as its upper left quadrant is bright; nothing else matters."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(8.0))

    def forward(self, images_BCHW: Tensor) -> Tensor:
        half = images_BCHW.shape[2] // 2
        bright_B = self.weight * (images_BCHW[:, :, :half, :half].mean(dim=(1, 2, 3)) - 0.5)
        return torch.stack([-bright_B, bright_B], dim=1)


def checkered(count: int = 6, size: int = 28) -> Tensor:
    """Images of which black and blur take the brightness, everywhere in part."""
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0)) * 0.4 + 0.6


BLACK = torch.zeros(3, 28, 28)


def judge(images: Tensor) -> Judge:
    return Judge(Quadrant(), images, torch.ones(len(images), dtype=torch.long), BLACK, seed=0)


@pytest.mark.parametrize(
    "explainer",
    [Saliency(), IntegratedGradients(steps=3, most=9), Occlusion(window=0.25, stride=0.25)],
    ids=lambda e: e.title,
)
def test_the_maps_of_a_net_that_sees_one_quadrant_are_better_than_random(explainer: Explainer) -> None:
    images = checkered()
    maps = explainer.explain(Quadrant(), images, torch.ones(6, dtype=torch.long), BLACK).maps_BHW
    trust = judge(images).judge(maps)
    assert trust.better.all()
    assert trust.deletion_B.max() < trust.random_deletion_RB.min()


def test_a_gain_that_cannot_be_seen_is_no_gain() -> None:
    zeros_RB = torch.zeros(ORDERS, 4)
    noisy_RB = torch.linspace(-0.3, 0.3, ORDERS)[:, None].expand(-1, 4)
    gains_B = torch.tensor([1e-6, 0.01, 0.31, 0.6])
    found = [Trust(zeros_RB[0], gains_B, zeros_RB, random_RB).better for random_RB in (zeros_RB, noisy_RB)]
    assert found[0].tolist() == [False, False, True, True]
    assert found[1].tolist() == [False, False, False, True]


def test_a_random_map_scores_as_random() -> None:
    images = checkered(40)
    found = judge(images).judge(torch.rand(40, 28, 28, generator=torch.Generator().manual_seed(5)))
    assert found.better.float().mean() < 0.3, f"one in {ORDERS + 1} by chance"
    assert found.gain.mean() == pytest.approx(float(found.random_gain.mean()), abs=0.02)


def test_the_wrong_place_scores_worse_than_random() -> None:
    images = checkered()
    maps = torch.ones(6, 28, 28)
    maps[:, :14, :14] = 0
    trust = judge(images).judge(maps)
    assert not trust.better.any()
    assert (trust.gain < trust.random_gain.min(dim=0).values).all()


def test_areas_by_hand() -> None:
    """The share is 1 while the only place that matters is there, which goes first."""

    class Corner(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            there = (images[:, 0, 0, 0] > 0.9).float() * 200 - 100
            return torch.stack([-there, there], dim=1)

    images = torch.zeros(1, 1, 8, 8)
    images[:, 0, 0, 0] = 1
    maps = images[:, 0]
    one = Judge(Corner(), images, torch.ones(1, dtype=torch.long), torch.zeros(1, 8, 8), seed=0).judge(maps)
    assert float(one.deletion_B) == pytest.approx(0.05), "half of the first step, of a tenth"
    assert float(one.insertion_B) == pytest.approx(0.95)


def test_ranks_by_hand() -> None:
    maps = torch.tensor([[[0.1, 0.9], [0.5, -1.0]]])
    assert ranks(maps).tolist() == [[[0.5, 0.0], [0.25, 0.75]]]
    assert len(set(ranks(torch.rand(2, 56, 56)).flatten().tolist())) == 14 * 14


def test_randomised_weights_are_other_weights_of_the_same_values() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 5))
    other = randomised(net, 0)
    for one, two in zip(net.parameters(), other.parameters(), strict=True):
        assert not torch.equal(one, two)
        assert torch.equal(one.flatten().sort().values, two.flatten().sort().values)


def test_likeness_is_spearmans() -> None:
    values = torch.rand(1, 5, 5)
    assert float(likeness(values, -values.exp() + 1)) == pytest.approx(1)
    assert float(likeness(values, 1 - values)) == pytest.approx(-1)
    assert float(likeness(values, torch.zeros(1, 5, 5))) == 0
    many = [float(likeness(torch.rand(1, 20, 20), torch.rand(1, 20, 20))) for _ in range(20)]
    assert abs(sum(many) / 20) < 0.05


def test_a_map_that_ignores_the_weights_is_the_same_for_other_weights() -> None:
    """As an edge detector's: 1; of maps that have nothing to do with one another about 0."""
    images = checkered(2)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
    other = randomised(net, 1)
    target = torch.zeros(2, dtype=torch.long)

    def edges(net: nn.Module) -> Tensor:
        """What many take for an explanation."""
        assert net(images).shape == (2, 2)
        return (images.mean(dim=1) - blurred(images).mean(dim=1)).abs()

    assert likeness(edges(net), edges(other)).tolist() == pytest.approx([1, 1])
    maps, others = (Saliency().explain(one, images, target, BLACK).maps_BHW for one in (net, other))
    assert likeness(maps, others).max() < 0.9
    random = torch.Generator().manual_seed(0)
    unlike = likeness(*(torch.rand(50, 28, 28, generator=random) for _ in range(2)))
    assert unlike.abs().max() < 0.15, "four standard deviations of 1 / sqrt(784)"


def test_the_net_runs_as_often_as_needed() -> None:
    """Six times an order, and three times for what no order changes."""

    class Counting(Quadrant):
        runs = 0

        def forward(self, images_BCHW: Tensor) -> Tensor:
            type(self).runs += len(images_BCHW)
            return super().forward(images_BCHW)

    images = checkered(5)
    judge = Judge(Counting(), images, torch.ones(5, dtype=torch.long), BLACK, seed=0)
    assert Counting.runs == 5 * (3 + ORDERS * 2 * len(SHARES))
    judge.judge(images.mean(dim=1))
    assert Counting.runs == 5 * (3 + (ORDERS + 1) * 2 * len(SHARES))


def test_an_image_is_judged_alike_beside_others() -> None:
    images = checkered(4)
    alone, beside = judge(images[2:3]), judge(images)
    assert torch.allclose(alone.random_deletion_RB[:, 0], beside.random_deletion_RB[:, 2])
    assert not torch.allclose(beside.random_deletion_RB[:, 1], beside.random_deletion_RB[:, 2], atol=1e-3)


@pytest.mark.parametrize("size", [1, 2, 3, 8, 33])
def test_any_size(size: int) -> None:
    images = torch.rand(2, 1, size, size)
    net = nn.Sequential(nn.Flatten(), nn.Linear(size**2, 2))
    found = Judge(net, images, torch.zeros(2, dtype=torch.long), torch.zeros(1, size, size), seed=0)
    assert found.judge(torch.rand(2, size, size)).gain.shape == (2,)
