"""Images as they are shown: as the net receives them, normalisation undone.

Axes: B images, N of a split, H × W pixels, C channels.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pellucid.data.loader import prepare
from pellucid.data.spec import Spec, Split
from pellucid.draw.sheet import rgb


def pixels(spec: Spec, split: Split) -> np.ndarray:
    """A split's images as uint8 RGB, (N, H, W, 3), at the net's size."""
    return undone(spec, prepare(split.images(torch.arange(len(split))), spec))


def undone(spec: Spec, images_BCHW: Tensor) -> np.ndarray:
    """Normalised images as uint8 RGB, (B, H, W, 3)."""
    return to_pixels(spec.denormalise(images_BCHW.float().cpu()).permute(0, 2, 3, 1).numpy())


def to_pixels(images_NHWC: np.ndarray) -> np.ndarray:
    """Images in [0, 1] as uint8 RGB."""
    return np.round(rgb(images_NHWC) * 255).astype(np.uint8)
