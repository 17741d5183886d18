"""Faithfulness of a map, by deletion and insertion: does the score follow its order of places?

Petsiuk, Das and Saenko, "RISE: randomized input sampling for explanation of black-box models", 2018: a good
map's first places destroy the score when they are hidden, and make it when they are shown.

Shapes: B images, V variants of them, C channels, H × W pixels, P places of a grid, S shares of
them, R random orders.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid.explainer.base import copied_to, images_per_pass
from pellucid.inside.preserve_state import preserve_state

GRID = 14  # places a side: single pixels are noise, and hiding them breaks nets in ways of its own
SHARES = (0.1, 0.3, 0.6)  # of the places at which the curves are measured, with none and all: they fall early
ORDERS = 9  # random ones; a map must beat all of them: by chance one in ten does
MIN_GAIN = 0.02  # of the class's share: a gain below is none, whatever random orders gain
SOFTMAX = partial(torch.softmax, dim=1)
BLUR = 0.1  # of the side: the standard deviation of what is shown before anything is


@dataclass(frozen=True)
class Faithfulness:
    """Areas under the curves of the class's probability over the share of places, in [0, 1].

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
        """Whether each map does better than every random order, and its gain is told from zero: by two
        standard deviations of what a random order gains, and enough to be seen.
        """
        minimum = (2 * self.random_gain.std(dim=0)).clamp(min=MIN_GAIN)
        return (self.gain > self.random_gain.max(dim=0).values) & (self.gain > minimum)


class DeletionInsertion:
    """The faithfulness of maps of the same images, for the same classes, beside the same random orders.

    ``shares`` makes of scores (B, K) what is in [0, 1]: of classes their softmax, of several labels their
    probabilities; of standardised numbers the logistic function, which keeps their order.
    """

    def __init__(
        self,
        net: nn.Module,
        images_BCHW: Tensor,
        target_B: Tensor,
        black_CHW: Tensor,
        *,
        seed: int,
        shares: Callable[[Tensor], Tensor] = SOFTMAX,
    ) -> None:
        self.shares = shares
        self.net, self.images_BCHW, self.target_B = net, images_BCHW, target_B
        self.black_BCHW = black_CHW.expand_as(images_BCHW)
        self.blurred_BCHW = blurred(images_BCHW)
        # What no order changes: the share of the whole image, of what the blur leaves, and of black.
        ends = torch.cat([images_BCHW, self.blurred_BCHW, self.black_BCHW])
        self.whole_B, self.blurred_B, self.black_B = self._share(ends)
        random = [_random(image_CHW, seed) for image_CHW in images_BCHW]
        areas = [self._areas(torch.stack(maps_B)) for maps_B in zip(*random, strict=True)]
        self.random_deletion_RB, self.random_insertion_RB = (
            torch.stack(areas_B) for areas_B in zip(*areas, strict=True)
        )

    def measure(self, maps_BHW: Tensor) -> Faithfulness:
        """How the score follows the maps' order."""
        deletion_B, insertion_B = self._areas(maps_BHW)
        return Faithfulness(deletion_B, insertion_B, self.random_deletion_RB, self.random_insertion_RB)

    def _areas(self, maps_BHW: Tensor) -> tuple[Tensor, Tensor]:
        """Under the curves of deletion and of insertion."""
        first = [(ranks(maps_BHW) < share)[:, None].to(self.images_BCHW.device) for share in SHARES]
        hidden = [torch.where(masks_B1HW, self.black_BCHW, self.images_BCHW) for masks_B1HW in first]
        shown = [torch.where(masks_B1HW, self.images_BCHW, self.blurred_BCHW) for masks_B1HW in first]
        shares_SB = self._share(torch.cat([*hidden, *shown]))
        hidden_SB, shown_SB = shares_SB.chunk(2)
        return (
            _area([self.whole_B, *hidden_SB, self.black_B]),
            _area([self.blurred_B, *shown_SB, self.whole_B]),
        )

    def _share(self, images_VCHW: Tensor) -> Tensor:
        """The classes' shares (V / B, B) of variants of all images, one after another."""
        target_V = self.target_B.repeat(len(images_VCHW) // len(self.target_B))
        shares, count = [], images_per_pass(images_VCHW)
        with preserve_state(self.net) as net, torch.no_grad():
            batches = zip(torch.split(images_VCHW, count), torch.split(target_V, count), strict=True)
            for images, target in batches:
                logits = net(copied_to(net, images)).float().cpu()
                shares.append(self.shares(logits).gather(1, target[:, None])[:, 0])
        return torch.cat(shares).view(-1, len(self.target_B))


def _random(image_CHW: Tensor, seed: int) -> Tensor:
    """Maps (R, H, W) without meaning: others for each image, the same beside whatever other images."""
    checksum = zlib.crc32(image_CHW.float().cpu().numpy().tobytes())
    random = torch.Generator().manual_seed(seed + checksum)
    return torch.rand(ORDERS, *image_CHW.shape[1:], generator=random)


def _area(curve: Sequence[Tensor]) -> Tensor:
    return torch.trapezoid(torch.stack(list(curve)), torch.tensor([0.0, *SHARES, 1.0]), dim=0)


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
    largest = 2 * ((min(images_BCHW.shape[2:]) - 1) // 2) + 1  # it reflects at the edge
    size = min(2 * round(2 * sigma) + 1, largest)
    return gaussian_blur(images_BCHW, [size, size], [sigma, sigma]) if size > 1 else images_BCHW
