"""Augmentation policies: for each image operations at random, of random or given strength.

Shapes: B images, C channels, H × W pixels, R numbers of an image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.data.augment import kernels
from pellucid.data.augment.kernels import rotation, warp
from pellucid.data.augment.operation import Operation

BINS = 31  # strengths, 0 the first
Fill = Tensor | float
Change = Callable[[Tensor, Tensor, "Space", Fill], Tensor]  # of images, levels in [-1, 1], (B,), and the rest


@dataclass(frozen=True)
class Space:
    """The strongest of each operation: shear as a slope, degrees, share of an enhancement, bits taken away;
    translation as ``pixels``, at most ``share`` of the side.
    """

    shear: float
    degrees: float
    enhance: float
    bits: int
    share: float
    pixels: float = float("inf")


WIDE = Space(shear=0.99, degrees=135, enhance=0.99, bits=6, share=0.5, pixels=32)
RAND = Space(shear=0.3, degrees=30, enhance=0.9, bits=4, share=150 / 331)


def _matrix(
    first_row: tuple[Tensor | float, ...], second_row: tuple[Tensor | float, ...], of_B: Tensor
) -> Tensor:
    return torch.stack([torch.zeros_like(of_B) + entry for entry in (*first_row, *second_row)], dim=1).view(
        -1, 2, 3
    )


def _shear_x(images: Tensor, level_B: Tensor, space: Space, fill: Fill) -> Tensor:
    slope_B = space.shear * level_B
    rows = (1, slope_B, slope_B * (images.shape[2] / 2)), (0, 1, 0)  # the top stays where it is
    return warp(images, _matrix(*rows, slope_B), fill)


def _shear_y(images: Tensor, level_B: Tensor, space: Space, fill: Fill) -> Tensor:
    slope_B = space.shear * level_B
    rows = (1, 0, 0), (slope_B, 1, slope_B * (images.shape[3] / 2))  # the left side stays where it is
    return warp(images, _matrix(*rows, slope_B), fill)


def _translate_x(images: Tensor, level_B: Tensor, space: Space, fill: Fill) -> Tensor:
    step_B = (min(space.pixels, space.share * images.shape[3]) * level_B).trunc()
    return warp(images, _matrix((1, 0, -step_B), (0, 1, 0), step_B), fill)


def _translate_y(images: Tensor, level_B: Tensor, space: Space, fill: Fill) -> Tensor:
    step_B = (min(space.pixels, space.share * images.shape[2]) * level_B).trunc()
    return warp(images, _matrix((1, 0, 0), (0, 1, -step_B), step_B), fill)


def _enhancing(adjust: Callable[[Tensor, Tensor], Tensor]) -> Change:
    return lambda images, level_B, space, fill: adjust(images, 1 + space.enhance * level_B)


# Each with whether its levels have a sign.
MEMBERS: dict[str, tuple[Change, bool]] = {
    "identity": (lambda images, level_B, space, fill: images, False),
    "shear_x": (_shear_x, True),
    "shear_y": (_shear_y, True),
    "translate_x": (_translate_x, True),
    "translate_y": (_translate_y, True),
    "rotate": (
        lambda images, level_B, space, fill: warp(images, rotation(space.degrees * level_B), fill),
        True,
    ),
    "brightness": (_enhancing(kernels.adjust_brightness), True),
    "saturation": (_enhancing(kernels.adjust_saturation), True),
    "contrast": (_enhancing(kernels.adjust_contrast), True),
    "sharpness": (_enhancing(kernels.adjust_sharpness), True),
    "posterize": (
        lambda images, level_B, space, fill: kernels.posterize(images, 8 - (space.bits * level_B).round()),
        False,
    ),
    "solarize": (lambda images, level_B, space, fill: kernels.solarize(images, 1 - level_B), False),
    "autocontrast": (lambda images, level_B, space, fill: kernels.autocontrast(images), False),
    "equalize": (lambda images, level_B, space, fill: kernels.equalize(images), False),
}
RGB_ONLY = {"saturation"}


def members(channels: int) -> list[str]:
    """The names of the operations that images of so many channels may get."""
    return [name for name in MEMBERS if channels == 3 or name not in RGB_ONLY]


def apply_each(
    images_BCHW: Tensor, choice_B: Tensor, level_B: Tensor, sign_B: Tensor, space: Space, fill: Fill
) -> Tensor:
    """Each image changed by the one of its ``members`` that was chosen; choices and levels on the CPU."""
    names = members(images_BCHW.shape[1])
    order_B = choice_B.argsort(stable=True)
    counts = choice_B.bincount(minlength=len(names)).tolist()
    order = order_B.to(images_BCHW.device)
    levels = torch.split(torch.stack([level_B, level_B * sign_B])[:, order_B], counts, dim=1)
    out = images_BCHW.clone()
    for name, index, level in zip(names, torch.split(order, counts), levels, strict=True):
        if name != "identity" and len(index):
            change, is_signed = MEMBERS[name]
            out[index] = change(images_BCHW[index], level[int(is_signed)], space, fill)
    return out


def _pick(number_B: Tensor, count: int) -> Tensor:
    """Which of so many a uniform number chooses, (B,)."""
    return (number_B * count).long().clamp(max=count - 1)


@dataclass(frozen=True, kw_only=True)
class Trivial(Operation):
    """TrivialAugment, wide: one of 14 operations, at one of 31 strengths, each as likely.

    ``strength``: a share of the published strongest. Müller and Hutter, "TrivialAugment", 2021; images are
    moved by half their side at most, where the published 32 pixels are more. Images that are not RGB have no
    saturation.
    """

    name = "trivial"
    numbers = 3
    strength: float = 1.0

    def __call__(self, images_BCHW: Tensor, numbers_BR: Tensor, fill: Fill = 0.0) -> Tensor:
        choice_B = _pick(numbers_BR[:, 0], len(members(images_BCHW.shape[1])))
        level_B = self.strength * _pick(numbers_BR[:, 1], BINS) / (BINS - 1)
        sign_B = torch.where(numbers_BR[:, 2] < 0.5, -1.0, 1.0)
        return apply_each(images_BCHW, choice_B, level_B, sign_B, WIDE, fill)


@dataclass(frozen=True, kw_only=True)
class Rand(Operation):
    """RandAugment: ``operations`` of 14, one after another, each at ``magnitude`` of 30.

    Cubuk et al., "RandAugment", 2020. Images that are not RGB have no saturation.
    """

    name = "rand"
    operations: int = 2
    magnitude: int = 9

    @property
    def numbers(self) -> int:
        return 2 * self.operations

    def __call__(self, images_BCHW: Tensor, numbers_BR: Tensor, fill: Fill = 0.0) -> Tensor:
        level_B = torch.full((len(images_BCHW),), self.magnitude / (BINS - 1))
        for turn in range(self.operations):
            choice_B = _pick(numbers_BR[:, 2 * turn], len(members(images_BCHW.shape[1])))
            sign_B = torch.where(numbers_BR[:, 2 * turn + 1] < 0.5, -1.0, 1.0)
            images_BCHW = apply_each(images_BCHW, choice_B, level_B, sign_B, RAND, fill)
        return images_BCHW
