"""Augmentations that change values and move nothing: colour, grey, blur.

Shapes: B images, C channels, H × W pixels, R numbers of an image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.data.augment.kernels import (
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    column,
    gaussian_blur,
    greys,
)
from pellucid.data.augment.operation import Operation


@dataclass(frozen=True, kw_only=True)
class Color(Operation):
    """Colour jitter: brightness, contrast, saturation and hue, in this order, each changed by up to so much.

    The first three are multiplied by 1 ± so much, not below 0; a hue of 0.5 is half the circle of colours.
    Of images that are not RGB brightness and contrast alone. With ``probability``.
    """

    name = "color"
    numbers = 5
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    hue: float = 0.1
    probability: float = 0.8

    def __call__(self, images_BCHW: Tensor, numbers_BR: Tensor, fill: Tensor | float = 0.0) -> Tensor:
        chosen_B = (numbers_BR[:, 0] < self.probability).float()
        brightness_B, contrast_B, saturation_B, hue_B = ((2 * numbers_BR[:, 1:] - 1) * chosen_B[:, None]).T
        if self.brightness:
            images_BCHW = adjust_brightness(images_BCHW, (1 + self.brightness * brightness_B).clamp(min=0))
        if self.contrast:
            images_BCHW = adjust_contrast(images_BCHW, (1 + self.contrast * contrast_B).clamp(min=0))
        if images_BCHW.shape[1] != 3:
            return images_BCHW
        if self.saturation:
            images_BCHW = adjust_saturation(images_BCHW, (1 + self.saturation * saturation_B).clamp(min=0))
        return adjust_hue(images_BCHW, self.hue * hue_B) if self.hue else images_BCHW


@dataclass(frozen=True, kw_only=True)
class Grey(Operation):
    """Without colour with ``probability``; images that are not RGB stay."""

    name = "grey"
    numbers = 1
    probability: float = 0.1

    def __call__(self, images_BCHW: Tensor, numbers_BR: Tensor, fill: Tensor | float = 0.0) -> Tensor:
        if images_BCHW.shape[1] != 3:
            return images_BCHW
        return torch.where(
            column(numbers_BR[:, 0] < self.probability, images_BCHW), greys(images_BCHW), images_BCHW
        )


@dataclass(frozen=True, kw_only=True)
class Blur(Operation):
    """Gaussian blur with ``probability``; ``sigma``: least and largest standard deviation, in pixels."""

    name = "blur"
    numbers = 2
    commutes = True
    sigma: tuple[float, float] = (0.1, 1.0)
    probability: float = 0.5

    def __call__(self, images_BCHW: Tensor, numbers_BR: Tensor, fill: Tensor | float = 0.0) -> Tensor:
        low, high = self.sigma
        blurred = gaussian_blur(
            images_BCHW, low + (high - low) * numbers_BR[:, 1], radius=math.ceil(3 * high)
        )
        return torch.where(column(numbers_BR[:, 0] < self.probability, images_BCHW), blurred, images_BCHW)
