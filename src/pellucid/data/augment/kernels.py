"""Image operations on whole batches, each image with a parameter of its own.

torchvision's functions of these names, which take one parameter for all images; they are tested to give the
same. Shapes: B images, C channels, H × W pixels. Pixels are in [0, 1], and so is what comes out.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

GREY = (0.2989, 0.587, 0.114)  # of red, green and blue, as torchvision has it
LEVELS = 256  # of a pixel that counts in a histogram


def column(values_B: Tensor, images_BCHW: Tensor) -> Tensor:
    """A number an image, (B,), beside its pixels: (B, 1, 1, 1), on their device."""
    return values_B.to(images_BCHW.device).view(-1, 1, 1, 1)


def blend(images_BCHW: Tensor, others: Tensor, factor_B: Tensor) -> Tensor:
    """``others`` at factor 0, the images at 1, beyond them above it; clipped to [0, 1]."""
    factor = column(factor_B, images_BCHW)
    return (images_BCHW * factor).add_(others * (1 - factor)).clamp_(0, 1)


def greys(images_BCHW: Tensor) -> Tensor:
    """Brightness of each pixel, (B, 1, H, W): of RGB as it is seen, of other channels their mean."""
    if images_BCHW.shape[1] != 3:
        return images_BCHW.mean(dim=1, keepdim=True)
    red, green, blue = torch.split(images_BCHW, 1, dim=1)
    return (red * GREY[0]).add_(green, alpha=GREY[1]).add_(blue, alpha=GREY[2])


def adjust_brightness(images_BCHW: Tensor, factor_B: Tensor) -> Tensor:
    """Times the factor: 0 is black."""
    return (images_BCHW * column(factor_B, images_BCHW)).clamp_(0, 1)


def adjust_contrast(images_BCHW: Tensor, factor_B: Tensor) -> Tensor:
    """0 is grey, as bright as the image on the whole."""
    return blend(images_BCHW, greys(images_BCHW).mean(dim=(2, 3), keepdim=True), factor_B)


def adjust_saturation(images_B3HW: Tensor, factor_B: Tensor) -> Tensor:
    """0 is without colour."""
    return blend(images_B3HW, greys(images_B3HW), factor_B)


def adjust_hue(images_B3HW: Tensor, turn_B: Tensor) -> Tensor:
    """Colours turned, 0.5 half round the circle: red to cyan; brightness (HSV value) and saturation stay."""
    red, green, blue = images_B3HW.unbind(dim=1)
    low, high = torch.minimum(torch.minimum(red, green), blue), torch.maximum(torch.maximum(red, green), blue)
    spread = high - low
    hue = torch.where(
        high == red, green - blue, torch.where(high == green, blue - red, red - green)
    ) / torch.where(spread == 0, 1, spread)
    hue = hue + torch.where(high == red, 0.0, torch.where(high == green, 2.0, 4.0))
    turn = hue.div_(6).add_(turn_B.to(hue.device).view(-1, 1, 1))
    # f(n) = v - v s max(0, min(k, 4 - k, 1)), k = (n + 6 h) mod 6, n = 5, 3, 1 for red, green, blue.
    out = torch.empty_like(images_B3HW)
    for channel, start in enumerate((5, 3, 1)):
        place = turn + start / 6
        place = place.sub_(place.floor()).mul_(6)  # torch's remainder is ten times as slow
        share = torch.minimum(place, 4 - place).clamp_(0, 1)
        torch.sub(high, share.mul_(spread), out=out[:, channel])
    return out.clamp_(0, 1)


def adjust_sharpness(images_BCHW: Tensor, factor_B: Tensor) -> Tensor:
    """0 is smoothed by the 3 × 3 pixels around each; the outermost pixels stay."""
    if min(images_BCHW.shape[2:]) <= 2:
        return images_BCHW
    inner = images_BCHW[..., 1:-1, 1:-1]
    rows = images_BCHW[..., :-2, :] + images_BCHW[..., 1:-1, :] + images_BCHW[..., 2:, :]
    smooth = (rows[..., :-2] + rows[..., 1:-1]).add_(rows[..., 2:]).add_(inner, alpha=4).mul_(1 / 13)
    out = images_BCHW.clone()
    out[..., 1:-1, 1:-1] = blend(inner, smooth, factor_B)
    return out


def posterize(images_BCHW: Tensor, bits_B: Tensor) -> Tensor:
    """Values of so many bits."""
    levels = column(2.0**bits_B, images_BCHW)
    return torch.minimum((images_BCHW * levels).floor_(), levels - 1).div_(levels)


def solarize(images_BCHW: Tensor, threshold_B: Tensor) -> Tensor:
    """Values from the threshold on are inverted."""
    return torch.where(images_BCHW >= column(threshold_B, images_BCHW), 1 - images_BCHW, images_BCHW)


def autocontrast(images_BCHW: Tensor) -> Tensor:
    """Each channel stretched so that its darkest pixel is black and its brightest white."""
    low, high = images_BCHW.amin(dim=(2, 3), keepdim=True), images_BCHW.amax(dim=(2, 3), keepdim=True)
    flat = high == low
    low, spread = torch.where(flat, 0, low), torch.where(flat, 1, high - low)
    return ((images_BCHW - low) / spread).clamp_(0, 1)


def equalize(images_BCHW: Tensor) -> Tensor:
    """Each channel's histogram made flat, as Pillow does it."""
    batch, channels, height, breadth = images_BCHW.shape
    level = (images_BCHW * (LEVELS - 1e-3)).long().clamp_(0, LEVELS - 1).flatten(2)
    counts = torch.zeros(batch, channels, LEVELS, dtype=torch.long, device=images_BCHW.device)
    counts.scatter_add_(2, level, torch.ones_like(level))
    total = counts.cumsum(dim=2)
    of_brightest = counts.gather(2, total.argmax(dim=2, keepdim=True))
    step = (height * breadth - of_brightest) // (LEVELS - 1)
    table = (total - counts + step // 2) // step.clamp(min=1)  # of the pixels that are darker
    table = table.clamp_(0, LEVELS - 1).to(images_BCHW.dtype) / (LEVELS - 1)
    flat_BCHW = table.gather(2, level).view_as(images_BCHW)
    return torch.where((step == 0).unsqueeze(3), images_BCHW, flat_BCHW)


def gaussian_blur(images_BCHW: Tensor, sigma_B: Tensor, *, radius: int) -> Tensor:
    """Blurred by Gaussians of those standard deviations, in pixels, cut off at the ``radius``."""
    radius = min(radius, *(side - 1 for side in images_BCHW.shape[2:]))
    if radius < 1:
        return images_BCHW
    distance = torch.arange(-radius, radius + 1, device=images_BCHW.device)
    weights_BK = (-0.5 * (distance / sigma_B.to(images_BCHW.device).unsqueeze(1)) ** 2).softmax(dim=1)
    batch, channels, height, breadth = images_BCHW.shape
    padded = functional.pad(images_BCHW, (radius,) * 4, mode="reflect")
    kernels = weights_BK.repeat_interleave(channels, dim=0).view(batch * channels, 1, 1, -1)
    rows = padded.view(1, batch * channels, height + 2 * radius, breadth + 2 * radius)
    rows = functional.conv2d(rows, kernels, groups=batch * channels)
    rows = functional.conv2d(rows, kernels.transpose(2, 3), groups=batch * channels)
    return rows.view_as(images_BCHW)


def warp(images_BCHW: Tensor, matrix_B23: Tensor, fill: Tensor | float) -> Tensor:
    """Bilinear samples of the images: of the pixel at (x, y), in pixels from the centre, right and down, what
    lies at ``matrix_B23 @ (x, y, 1)``; ``fill`` outside.
    """
    height, breadth = images_BCHW.shape[2:]
    scale = torch.tensor([[1, height / breadth, 2 / breadth], [breadth / height, 1, 2 / height]])
    theta_B23 = (matrix_B23.cpu() * scale).to(images_BCHW.device)
    grid = functional.affine_grid(theta_B23, list(images_BCHW.shape), align_corners=False)
    centred = images_BCHW - fill
    moved = functional.grid_sample(centred, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return moved.add_(fill)


def rotation(degrees_B: Tensor) -> Tensor:
    """The matrix of ``warp`` that turns images counter-clockwise about their centre, (B, 2, 3)."""
    angle_B = degrees_B * (math.pi / 180)
    cos, sin, zero = angle_B.cos(), angle_B.sin(), torch.zeros_like(angle_B)
    return torch.stack([cos, -sin, zero, sin, cos, zero], dim=1).view(-1, 2, 3)
