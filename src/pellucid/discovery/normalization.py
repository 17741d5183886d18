"""Mean and standard deviation by which images were normalised, found in transforms.

Axes: B images, C channels, H × W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.discovery.walk import reachable
from pellucid.errors import UserError

TOLERANCE = 0.02  # of white: rounding, and what resizing overshoots
DARK_BYTES = 16  # the brightest pixel of images in [0, 255] is above
OWN_RANGE = "not known: each image is shown by its own range"


@dataclass(frozen=True)
class Normalization:
    """Per-channel mean and standard deviation of [0, 1] pixels, and where they are from; none: not known."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    source: str

    def check(self, channels: int) -> None:
        """Raise UserError where it is not of images with so many channels."""
        if len(self.mean) not in (0, 1, channels):
            raise UserError(
                f"mean={list(self.mean)}, std={list(self.std)}: expected a number for each of {channels} "
                "channels, or one of all."
            )


def given_normalization(mean: Any, std: Any) -> Normalization | None:
    """That which is given as numbers, or as sequences or arrays of them; None where neither is. Raises
    UserError.
    """
    if mean is None and std is None:
        return None
    mean_C, std_C = (_numbers(value) for value in (mean, std))
    if not mean_C or len(mean_C) != len(std_C) or min(std_C) <= 0:
        raise UserError(f"mean={mean}, std={std}: expected both, a number a channel, std above 0.")
    return Normalization(mean_C, std_C, "as given")


def find_normalization(images_BCHW: Tensor, *holders: Sequence[Any]) -> Normalization:
    """That of images as a net takes them: none where they are in [0, 1] or [0, 255], as the dark ones of
    normalised images never are; else that of the first of the ``holders`` that hold a Normalize which gives,
    undone, pixels; else it is not known.
    """
    channels = images_BCHW.shape[1]
    values_BCHW = images_BCHW.detach().float().cpu()
    if scale := _scale(values_BCHW):
        return Normalization((0.0,) * channels, (1 / scale,) * channels, f"values in [0, {scale}]")
    for roots in holders:
        for holder in reachable(*roots):
            for mean, std in _stated(holder, channels):
                mean_C, std_C = torch.tensor(mean), torch.tensor(std)
                if scale := _scale(values_BCHW * std_C.view(-1, 1, 1) + mean_C.view(-1, 1, 1)):
                    mean, std = (tuple(value / scale for value in values) for values in (mean, std))
                    return Normalization(mean, std, f"{type(holder).__name__} of {_package(holder)}")
    return Normalization((), (), OWN_RANGE)


def _scale(values: Tensor) -> int:
    """Which number is white, where these are pixels: 1 or 255; else 0."""
    low, high = float(values.min()), float(values.max())
    if low >= -TOLERANCE and high <= 1 + TOLERANCE:
        return 1
    return 255 if low >= -TOLERANCE * high and DARK_BYTES < high <= 255 * (1 + TOLERANCE) else 0


def _stated(holder: Any, channels: int) -> Iterator[tuple[tuple[float, ...], tuple[float, ...]]]:
    """Of torchvision, albumentations and kornia; of an image processor; of timm's data configuration."""
    options: dict[str, Any] = holder if isinstance(holder, dict) else getattr(holder, "__dict__", {})
    flags = options.get("flags")
    named = "normalize" in type(holder).__name__.lower()
    pairs = [
        (options.get("mean"), options.get("std")) if named or isinstance(holder, dict) else (None, None),
        (flags.get("mean"), flags.get("std")) if isinstance(flags, Mapping) and named else (None, None),
        (options.get("image_mean"), options.get("image_std")),
    ]
    buffers = options.get("_buffers")
    if named and isinstance(buffers, Mapping):
        pairs.append((buffers.get("mean"), buffers.get("std")))
    for pair in pairs:
        mean, std = (_as_numbers(value, channels) for value in pair)
        if mean and std and min(std) > 0:
            yield mean, std


def _as_numbers(value: Any, channels: int) -> tuple[float, ...]:
    """A number a channel; one number is that of all."""
    numbers = _numbers(value)
    numbers = numbers * channels if len(numbers) == 1 else numbers
    return numbers if len(numbers) == channels else ()


def _numbers(value: Any) -> tuple[float, ...]:
    """None where there are others than finite numbers."""
    if value is None or isinstance(value, str | Mapping):
        return ()
    try:
        numbers = np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value, dtype=np.float64)
    except (TypeError, ValueError):
        return ()
    flat = numbers.flatten().tolist()
    return tuple(flat) if all(map(math.isfinite, flat)) else ()


def _package(holder: Any) -> str:
    return type(holder).__module__.partition(".")[0]
