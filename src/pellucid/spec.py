"""What is known of images without a look at them: shape, classes, statistics; and how a net is given them.

Axes: B images, H × W pixels, C channels.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from pellucid.errors import counted

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RESAMPLES, MIN_CROP = ("bilinear", "bicubic"), 0.1
CENTRE, CROP, PAD, SQUASH = FIT_MODES = ("centre", "crop", "pad", "squash")
FITS = (CROP, PAD, SQUASH)  # that may be asked for
EVALUATION_CROP = 0.875  # of a photo's shorter side: 224 of 256 pixels (Krizhevsky et al. 2012)
MAX_SIZE, MAX_CHANNELS = 4096, 1024  # of an image that a net may take
CLASS, MULTILABEL, NUMBERS = LABELS = ("class", "multilabel", "numbers")  # what is known of an image
IMAGENET_SOURCE = "ImageNet's, as its pretrained nets expect"
# The lowest and the highest, of all channels or of each in turn; none: those of each file's type.
Values = tuple[float, ...]
Size = int | Sequence[int]  # pixels a side, or height and width


@dataclass(frozen=True)
class Fit:
    """How an image is brought to a net's size: by ``resample``, bilinear or bicubic, with antialiasing.

    ``mode`` crop: resized until it covers the net's size divided by ``crop``, in (0, 1], and cropped at the
    centre. pad: resized until it lies within the net's size, on a ground of the values ``fill``, one a
    channel. squash: height and breadth resized each by itself. centre, as runs had it before there was a
    choice and images in memory have it: the largest part of the net's proportions at the centre, of whose
    sides ``crop`` is left, cropped and resized at once.
    """

    resample: str = "bilinear"
    crop: float = 1.0
    mode: str = CENTRE
    fill: tuple[int, ...] = ()


@dataclass(frozen=True)
class Spec:
    """Image shape (C, H, W), class names, and per-channel mean and standard deviation of [0, 1] pixels; of
    images whose normalisation is not known none.

    ``labels`` says what is known of an image: its class, one of ``classes``; any of them (multilabel); or a
    number for each of them, which are names of numbers then.
    ``statistics`` says where mean and standard deviation come from; ``value_range`` which values of grey of
    more than 8 bits are black and white: none, those of each file's type; None: not known before it is read;
    ``resample``, ``crop`` and ``fit_mode`` how images are brought to the size, see ``Fit``. ``bands``: how
    they are shown, see ``pellucid.draw.sheet.rgb``.
    """

    image_shape: tuple[int, int, int]
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    statistics: str
    value_range: Values | None = ()
    resample: str = "bilinear"
    crop: float = 1.0
    labels: str = CLASS
    bands: tuple[float, ...] = ()
    fit_mode: str = CENTRE

    @property
    def outputs(self) -> str:
        """``10 classes``, ``6 labels`` or ``1 number``: what is learned of an image."""
        return counted(len(self.classes), {CLASS: "class", MULTILABEL: "label"}.get(self.labels, "number"))

    @property
    def fit(self) -> Fit:
        """How images are brought to the size."""
        fill = tuple(round(255 * value) for value in self.mean) if self.fit_mode == PAD else ()
        return Fit(self.resample, self.crop, self.fit_mode, fill)

    @property
    def values(self) -> Values:
        """The value range; none where it is not known."""
        return self.value_range or ()

    @property
    def shown_as(self) -> str:
        """How images of many channels are shown, in a few words; empty where nothing is chosen."""
        if not self.bands:
            return ""
        if len(self.bands) > 3:
            return f"shown: the first 3 principal components of {self.image_shape[0]} channels"
        numbers = ", ".join(f"{band:g}" for band in self.bands)
        return f"shown: channel {numbers}" if len(self.bands) == 1 else f"shown: channels {numbers} as RGB"

    def noted(self, note: str) -> str:
        """The note of a picture with images on it, and how they are shown."""
        between = " " if note.endswith(".") else "; "
        return between.join(text for text in (note, self.shown_as) if text)

    def at_size(self, size: Size) -> Spec:
        """The same for images of ``size`` pixels a side, or of that height and width."""
        return replace(self, image_shape=(self.image_shape[0], *sides(size)))

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, as a checkpoint holds them."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Spec:
        """The spec of which ``to_dict`` gave that."""
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**plain)

    def check(self) -> None:
        """Raise ValueError or TypeError where it is no data set's: it may come from a file."""
        channels, height, width = self.image_shape
        numbers = (*self.mean, *self.std)
        if not (
            all(type(side) is int for side in self.image_shape)
            and 1 <= channels <= MAX_CHANNELS
            and 1 <= height <= MAX_SIZE
            and 1 <= width <= MAX_SIZE
            and len(self.classes) >= 1
            and all(isinstance(name, str) for name in self.classes)
            and len(self.mean) == len(self.std) == channels
            and all(math.isfinite(value) and abs(value) < 2**53 for value in numbers)
            and min(self.std) > 0
            and isinstance(self.statistics, str)
            and (not self.value_range or is_range_of(self.value_range, channels))
            and self._has_right_bands()
            and self.resample in RESAMPLES
            and MIN_CROP <= self.crop <= 1
            and self.fit_mode in FIT_MODES
            and self.labels in LABELS
        ):
            raise ValueError("not the spec of a data set")

    def _has_right_bands(self) -> bool:
        channels = self.image_shape[0]
        if len(self.bands) in (0, 1, 3):
            return all(type(band) is int and 0 <= band < channels for band in self.bands)
        finite = all(type(weight) in (int, float) and math.isfinite(weight) for weight in self.bands)
        return finite and len(self.bands) == 3 * (channels + 1)

    def normalise(self, images_BCHW: Tensor, *, white: float = 255) -> Tensor:
        """uint8 pixels, or floats in [0, ``white``], as the net takes them."""
        mean, std = self._statistics(images_BCHW.device)
        scale, shift = 1 / (white * std), mean / std
        if images_BCHW.dtype == torch.uint8:  # their floats are nobody else's
            return images_BCHW.float().mul_(scale).sub_(shift)
        return images_BCHW.float().mul(scale).sub_(shift)

    def denormalise(self, images_BCHW: Tensor) -> Tensor:
        """Normalised images as floats in [0, 1]; by each image's own range where no mean is known."""
        if not self.mean:
            low, high = (bound(images_BCHW.flatten(1), dim=1) for bound in (torch.amin, torch.amax))
            span = (high - low).clamp(min=torch.finfo(images_BCHW.dtype).tiny)
            return (images_BCHW - low.view(-1, 1, 1, 1)) / span.view(-1, 1, 1, 1)
        mean, std = self._statistics(images_BCHW.device)
        return (images_BCHW * std + mean).clamp(0, 1)

    def mean_colour(self, device: torch.device) -> Tensor:
        """The mean of [0, 1] pixels, (1, C, 1, 1)."""
        return self._statistics(device)[0]

    def _statistics(self, device: torch.device) -> tuple[Tensor, Tensor]:
        return _channels(self.mean, device), _channels(self.std, device)


@functools.lru_cache(maxsize=32)
def _channels(values: tuple[float, ...], device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # they are kept, also for those who need gradients
        return torch.tensor(values, device=device).view(1, -1, 1, 1)


def prepare(images_BCHW: Tensor, spec: Spec) -> Tensor:
    """uint8 images as the net takes them: at the spec's size (antialiased), normalised."""
    if images_BCHW.shape[2:] == spec.image_shape[1:]:
        return spec.normalise(images_BCHW)
    return spec.normalise(resize(images_BCHW, spec))


def resize(images_BCHW: Tensor, spec: Spec) -> Tensor:
    """uint8 images at the spec's size (antialiased), floats in [0, 255]."""
    images_BCHW = images_BCHW.float()
    if images_BCHW.shape[2:] != spec.image_shape[1:]:
        images_BCHW = functional.interpolate(
            images_BCHW, size=spec.image_shape[1:], mode=spec.resample, antialias=True
        )
        if spec.resample == "bicubic":  # which overshoots
            images_BCHW.clamp_(0, 255)
    return images_BCHW


def sides(size: Size) -> tuple[int, int]:
    """Height and width."""
    height, width = (size, size) if isinstance(size, int) else size
    return height, width


def is_range(values: object) -> bool:
    """Whether these are two finite numbers, the lower first."""
    return (
        isinstance(values, Sequence)
        and len(values) == 2
        and all(type(value) in (int, float) and math.isfinite(value) for value in values)
        and bool(values[0] < values[1])
    )


def is_range_of(values: object, channels: int) -> bool:
    """Whether these are a range for all of so many channels, or one after another for each."""
    if is_range(values):
        return True
    if not isinstance(values, Sequence) or len(values) != 2 * channels:
        return False
    return all(is_range(values[2 * channel : 2 * channel + 2]) for channel in range(channels))
