"""The geometry of bringing an image to a net's size: how large it becomes, and which part of it is seen.

Sizes are heights and widths, in pixels.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from pellucid.errors import UserError
from pellucid.spec import CENTRE, CROP, EVALUATION_CROP, FITS, PAD, SQUASH, Fit

MAX_ASPECT = 3  # of a photo that is kept whole to what a net sees of it; beyond it the middle is kept
RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
P = TypeVar("P", bound=np.generic)


def check_fit(fit: object) -> None:
    """Raise UserError for what is no way of bringing photos to a size."""
    if fit not in FITS:
        raise UserError(f"data.fit={fit}: expected {', '.join(FITS[:-1])} or {FITS[-1]}.")


def fitted(fit: str, *, cropped: bool = True) -> dict[str, Any]:
    """What a ``Spec`` says of photos that are brought to the size so; of the shorter side all is seen unless
    they are ``cropped``.
    """
    return {"fit_mode": fit, "crop": EVALUATION_CROP if fit == CROP and cropped else 1.0}


def resized(image: Image.Image, height: int, width: int, fit: Fit) -> Image.Image:
    """The image at the size that ``cut`` brings to the net's ``height`` and ``width``."""
    resampling = RESAMPLING[fit.resample]
    if fit.mode == CENTRE:
        return ImageOps.fit(image, (width, height), resampling, (1 - fit.crop) / 2)
    if fit.mode == SQUASH:
        return image.resize((width, height), resampling)
    if fit.mode == PAD:
        scale = min(height / image.height, width / image.width)
        inside = (round(scale * image.height), round(scale * image.width))
        return image.resize((min(width, max(1, inside[1])), min(height, max(1, inside[0]))), resampling)
    least = smallest(image.height, image.width, height, width, fit)
    (high, wide), (above, left) = whole_size(image.height, image.width, *least)
    return image.resize((wide, high), resampling, (left, above, image.width - left, image.height - above))


def covered(height: int, width: int, fit: Fit) -> tuple[int, int]:
    """The height and width that a whole photo covers: what a net sees is ``fit.crop`` of them."""
    return round(height / fit.crop), round(width / fit.crop)


def smallest(image_height: int, image_width: int, height: int, width: int, fit: Fit) -> tuple[int, int]:
    """What a photo of that size covers: less than ``covered`` where it would have to be enlarged for it, as
    that blurs it and cuts its border off; at least the net's size.
    """
    high, wide = covered(height, width, fit)
    scale = min(image_height / height, image_width / width)
    if scale * height >= high and scale * width >= wide:
        return high, wide
    return round(height * max(1.0, scale)), round(width * max(1.0, scale))


def whole_size(height: int, width: int, high: int, wide: int) -> tuple[tuple[int, int], tuple[float, float]]:
    """The size at which a photo just covers ``high`` × ``wide``, as torchvision's Resize has it of its
    shorter side; and how much of its height and width is left out at either end, where it is longer than
    ``MAX_ASPECT`` times that.
    """
    if high * width >= wide * height:
        size, most = high * width // height, MAX_ASPECT * wide
        rest = (width - most * height / high) / 2 if size > most else 0.0
        return (high, min(size, most)), (0.0, rest)
    size, most = wide * height // width, MAX_ASPECT * high
    rest = (height - most * width / wide) / 2 if size > most else 0.0
    return (min(size, most), wide), (rest, 0.0)


def cut(pixels_CHW: NDArray[P], height: int, width: int, fit: Fit) -> NDArray[P]:
    """The pixels of a ``resized`` image at ``height`` × ``width``: the centre, or all on a ground."""
    _, high, wide = pixels_CHW.shape
    if fit.mode == CROP:
        above, left = centre(high, height), centre(wide, width)
        return pixels_CHW[:, above : above + height, left : left + width]
    if fit.mode == PAD and (high, wide) != (height, width):
        ground_CHW = np.empty((len(pixels_CHW), height, width), pixels_CHW.dtype)
        ground_CHW[:] = np.array(fit.fill, pixels_CHW.dtype)[:, None, None]
        above, left = (height - high) // 2, (width - wide) // 2
        ground_CHW[:, above : above + high, left : left + wide] = pixels_CHW
        return ground_CHW
    return pixels_CHW


def centre(whole: int, part: int) -> int:
    """Where a part at the centre begins, as torchvision's CenterCrop has it."""
    return round((whole - part) / 2)
