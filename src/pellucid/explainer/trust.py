"""How far to trust a map: does the score follow its order of places, and does the map know the weights?

Petsiuk, Das and Saenko, "RISE: randomized input sampling for explanation of black-box models", 2018: a good
map's first places destroy the score when they are hidden, and make it when they are shown. Adebayo et al.,
"Sanity checks for saliency maps", 2018: a map that is the same for other weights does not explain these.

Shapes: B images, C channels, H × W pixels, P places of a grid, S steps, R random orders.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid.explainer.base import AT_ONCE, placed
from pellucid.inside.untouched import untouched

GRID = 14  # places a side: single pixels are noise, and hiding them breaks nets in ways of its own
STEPS = 8
ORDERS = 9  # random ones; a map must beat all of them: by chance one in ten does
BLUR = 0.1  # of the side: the standard deviation of what is shown before anything is


@dataclass(frozen=True)
class Trust:
    """Areas under the curves of the class's softmax share over the share of places, in [0, 1].

    ``deletion_B``: of places hidden in the map's order (lower is better); ``insertion_B``: of places shown
    (higher is better); those of random orders beside them.
    """

    deletion_B: Tensor
    insertion_B: Tensor
    random_deletion_RB: Tensor
    random_insertion_RB: Tensor

    @property
    def gain(self) -> Tensor:
        """Insertion less deletion: about 0 for a map without meaning, at most 1."""
        return self.insertion_B - self.deletion_B

    @property
    def random_gain(self) -> Tensor:
        return self.random_insertion_RB - self.random_deletion_RB

    @property
    def better(self) -> Tensor:
        """Whether each map does better than every random order."""
        return self.gain > self.random_gain.max(dim=0).values


class Judge:
    """Tests maps of the same images, for the same classes, against the same random orders."""

    def __init__(
        self, net: nn.Module, images_BCHW: Tensor, target_B: Tensor, black_CHW: Tensor, *, seed: int
    ) -> None:
        self.net, self.images_BCHW, self.target_B = net, images_BCHW, target_B
        self.black_BCHW = black_CHW.expand_as(images_BCHW)
        self.blurred_BCHW = blurred(images_BCHW)
        random = torch.Generator().manual_seed(seed)
        shape = (ORDERS, len(images_BCHW), *images_BCHW.shape[2:])
        noise = torch.rand(shape, generator=random)
        areas = [self._areas(maps_BHW) for maps_BHW in noise]
        self.random_deletion_RB, self.random_insertion_RB = (
            torch.stack(found) for found in zip(*areas, strict=True)
        )

    def judge(self, maps_BHW: Tensor) -> Trust:
        """How the score follows the maps' order."""
        deletion_B, insertion_B = self._areas(maps_BHW)
        return Trust(deletion_B, insertion_B, self.random_deletion_RB, self.random_insertion_RB)

    def _areas(self, maps_BHW: Tensor) -> tuple[Tensor, Tensor]:
        rank_BHW = ranks(maps_BHW)
        hidden = self._area(self.images_BCHW, self.black_BCHW, rank_BHW)
        shown = self._area(self.blurred_BCHW, self.images_BCHW, rank_BHW)
        return hidden, shown

    def _area(self, from_BCHW: Tensor, to_BCHW: Tensor, rank_BHW: Tensor) -> Tensor:
        """The area under the share of the class while places of ``from`` become those of ``to``, by rank."""
        shares_SB = torch.stack(
            [
                self._share(torch.where((rank_BHW < step / STEPS)[:, None], to_BCHW, from_BCHW))
                for step in range(STEPS + 1)
            ]
        )
        return torch.trapezoid(shares_SB, dx=1 / STEPS, dim=0)

    def _share(self, images_BCHW: Tensor) -> Tensor:
        found = []
        with untouched(self.net) as net, torch.no_grad():
            for images, target in zip(
                torch.split(images_BCHW, AT_ONCE), torch.split(self.target_B, AT_ONCE), strict=True
            ):
                logits = net(placed(net, images)).float().cpu()
                found.append(logits.softmax(dim=1).gather(1, target[:, None])[:, 0])
        return torch.cat(found)


def ranks(maps_BHW: Tensor) -> Tensor:
    """Each pixel's place in the order of its map, highest value first, as a share in [0, 1).

    Maps are averaged over a grid of at most GRID × GRID places.
    """
    height, width = maps_BHW.shape[1:]
    grid = (min(GRID, height), min(GRID, width))
    places_BP = functional.adaptive_avg_pool2d(maps_BHW[:, None].float(), grid).flatten(1)
    order_BP = places_BP.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    rank_B1hw = (order_BP / places_BP.shape[1]).view(-1, 1, *grid)
    return functional.interpolate(rank_B1hw, size=(height, width), mode="nearest")[:, 0]


def blurred(images_BCHW: Tensor) -> Tensor:
    """Images of which only light and colour are left."""
    from torchvision.transforms.functional import gaussian_blur

    sigma = max(BLUR * max(images_BCHW.shape[2:]), 0.5)
    most = 2 * ((min(images_BCHW.shape[2:]) - 1) // 2) + 1  # it reflects at the edge
    size = min(2 * round(2 * sigma) + 1, most)
    return gaussian_blur(images_BCHW, [size, size], [sigma, sigma]) if size > 1 else images_BCHW


def randomised(net: nn.Module, seed: int) -> nn.Module:
    """A copy of the net whose every parameter has its values in another order."""
    other = copy.deepcopy(net)
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in other.parameters():
            order = torch.randperm(parameter.numel(), generator=random)
            parameter.copy_(parameter.flatten()[order.to(parameter.device)].view_as(parameter))
    return other


def likeness(maps_BHW: Tensor, others_BHW: Tensor) -> Tensor:
    """Spearman's rank correlation of the maps' absolute values, (B,), in [-1, 1]; 0 of a constant map."""
    return torch.tensor(list(_likeness(maps_BHW.abs().flatten(1), others_BHW.abs().flatten(1))))


def _likeness(one_BN: Tensor, other_BN: Tensor) -> Iterator[float]:
    from scipy.stats import rankdata

    for one_N, other_N in zip(one_BN.numpy(), other_BN.numpy(), strict=True):
        left, right = (rankdata(values) - (len(values) + 1) / 2 for values in (one_N, other_N))
        both = float(((left**2).sum() * (right**2).sum()) ** 0.5)
        yield float((left * right).sum()) / both if both else 0.0
