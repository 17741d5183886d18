"""Augmentations that move pixels: crop, shift, flip, rotate.

Shapes: B images, C channels, H × W pixels, R numbers of an image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pellucid.data.augment.kernels import rotation, warp
from pellucid.data.augment.operation import Operation

STEPS = 128  # of the distribution of a crop's ratio


@dataclass(frozen=True, kw_only=True)
class Crop(Operation):
    """Random resized crop: a part of ``scale`` of the area and ``ratio``, width by height, stretched to the
    whole (bilinear).

    Szegedy et al., "Going deeper with convolutions", 2015, with a milder smallest area.
    """

    name = "crop"
    numbers = 4
    commutes = True
    scale: tuple[float, float] = (0.35, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    def boxes(self, numbers_BR: Tensor, aspect_B: Tensor | None = None) -> Tensor:
        """Crop boxes, (B, 4): top, left, height and width as fractions of the image, all in [0, 1].

        ``aspect_B``: width by height of each image, in units of that which crops are brought to; 1 where it
        is not given. ``ratio`` holds for any, and where a long image has no such part, the part is smaller.
        """
        breadth_B, height_B = self._sides(numbers_BR, aspect_B)
        left_B, top_B = numbers_BR[:, 2] * (1 - breadth_B), numbers_BR[:, 3] * (1 - height_B)
        return torch.stack([top_B, left_B, height_B, breadth_B], dim=1)

    def _sides(self, numbers_BR: Tensor, aspect_B: Tensor | None) -> tuple[Tensor, Tensor]:
        """Widths and heights of the boxes."""
        if aspect_B is None:
            low, high = self.scale
            area_B = low + (high - low) * numbers_BR[:, 0]
            narrow, wide = (torch.tensor(ratio).log() for ratio in self.ratio)
            root_ratio_B = (narrow + (wide - narrow) * numbers_BR[:, 1]).exp().sqrt()
            breadth_B = (area_B.sqrt() * root_ratio_B).clamp(max=1)
            return breadth_B, (area_B.sqrt() / root_ratio_B).clamp(max=1)
        area_B, ratio_B = self._fitting(numbers_BR, aspect_B)
        breadth_B = (area_B * ratio_B / aspect_B).sqrt().clamp(max=1)
        height_B = (area_B / ratio_B * aspect_B).sqrt().clamp(max=1)
        # A side that was cut makes the part too narrow or too wide: the other follows.
        least, most = self.ratio
        breadth_B = torch.minimum(breadth_B, most * height_B / aspect_B)
        return breadth_B, torch.minimum(height_B, breadth_B * aspect_B / least)

    def _fitting(self, numbers_BR: Tensor, aspect_B: Tensor) -> tuple[Tensor, Tensor]:
        """Areas and ratios of parts that lie within the images, each such pair as likely as any other.

        That is what torchvision's RandomResizedCrop has, which draws again until a part fits: here the number
        of the ratio goes through the inverse of its distribution among those. Where none fits, the largest
        area and the nearest ratio.
        """
        low, high = self.scale
        narrow, wide = (math.log(ratio) for ratio in self.ratio)
        edge_S = torch.linspace(narrow, wide, STEPS + 1)
        log_aspect_B = aspect_B.float().log()
        distance_BS = ((edge_S[1:] + edge_S[:-1]) / 2 - log_aspect_B[:, None]).abs()
        room_BS = ((-distance_BS).exp().clamp(max=high) - low).clamp(min=torch.finfo(torch.float32).tiny)
        share_BS = room_BS.cumsum(dim=1)
        wanted_B1 = numbers_BR[:, 1:2] * share_BS[:, -1:]
        step_B1 = torch.searchsorted(share_BS, wanted_B1, right=True).clamp(max=STEPS - 1)
        left_B1 = (share_BS.gather(1, step_B1) - wanted_B1) / room_BS.gather(1, step_B1)
        log_ratio_B = narrow + (step_B1 + 1 - left_B1.clamp(0, 1))[:, 0] * (wide - narrow) / STEPS
        most_B = (-(log_ratio_B - log_aspect_B).abs()).exp().clamp(max=high)
        fits_B = most_B >= low
        area_B = torch.where(fits_B, low + (most_B - low) * numbers_BR[:, 0], high)
        return area_B, torch.where(fits_B, log_ratio_B, log_aspect_B.clamp(narrow, wide)).exp()

    def __call__(self, images_BCHW: Tensor, numbers_BR: Tensor, fill: Tensor | float = 0.0) -> Tensor:
        numbers_BR = numbers_BR.to(images_BCHW.device)
        breadth_B, height_B = self._sides(numbers_BR, None)
        theta_B23 = torch.zeros(len(images_BCHW), 2, 3, device=images_BCHW.device)
        theta_B23[:, 0, 0], theta_B23[:, 1, 1] = breadth_B, height_B
        theta_B23[:, 0, 2] = (2 * numbers_BR[:, 2] - 1) * (1 - breadth_B)
        theta_B23[:, 1, 2] = (2 * numbers_BR[:, 3] - 1) * (1 - height_B)
        grid = functional.affine_grid(theta_B23, list(images_BCHW.shape), align_corners=False)
        return functional.grid_sample(
            images_BCHW, grid, mode="bilinear", padding_mode="border", align_corners=False
        )


@dataclass(frozen=True, kw_only=True)
class Shift(Operation):
    """Random translation by whole pixels, up to ``share`` of the shorter side each way: 4 of 32 pixels."""

    name = "shift"
    numbers = 2
    commutes = True
    share: float = 0.125

    def __call__(self, images_BCHW: Tensor, numbers_BR: Tensor, fill: Tensor | float = 0.0) -> Tensor:
        batch, _, height, breadth = images_BCHW.shape
        farthest = max(1, round(self.share * min(height, breadth)))
        if isinstance(fill, Tensor):
            padded = functional.pad(images_BCHW - fill, (farthest,) * 4).add_(fill)
        else:
            padded = functional.pad(images_BCHW, (farthest,) * 4, value=fill)
        down_B, right_B = (numbers_BR.to(images_BCHW.device) * (2 * farthest + 1)).long().unbind(1)
        rows = down_B.view(-1, 1) + torch.arange(height, device=images_BCHW.device)
        columns = right_B.view(-1, 1) + torch.arange(breadth, device=images_BCHW.device)
        image = torch.arange(batch, device=images_BCHW.device).view(-1, 1, 1)
        moved_BHWC = padded[image, :, rows[:, :, None], columns[:, None, :]]
        return moved_BHWC.permute(0, 3, 1, 2).contiguous()


@dataclass(frozen=True, kw_only=True)
class Flip(Operation):
    """Horizontal flip: mirrored left to right with ``probability``."""

    name = "flip"
    numbers = 1
    commutes = True
    probability: float = 0.5

    def __call__(self, images_BCHW: Tensor, numbers_BR: Tensor, fill: Tensor | float = 0.0) -> Tensor:
        chosen_B = self.chosen(numbers_BR)
        moved_BCHW = torch.empty_like(images_BCHW)  # where() is eight times slower on a CPU
        for rows_B, flips in ((chosen_B, True), (~chosen_B, False)):
            index_B = torch.nonzero(rows_B)[:, 0].to(images_BCHW.device)
            moved_BCHW[index_B] = images_BCHW[index_B].flip(-1) if flips else images_BCHW[index_B]
        return moved_BCHW

    def chosen(self, numbers_BR: Tensor) -> Tensor:
        """Which images are mirrored, (B,) bool on the CPU."""
        return numbers_BR[:, 0].cpu() < self.probability


@dataclass(frozen=True, kw_only=True)
class Rotate(Operation):
    """Random rotation about the centre by up to so many ``degrees`` each way (bilinear)."""

    name = "rotate"
    numbers = 1
    commutes = True
    degrees: float = 15.0

    def __call__(self, images_BCHW: Tensor, numbers_BR: Tensor, fill: Tensor | float = 0.0) -> Tensor:
        return warp(images_BCHW, rotation(self.degrees * (2 * numbers_BR[:, 0] - 1)), fill)
