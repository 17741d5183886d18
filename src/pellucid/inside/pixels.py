"""Images as they are shown: as the net receives them, normalisation undone.

Axes: B images, H × W pixels, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from pellucid.draw.sheet import rgb
from pellucid.spec import Spec, prepare


def pixels(spec: Spec, images_BCHW: Tensor) -> np.ndarray:
    """uint8 images as uint8 RGB, (B, H, W, 3), at the net's size."""
    return to_rgb(spec, prepare(images_BCHW, spec))


def to_rgb(spec: Spec, images_BCHW: Tensor) -> np.ndarray:
    """Normalised images as uint8 RGB, (B, H, W, 3)."""
    return to_pixels(spec.denormalise(images_BCHW.float().cpu()).permute(0, 2, 3, 1).numpy(), spec.bands)


def to_pixels(images_NHWC: np.ndarray, bands: Sequence[float] = ()) -> np.ndarray:
    """Images in [0, 1] as uint8 RGB; ``bands``: how they are shown."""
    return np.round(rgb(images_NHWC, bands) * 255).astype(np.uint8)
