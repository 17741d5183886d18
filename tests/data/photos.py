"""Small photos, and how a decoded one looks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pellucid.data.decode import decode
from pellucid.data.store import WholePhotos

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def tensor(store: Tensor | WholePhotos) -> Tensor:
    """A store of images that are not photos kept whole."""
    assert isinstance(store, Tensor)
    return store


def noise(height: int, breadth: int, *channels: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, breadth, *channels), dtype=np.uint8)


def centre(image: NDArray[np.uint8]) -> tuple[int, ...]:
    return tuple(image[:, image.shape[1] // 2, image.shape[2] // 2].tolist())


def halves(size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, BLUE)
    image.paste(RED, (0, 0, size[0] // 2, size[1]))
    return image


def is_turned(path: Path) -> bool:
    """Whether what was red on the left is above now; ``upright`` otherwise."""
    red_above = decode(path, 16)[0].astype(int)
    return bool(red_above[3, 8] > 150 > red_above[12, 8])


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif
