"""Pictures within a page: small files written into their addresses.

Axes: N pictures, H × W pixels.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

SHARP = 64  # pixels: up to this side pictures are kept as they are, above it as photos are


def shrunk(picture: np.ndarray, max_side: int) -> np.ndarray:
    """RGB, uint8 or in [0, 1], as uint8 and at most ``max_side`` pixels a side, averaged."""
    if picture.dtype != np.uint8:
        picture = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    side = max(picture.shape[:2])
    if side <= max_side:
        return picture
    height, width = (max(1, round(length * max_side / side)) for length in picture.shape[:2])
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BOX))


def address(picture: np.ndarray, *, photo: bool) -> str:
    """A uint8 RGB picture as a ``data:`` address: JPEG for a large ``photo``, else PNG, nothing lost."""
    content = io.BytesIO()
    if photo and max(picture.shape[:2]) > SHARP:
        Image.fromarray(picture).save(content, format="JPEG", quality=85, subsampling=0)
        kind = "jpeg"
    else:
        Image.fromarray(picture).save(content, format="PNG", compress_level=6)
        kind = "png"
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode()}"


def sheet_of(pictures_NHWC: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Pictures of one size side by side, row by row; what is left of the last row is black."""
    height, width = pictures_NHWC[0].shape[:2]
    rows = -(-len(pictures_NHWC) // columns)
    page = np.zeros((rows * height, columns * width, 3), dtype=np.uint8)
    for index, picture in enumerate(pictures_NHWC):
        top, left = (index // columns) * height, (index % columns) * width
        page[top : top + height, left : left + width] = picture
    return page
