"""Mean and standard deviation of images.

Axes: B images of a batch, H × W pixels, C channels, V values of a byte.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


def channel_statistics(batches: Iterable[Tensor]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel's pixels in [0, 1], exactly, by their histogram.

    ``batches`` of images (B, C, H, W) uint8. The deviation is 1 where all pixels are alike.
    """
    counts_CV = torch.zeros(0, 256, dtype=torch.int64)
    for images_BCHW in batches:
        if len(counts_CV) == 0:
            counts_CV = torch.zeros(images_BCHW.shape[1], 256, dtype=torch.int64)
        for counts_V, images_BHW in zip(counts_CV, images_BCHW.unbind(1), strict=True):
            counts_V += torch.bincount(images_BHW.flatten(), minlength=256)
    share_CV = counts_CV.double() / counts_CV.sum(1, keepdim=True)
    values_V = torch.arange(256).double() / 255
    mean_C = (share_CV * values_V).sum(1)
    std_C = (share_CV * (values_V - mean_C[:, None]) ** 2).sum(1).sqrt()
    std = (round(value, 4) or 1.0 for value in std_C.tolist())
    return tuple(round(value, 4) for value in mean_C.tolist()), tuple(std)
