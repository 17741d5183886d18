"""Reconstructions by an autoencoder: images, what it makes of them, and the best, median and worst of many.

Axes: N images, B of a batch, H × W pixels, C channels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid.inside.images import Images
from pellucid.inside.predictor import Predictor


@dataclass(frozen=True)
class Reconstructions:
    """Images and their reconstructions, both (B, H, W, C), the images in [0, 1]."""

    originals_BHWC: np.ndarray
    outputs_BHWC: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """The mean squared error of each image, (B,)."""
        errors_B: np.ndarray = ((self.originals_BHWC - self.outputs_BHWC) ** 2).mean(axis=(1, 2, 3))
        return errors_B

    @property
    def absolute_errors(self) -> np.ndarray:
        """The absolute error of each pixel, mean over channels, (B, H, W)."""
        errors_BHW: np.ndarray = np.abs(self.originals_BHWC - self.outputs_BHWC).mean(axis=-1)
        return errors_BHW


@dataclass(frozen=True)
class Extremes:
    """Indices of the images with the smallest, the middle and the largest errors, the largest first."""

    best: np.ndarray
    median: np.ndarray
    worst: np.ndarray


def reconstruct(predictor: Predictor, inputs_BCHW: Tensor) -> Reconstructions:
    """What the net makes of images as it takes them."""
    originals_BCHW, outputs_BCHW = _both(predictor, inputs_BCHW)
    return Reconstructions(_channels_last(originals_BCHW), _channels_last(outputs_BCHW))


def squared_errors(predictor: Predictor, batches: Iterable[Images]) -> np.ndarray:
    """Each image's mean squared error, (N,)."""
    errors = []
    for images in batches:
        originals_BCHW, outputs_BCHW = _both(predictor, predictor.inputs(images.pixels_BCHW))
        errors.append((outputs_BCHW - originals_BCHW).square().flatten(1).mean(dim=1).cpu())
    return torch.cat(errors).numpy()


def choose_extremes(errors_N: np.ndarray, count: int) -> Extremes:
    """``count`` images each, fewer where they would be more than a third of all, but at least one."""
    order = np.argsort(errors_N, kind="stable")
    count = max(1, min(count, len(order) // 3))
    middle = (len(order) - count) // 2
    return Extremes(order[:count], order[middle : middle + count], order[::-1][:count])


def _both(predictor: Predictor, inputs_BCHW: Tensor) -> tuple[Tensor, Tensor]:
    return predictor.spec.denormalise(inputs_BCHW.float()), predictor.run(inputs_BCHW)


def _channels_last(images_BCHW: Tensor) -> np.ndarray:
    return images_BCHW.permute(0, 2, 3, 1).cpu().numpy()
