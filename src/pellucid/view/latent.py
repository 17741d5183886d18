"""Latent space of an autoencoder: the codes of images, and walks along its dimensions.

Axes: N images, D numbers of a code, W dimensions walked along, S steps, H × W pixels, C channels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from pellucid.inside.images import Images
from pellucid.inside.predictor import Predictor

STEPS = 9
QUANTILES = (0.05, 0.95)
MAX_DIMENSIONS = 10  # that are traversed


@runtime_checkable
class Coder(Protocol):
    """A net that encodes images and decodes latent vectors into images in [0, 1]."""

    def encode(self, images_BCHW: Tensor) -> Tensor: ...

    def decode(self, latent_BD: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Traversal:
    """Images decoded along each dimension (W, S, H, W, C), in [0, 1], and the dimension's values there."""

    images_WSHWC: np.ndarray
    values_WS: np.ndarray


def encode(predictor: Predictor, batches: Iterable[Images]) -> Tensor:
    """The codes of images, (N, D), float32 on the CPU, of a net that is a ``Coder``."""
    assert isinstance(predictor.net, Coder)
    codes = [
        predictor.net.encode(predictor.inputs(images.pixels_BCHW).to(predictor.dtype)).float().cpu()
        for images in batches
    ]
    return torch.cat(codes).flatten(1)


def traverse(predictor: Predictor, codes_ND: Tensor) -> Traversal:
    """Walks along each of the first dimensions between two quantiles, the others at their medians."""
    assert isinstance(predictor.net, Coder)
    walked = min(codes_ND.shape[1], MAX_DIMENSIONS)
    low_D, high_D = (torch.quantile(codes_ND, share, dim=0) for share in QUANTILES)
    share_S = torch.linspace(0, 1, STEPS)
    values_WS = low_D[:walked, None] + (high_D - low_D)[:walked, None] * share_S
    codes_WSD = codes_ND.median(dim=0).values.expand(walked, STEPS, -1).clone()
    for dimension in range(walked):
        codes_WSD[dimension, :, dimension] = values_WS[dimension]
    decoded = predictor.net.decode(codes_WSD.flatten(0, 1).to(predictor.device, predictor.dtype))
    images = decoded.float().cpu().permute(0, 2, 3, 1).numpy()
    return Traversal(images.reshape(walked, STEPS, *images.shape[1:]), values_WS.numpy())
