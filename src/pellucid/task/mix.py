"""Mixing of training images with their labels: mixup and CutMix, of the images of one batch.

Zhang et al., "mixup: beyond empirical risk minimization", 2018; Yun et al., "CutMix", 2019. Axes: B images,
C channels, H × W pixels.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pellucid.errors import UserError, did_you_mean
from pellucid.system.ranges import check_range
from pellucid.system.seeding import derive, generator

Mix = Literal["none", "mixup", "cutmix", "both"]
ALPHAS = {"mixup": 0.2, "cutmix": 1.0}  # of the Beta distribution, as torchvision's recipes have them
MIXES = ("none", *ALPHAS, "both")


@dataclass(frozen=True)
class Mixture:
    """A mixed batch: of each image the ``share``, λ in [0, 1], and of that at ``partner_B`` the rest."""

    images_BCHW: Tensor
    partner_B: Tensor
    share: float

    def larger(self, labels_B: Tensor) -> Tensor:
        """The labels of those images of which each has the larger share."""
        return labels_B if self.share >= 0.5 else labels_B[self.partner_B]

    def twice(self, outputs_BK: Tensor, labels_B: Tensor, weights_B: Tensor | None) -> tuple[Tensor, ...]:
        """A mixed image as two, one with each label, which weigh their shares: outputs, labels, weights."""
        if weights_B is None:
            weights_B = torch.ones(len(labels_B), device=labels_B.device)
        return (
            torch.cat([outputs_BK, outputs_BK]),
            torch.cat([labels_B, labels_B[self.partner_B]]),
            torch.cat([self.share * weights_B, (1 - self.share) * weights_B[self.partner_B]]),
        )


class Mixer:
    """Mixing by ``mix``: mixup, cutmix, or both, one of the two for each batch.

    λ is one number a batch, of Beta(``alpha``, ``alpha``); None: 0.2 for mixup, 1 for CutMix. A batch is
    mixed with ``probability``. Raises UserError for options that do not fit.
    """

    def __init__(self, mix: Mix, *, alpha: float | None = None, probability: float = 1.0) -> None:
        if mix not in MIXES:
            hint = did_you_mean(str(mix), MIXES)
            raise UserError(f"task.mix={mix}: expected one of {', '.join(MIXES)}.{hint}")
        check_range("task.mix_alpha", alpha)
        check_range("task.mix_probability", probability)
        self.mix, self.alpha, self.probability = mix, alpha, probability

    def __bool__(self) -> bool:
        return self.mix != "none"

    def __call__(self, images_BCHW: Tensor, seed: int, epoch: int, rank: int, step: int) -> Mixture | None:
        """The batch mixed, a function of the seed and its place; None where this one is not. Each image's
        partner is another.
        """
        place = ("mix", epoch, rank, step)
        draw = random.Random(derive(seed, *place))  # whose numbers Python's versions have in common
        if draw.random() >= self.probability:
            return None
        kind = draw.choice(tuple(ALPHAS)) if self.mix == "both" else self.mix
        alpha = ALPHAS[kind] if self.alpha is None else self.alpha
        share = draw.betavariate(alpha, alpha)
        order_B = torch.randperm(len(images_BCHW), generator=generator(seed, *place))
        partner_B = torch.empty_like(order_B)
        partner_B[order_B] = order_B.roll(1)
        partner_B = partner_B.to(images_BCHW.device)
        others_BCHW = images_BCHW[partner_B]
        if kind == "mixup":
            return Mixture(torch.lerp(others_BCHW, images_BCHW, share), partner_B, share)
        height, breadth = images_BCHW.shape[2:]
        top, bottom = _cut(height, share, draw.random())
        left, right = _cut(breadth, share, draw.random())
        mixed_BCHW = images_BCHW.clone()
        mixed_BCHW[..., top:bottom, left:right] = others_BCHW[..., top:bottom, left:right]
        share = 1 - (bottom - top) * (right - left) / (height * breadth)
        return Mixture(mixed_BCHW, partner_B, share)


def _cut(side: int, share: float, centre: float) -> tuple[int, int]:
    """Start and end of the part that comes from another image: √(1 - λ) of the side, cut at its ends."""
    half = int(side * math.sqrt(1 - share)) // 2
    middle = int(centre * side)
    return max(0, middle - half), min(side, middle + half)
