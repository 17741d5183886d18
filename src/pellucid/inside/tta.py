"""Test-time augmentation: a net's answers on several versions of each image, put together as one.

Axes: V versions, B images, C channels, H × W pixels, K outputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid.errors import UserError

VERSIONS = {"none": 1, "flip": 2, "five": 5, "ten": 10}  # of an image
SHARE = 8  # of a side, by which the four corners of ``five`` lie apart from the centre: 4 of 32 pixels
Pool = Callable[[Tensor], Tensor]  # outputs (V, B, …) to (B, …)


def versions(images_BCHW: Tensor, tta: str) -> Iterator[Tensor]:
    """The versions of images that ``tta`` looks at, each (B, C, H, W); the images themselves come first.

    ``flip``: the image and its mirror image, left to right. ``five``: the image padded by reflection by an
    eighth of its height and width, rounded down, at least 1 pixel; of that its centre, which is the image,
    and its four corners, of the image's own size. ``ten``: those five and their mirror images. Corners,
    centre and mirror images are Krizhevsky et al., "ImageNet classification with deep convolutional neural
    networks", 2012; padding by an eighth is He et al., "Deep residual learning for image recognition", 2016.
    """
    check_size(images_BCHW.shape[-2:], tta)
    for version in _five(images_BCHW) if tta in ("five", "ten") else (images_BCHW,):
        yield version
        if tta in ("flip", "ten"):
            yield version.flip(-1)


def _five(images_BCHW: Tensor) -> Iterator[Tensor]:
    height, width = images_BCHW.shape[-2:]
    down, right = max(1, height // SHARE), max(1, width // SHARE)
    yield images_BCHW
    padded = functional.pad(images_BCHW, (right, right, down, down), mode="reflect")
    for top, left in product((0, 2 * down), (0, 2 * right)):
        yield padded[..., top : top + height, left : left + width]


def check_tta(tta: str) -> None:
    """Raise UserError for what is none of ``VERSIONS``."""
    if tta not in VERSIONS:
        raise UserError(f"tta={tta}: expected {', '.join(list(VERSIONS)[:-1])} or {list(VERSIONS)[-1]}.")


def check_size(size: tuple[int, ...] | torch.Size, tta: str) -> None:
    """Raise UserError for images (H, W) of which there are no such versions."""
    height, width = size
    if tta != "none" and min(height if tta != "flip" else width, width) < 2:
        raise UserError(
            f"tta={tta}: images of {height} × {width} pixels have no "
            f"{'mirror images' if tta == 'flip' else 'corners'}; leave tta out."
        )


class AugmentedNet(nn.Module):
    """A net that is asked for the versions of each image by ``tta``, one after the other, whose outputs
    ``pool`` makes one of; what comes of it is divided by ``temperature``.
    """

    def __init__(self, net: nn.Module, *, tta: str = "none", pool: Pool, temperature: float = 1.0) -> None:
        super().__init__()
        self.net, self.tta, self.pool, self.temperature = net, tta, pool, temperature
        self.train(net.training)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        if self.tta == "none":
            output: Tensor = self.net(images_BCHW)
        else:
            output = self.pool(
                torch.stack([self.net(each).float() for each in versions(images_BCHW, self.tta)])
            )
        return output if self.temperature == 1 else output / self.temperature


def mean_softmax(scores_VBK: Tensor) -> Tensor:
    """The logarithm of the mean probability of each class, (B, K): its softmax is that mean."""
    return scores_VBK.log_softmax(dim=-1).logsumexp(dim=0) - math.log(len(scores_VBK))


def mean_sigmoid(scores_VBK: Tensor) -> Tensor:
    """The log-odds of the mean probability of each label, (B, K): their sigmoid is that mean."""
    of_yes, of_no = (functional.logsigmoid(sign * scores_VBK).logsumexp(dim=0) for sign in (1, -1))
    return of_yes - of_no


def mean(outputs_VBK: Tensor) -> Tensor:
    """The mean of numbers, (B, K)."""
    return outputs_VBK.mean(dim=0)
