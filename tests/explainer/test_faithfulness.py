"""Faithfulness of maps, on nets whose answer is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid.explainer.base import Explainer
from pellucid.explainer.faithfulness import ORDERS, SHARES, DeletionInsertion, Faithfulness, ranks
from pellucid.explainer.integrated_gradients import IntegratedGradients
from pellucid.explainer.occlusion import Occlusion
from pellucid.explainer.saliency import Saliency


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


def deletion_insertion(images: Tensor) -> DeletionInsertion:
    return DeletionInsertion(Quadrant(), images, torch.ones(len(images), dtype=torch.long), BLACK, seed=0)


@pytest.mark.parametrize(
    "explainer",
    [Saliency(), IntegratedGradients(steps=3, most=9), Occlusion(window=0.25, stride=0.25)],
    ids=lambda e: e.title,
)
def test_the_maps_of_a_net_that_sees_one_quadrant_are_better_than_random(explainer: Explainer) -> None:
    images = checkered()
    maps = explainer.explain(Quadrant(), images, torch.ones(6, dtype=torch.long), BLACK).maps_BHW
    found = deletion_insertion(images).measure(maps)
    assert found.better.all()
    assert found.deletion_B.max() < found.random_deletion_RB.min()


def test_a_gain_that_cannot_be_seen_is_no_gain() -> None:
    zeros_RB = torch.zeros(ORDERS, 4)
    noisy_RB = torch.linspace(-0.3, 0.3, ORDERS)[:, None].expand(-1, 4)
    gains_B = torch.tensor([1e-6, 0.01, 0.31, 0.6])
    found = [
        Faithfulness(zeros_RB[0], gains_B, zeros_RB, random_RB).better for random_RB in (zeros_RB, noisy_RB)
    ]
    assert found[0].tolist() == [False, False, True, True]
    assert found[1].tolist() == [False, False, False, True]


def test_a_random_map_scores_as_random() -> None:
    images = checkered(40)
    found = deletion_insertion(images).measure(
        torch.rand(40, 28, 28, generator=torch.Generator().manual_seed(5))
    )
    assert found.better.float().mean() < 0.3, f"one in {ORDERS + 1} by chance"
    assert found.gain.mean() == pytest.approx(float(found.random_gain.mean()), abs=0.02)


def test_the_wrong_place_scores_worse_than_random() -> None:
    images = checkered()
    maps = torch.ones(6, 28, 28)
    maps[:, :14, :14] = 0
    found = deletion_insertion(images).measure(maps)
    assert not found.better.any()
    assert (found.gain < found.random_gain.min(dim=0).values).all()


def test_areas_by_hand() -> None:
    """The share is 1 while the only place that matters is there, which goes first."""

    class Corner(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            there = (images[:, 0, 0, 0] > 0.9).float() * 200 - 100
            return torch.stack([-there, there], dim=1)

    images = torch.zeros(1, 1, 8, 8)
    images[:, 0, 0, 0] = 1
    maps = images[:, 0]
    one = DeletionInsertion(
        Corner(), images, torch.ones(1, dtype=torch.long), torch.zeros(1, 8, 8), seed=0
    ).measure(maps)
    assert float(one.deletion_B) == pytest.approx(0.05), "half of the first step, of a tenth"
    assert float(one.insertion_B) == pytest.approx(0.95)


def test_ranks_by_hand() -> None:
    maps = torch.tensor([[[0.1, 0.9], [0.5, -1.0]]])
    assert ranks(maps).tolist() == [[[0.5, 0.0], [0.25, 0.75]]]
    assert len(set(ranks(torch.rand(2, 56, 56)).flatten().tolist())) == 14 * 14


def test_the_net_runs_as_often_as_needed() -> None:
    """Six times an order, and three times for what no order changes."""

    class Counting(Quadrant):
        runs = 0

        def forward(self, images_BCHW: Tensor) -> Tensor:
            type(self).runs += len(images_BCHW)
            return super().forward(images_BCHW)

    images = checkered(5)
    measure = DeletionInsertion(Counting(), images, torch.ones(5, dtype=torch.long), BLACK, seed=0)
    assert Counting.runs == 5 * (3 + ORDERS * 2 * len(SHARES))
    measure.measure(images.mean(dim=1))
    assert Counting.runs == 5 * (3 + (ORDERS + 1) * 2 * len(SHARES))


def test_an_image_is_judged_alike_beside_others() -> None:
    images = checkered(4)
    alone, beside = deletion_insertion(images[2:3]), deletion_insertion(images)
    assert torch.allclose(alone.random_deletion_RB[:, 0], beside.random_deletion_RB[:, 2])
    assert not torch.allclose(beside.random_deletion_RB[:, 1], beside.random_deletion_RB[:, 2], atol=1e-3)


@pytest.mark.parametrize("size", [1, 2, 3, 8, 33])
def test_any_size(size: int) -> None:
    images = torch.rand(2, 1, size, size)
    net = nn.Sequential(nn.Flatten(), nn.Linear(size**2, 2))
    found = DeletionInsertion(
        net, images, torch.zeros(2, dtype=torch.long), torch.zeros(1, size, size), seed=0
    )
    assert found.measure(torch.rand(2, size, size)).gain.shape == (2,)


def test_what_is_measured_of_one_number() -> None:
    class Number(Quadrant):
        def forward(self, images_BCHW: Tensor) -> Tensor:
            return super().forward(images_BCHW)[:, 1:]

    images, target = checkered(), torch.zeros(6, dtype=torch.long)
    maps = torch.zeros(6, 28, 28)
    maps[:, :14, :14] = 1
    found = DeletionInsertion(Number(), images, target, BLACK, seed=0, shares=torch.sigmoid).measure(maps)
    assert found.better.all()
    blind = DeletionInsertion(Number(), images, target, BLACK, seed=0).measure(maps)
    assert not blind.better.any(), "the softmax of one number is 1 whatever it is"
