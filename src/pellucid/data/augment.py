"""Augmentation of whole batches: each image its own, from numbers drawn for it.

Every function takes float images_BCHW, normalised, and uniform numbers_BR in [0, 1); what lies outside an
image is 0, the mean colour.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from pellucid.errors import UserError

NUMBERS = 5  # uniform numbers that an image's augmentation may use
SHIFT = 1 / 8  # of the side: 4 of 32 pixels
CROP_SCALE, CROP_RATIO = (0.35, 1.0), (3 / 4, 4 / 3)

Augment = Callable[[Tensor, Tensor], Tensor]


def none(images_BCHW: Tensor, numbers_BR: Tensor) -> Tensor:
    """The images as they are."""
    return images_BCHW


def flip(images_BCHW: Tensor, numbers_BR: Tensor) -> Tensor:
    """Mirrored left to right with probability 1/2."""
    flipped = (numbers_BR[:, 0] < 0.5).view(-1, 1, 1, 1)
    return torch.where(flipped, images_BCHW.flip(-1), images_BCHW)


def shift(images_BCHW: Tensor, numbers_BR: Tensor) -> Tensor:
    """Moved by whole pixels, up to an eighth of the side each way."""
    batch, _, height, breadth = images_BCHW.shape
    farthest = max(1, round(SHIFT * min(height, breadth)))
    padded = functional.pad(images_BCHW, (farthest,) * 4)
    down_B, right_B = (numbers_BR[:, 1:3] * (2 * farthest + 1)).long().unbind(1)
    rows = down_B.view(-1, 1) + torch.arange(height, device=images_BCHW.device)
    columns = right_B.view(-1, 1) + torch.arange(breadth, device=images_BCHW.device)
    image = torch.arange(batch, device=images_BCHW.device).view(-1, 1, 1)
    moved_BHWC = padded[image, :, rows[:, :, None], columns[:, None, :]]
    return moved_BHWC.permute(0, 3, 1, 2).contiguous()


def crop(images_BCHW: Tensor, numbers_BR: Tensor) -> Tensor:
    """A random part of 35–100 % of the area and aspect 3/4–4/3, stretched to the whole (bilinear).

    Szegedy et al., "Going deeper with convolutions", 2015, with a milder smallest area.
    """
    low, high = CROP_SCALE
    area_B = low + (high - low) * numbers_BR[:, 1]
    narrow, wide = (torch.tensor(ratio).log() for ratio in CROP_RATIO)
    root_ratio_B = (narrow + (wide - narrow) * numbers_BR[:, 2]).exp().sqrt()
    breadth_B = (area_B.sqrt() * root_ratio_B).clamp(max=1)
    height_B = (area_B.sqrt() / root_ratio_B).clamp(max=1)
    theta_B23 = torch.zeros(len(images_BCHW), 2, 3, device=images_BCHW.device)
    theta_B23[:, 0, 0], theta_B23[:, 1, 1] = breadth_B, height_B
    theta_B23[:, 0, 2] = (2 * numbers_BR[:, 3] - 1) * (1 - breadth_B)
    theta_B23[:, 1, 2] = (2 * numbers_BR[:, 4] - 1) * (1 - height_B)
    grid = functional.affine_grid(theta_B23, list(images_BCHW.shape), align_corners=False)
    return functional.grid_sample(
        images_BCHW, grid, mode="bilinear", padding_mode="border", align_corners=False
    )


def shift_flip(images_BCHW: Tensor, numbers_BR: Tensor) -> Tensor:
    """Moved, then mirrored."""
    return flip(shift(images_BCHW, numbers_BR), numbers_BR)


def crop_flip(images_BCHW: Tensor, numbers_BR: Tensor) -> Tensor:
    """Cropped, then mirrored."""
    return flip(crop(images_BCHW, numbers_BR), numbers_BR)


AUGMENTS: dict[str, Augment] = {
    function.__name__: function for function in (none, flip, shift, crop, shift_flip, crop_flip)
}


def find_augment(name: str) -> Augment:
    """The augmentation of that name. Raises UserError for an unknown one."""
    if name not in AUGMENTS:
        raise UserError(f"data.augment={name}: expected one of {', '.join(AUGMENTS)}.")
    return AUGMENTS[name]
