"""Kernels: each image by its own parameter what torchvision's function of that name gives of it alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as theirs

from pellucid.data.augment import kernels

FACTORS = [0.0, 0.01, 0.5, 1.0, 1.5, 1.99]
Single = Callable[[Tensor, float], Tensor]
Case = tuple[Callable[[Tensor, Tensor], Tensor], Single, list[float]]
CASES: dict[str, Case] = {
    "brightness": (kernels.adjust_brightness, theirs.adjust_brightness, FACTORS),
    "contrast": (kernels.adjust_contrast, theirs.adjust_contrast, FACTORS),
    "sharpness": (kernels.adjust_sharpness, theirs.adjust_sharpness, FACTORS),
    "saturation": (kernels.adjust_saturation, theirs.adjust_saturation, FACTORS),
    "hue": (kernels.adjust_hue, theirs.adjust_hue, [-0.5, -0.2, 0.0, 0.1, 0.3, 0.5]),
    "posterize": (kernels.posterize, lambda i, bits: theirs.posterize(i, int(bits)), [8, 7, 5, 4, 3, 2]),
    "solarize": (kernels.solarize, theirs.solarize, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
    "autocontrast": (lambda i, _: kernels.autocontrast(i), lambda i, _: theirs.autocontrast(i), FACTORS),
    "equalize": (lambda i, _: kernels.equalize(i), lambda i, _: theirs.equalize(i), FACTORS),
    "blur": (
        lambda i, sigma: kernels.gaussian_blur(i, sigma, radius=6),
        lambda i, sigma: theirs.gaussian_blur(i, [13, 13], [sigma, sigma]),
        [0.1, 0.3, 0.5, 1.0, 1.5, 2.0],
    ),
    "rotate": (
        lambda i, degrees: kernels.warp(i, kernels.rotation(degrees), 0.0),
        lambda i, degrees: theirs.rotate(i, degrees, InterpolationMode.BILINEAR),
        [-135.0, -30.0, 0.0, 10.0, 45.0, 135.0],
    ),
}


def pictures(channels: int) -> Tensor:
    """Six of 20 × 28 pixels, in 256 values: one is flat, one pale."""
    random = torch.Generator().manual_seed(0)
    images = torch.rand(6, channels, 20, 28, generator=random)
    images[0] = 0.3
    images[1] = images[1] * 0.2 + 0.5
    return (images * 255).round() / 255


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", CASES)
def test_as_torchvision_does_it_image_by_image(name: str, channels: int) -> None:
    ours, single, parameters = CASES[name]
    if channels == 1 and name in ("saturation", "hue"):
        pytest.skip("of RGB alone")
    images = pictures(channels)
    expected = torch.stack([single(image, value) for image, value in zip(images, parameters, strict=True)])
    torch.testing.assert_close(ours(images, torch.tensor(parameters)), expected, atol=1e-5, rtol=0)


def test_what_lies_outside_is_filled() -> None:
    fill = torch.tensor([0.2, 0.7]).view(1, 2, 1, 1)
    out = kernels.warp(torch.ones(1, 2, 8, 8), kernels.rotation(torch.tensor([45.0])), fill)
    torch.testing.assert_close(out[0, :, 0, 0], torch.tensor([0.2, 0.7]))
    torch.testing.assert_close(out[0, :, 4, 4], torch.ones(2))


@pytest.mark.parametrize("side", [1, 2, 3])
def test_tiny_images_are_taken(side: int) -> None:
    images = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    for ours, _, parameters in CASES.values():
        assert ours(images, torch.tensor(parameters[:2])).shape == images.shape
