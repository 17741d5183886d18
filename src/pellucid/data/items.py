"""Items of anybody's data set, images with their classes in any form, as pixels and labels.

Axes: C channels, H × W pixels.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from pellucid.data.decode import flat_pixels
from pellucid.data.fitting import RESAMPLING
from pellucid.discovery.batch import FEW_CHANNELS, IMAGE_KEYS, LABEL_KEYS
from pellucid.discovery.normalization import TOLERANCE, Normalization
from pellucid.errors import UserError, first_line
from pellucid.spec import Fit

Raw = Image.Image | NDArray[Any]  # flat, or (C, H, W) uint8, or float32 of any scale
Shape = tuple[int, int, int]
OTHER_PLACES = ("site-packages", "dist-packages", str(Path(__file__).parents[1]))  # than a user's own code
MAX_SHOWN = 60  # signs of a value


class ItemError(Exception):
    """What is wrong with an item, in words that go on after ``item 17``."""


@dataclass(frozen=True)
class Keys:
    """The keys of image and label in items that are mappings; none: found by the usual names."""

    image: str | None = None
    label: str | None = None


@dataclass(frozen=True)
class Form:
    """The form that items are brought to: images (C, H, W) uint8.

    ``photos``: Pillow's images of any size, brought to it as photos are by ``fit``. ``normalization``: what
    is undone in arrays that are not uint8.
    """

    shape: Shape
    photos: bool
    fit: Fit
    normalization: Normalization | None


def fetch(dataset: Any, index: int) -> Any:
    """The data set's item as it gives it. Raises ItemError where it raises, with the place."""
    try:
        return dataset[index]
    except UserError as error:
        raise ItemError(f"raised: {first_line(error)}") from error
    except (Exception, SystemExit) as error:  # which would end the training without a word
        raise ItemError(
            f"raised {described(error)}. Every item is needed: mend it, or leave it out of the data set."
        ) from error


def described(error: BaseException) -> str:
    """What was raised, in a line, and where in the user's own code."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not any(place in frame.filename for place in OTHER_PLACES)]
    frame = (theirs or frames)[-1]
    text = first_line(error).rstrip(".")
    told = type(error).__name__ + (f": {text}" if text != type(error).__name__ else "")
    return f"{told} ({frame.filename}, line {frame.lineno})"


def parts_of(item: Any, keys: Keys) -> tuple[Any, Any]:
    """The image and the label of an item: a pair, or under their names. Raises ItemError."""
    named = _named(item)
    if named is not None:
        return _value(named, keys.image, IMAGE_KEYS, "image"), _value(named, keys.label, LABEL_KEYS, "label")
    parts = list(item) if isinstance(item, tuple | list) else []
    images = [part for part in parts if _is_image(part)]
    if len(parts) < 2 or not images:
        raise ItemError(f"is {_kind(item)}. Expected a pair of image and label, or a mapping of both.")
    image = images[0]
    return image, next(part for part in parts if part is not image)


def _named(item: Any) -> dict[str, Any] | None:
    if isinstance(item, Mapping):
        return {str(key): value for key, value in item.items()}
    if hasattr(item, "_asdict"):  # a named tuple
        named = dict(item._asdict())
        return named if _find(named, IMAGE_KEYS) and _find(named, LABEL_KEYS) else None
    if is_dataclass(item) and not isinstance(item, type):
        return {field.name: getattr(item, field.name) for field in fields(item)}
    return None


def _value(named: Mapping[str, Any], key: str | None, usual: tuple[str, ...], what: str) -> Any:
    found = key if key in named else None if key else _find(named, usual)
    if found is None:
        expected = f"'{key}'" if key else f"one of {', '.join(usual)}"
        raise ItemError(f"has no {what}: its keys are {', '.join(named)}; expected {expected}.")
    return named[found]


def _find(named: Mapping[str, Any], usual: tuple[str, ...]) -> str | None:
    lower = {name.lower(): name for name in named}
    return next((lower[name] for name in usual if name in lower), None)


def _is_image(value: Any) -> bool:
    return isinstance(value, Image.Image) or (isinstance(value, Tensor | np.ndarray) and value.ndim >= 2)


def raw_of(image: Any) -> Raw:
    """An image without its form: of Pillow's the flat one, of arrays (C, H, W). Raises ItemError."""
    if isinstance(image, Image.Image):
        return flat_pixels(image)
    first = isinstance(image, Tensor)  # whose channels are, unless their numbers tell otherwise
    if isinstance(image, Tensor):
        image = (image.float() if image.dtype == torch.bfloat16 else image).detach().cpu().numpy()
    if not isinstance(image, np.ndarray) or image.ndim not in (2, 3) or image.dtype.kind not in "uifb":
        raise ItemError(
            f"has the image {_kind(image)}. Expected one of Pillow's, or an array or tensor of numbers, "
            "(H, W), (H, W, C) or (C, H, W)."
        )
    if 0 in image.shape:
        raise ItemError(f"has an image without pixels, {image.shape}.")
    if image.ndim == 2:
        image = image[None]
    elif not _is_channels_first(image.shape, first):
        image = image.transpose(2, 0, 1)
    if image.dtype == np.bool_:
        image = image.astype(np.uint8) * np.uint8(255)
    pixels: NDArray[Any] = image if image.dtype == np.uint8 else image.astype(np.float32)
    return np.ascontiguousarray(pixels)


def _is_channels_first(shape: tuple[int, ...], otherwise: bool) -> bool:
    begin, middle, end = shape
    if (begin == middle) != (middle == end):  # square images
        return middle == end
    few = (begin in FEW_CHANNELS, end in FEW_CHANNELS)
    if few[0] != few[1]:
        return few[0]
    return begin < end or (begin == end and otherwise)


def shape_of(raw: Raw) -> Shape:
    """Channels, height and width."""
    if isinstance(raw, Image.Image):
        return (3 if raw.mode == "RGB" else 1, raw.height, raw.width)
    channels, height, width = raw.shape
    return channels, height, width


def pixels_of(raw: Raw, form: Form) -> NDArray[np.uint8]:
    """The image in its form. Raises ItemError where it has another one."""
    if isinstance(raw, Image.Image):
        return _of_pillow(raw, form)
    if form.photos:
        raise ItemError(f"is an array {raw.shape}, others are Pillow's images. Expected all alike.")
    if raw.shape != form.shape:
        raise ItemError(
            f"has an image of the shape {raw.shape}, those before {form.shape}. Expected all alike: resize "
            "them in the data set, or give images of Pillow's, which are brought to one size."
        )
    if raw.dtype == np.uint8:
        return raw
    check_numbers(raw)
    if form.normalization is None:
        raise ItemError("has an image of floats, others are uint8. Expected all alike.")
    undone = form.normalization
    mean_C, std_C = (np.array(values, np.float32)[:, None, None] for values in (undone.mean, undone.std))
    values_CHW = raw * std_C + mean_C
    low, high = float(values_CHW.min()), float(values_CHW.max())
    if low < -TOLERANCE or high > 1 + TOLERANCE:
        raise ItemError(
            f"has values from {raw.min():.3g} to {raw.max():.3g}, beyond black and white of the others "
            f"({form.normalization.source}). Expected uint8, or floats from 0 to 1."
        )
    pixels: NDArray[np.uint8] = np.round(values_CHW.clip(0, 1) * 255).astype(np.uint8)
    return pixels


def check_numbers(raw: NDArray[Any]) -> None:
    """Raise ItemError where there are values that are no finite number."""
    missing = int(raw.size - np.isfinite(raw).sum())
    if missing:
        raise ItemError(f"has an image of which {missing:,} of {raw.size:,} values are NaN or infinite.")


def _of_pillow(image: Image.Image, form: Form) -> NDArray[np.uint8]:
    channels, height, width = form.shape
    if channels not in (1, 3) or form.normalization is not None:
        raise ItemError(f"is an image of Pillow's, others are arrays {form.shape}. Expected all alike.")
    if channels == 1 and image.mode == "RGB":
        raise ItemError("is in colour, those before are grey. Expected all alike: convert them to one mode.")
    if image.size != (width, height):
        bleed = (1 - form.fit.crop) / 2 if form.photos else 0.0
        image = ImageOps.fit(image, (width, height), RESAMPLING[form.fit.resample], bleed)
    if channels == 1:
        return np.asarray(image)[None]
    return np.ascontiguousarray(np.asarray(image.convert("RGB")).transpose(2, 0, 1))


def bytes_of(raw: Raw) -> bytes:
    """What an image holds, whatever form it is brought to."""
    head = repr((shape_of(raw), "" if isinstance(raw, Image.Image) else str(raw.dtype))).encode()
    return head + raw.tobytes()


def _kind(value: Any) -> str:
    if isinstance(value, Tensor | np.ndarray):
        return f"an array {tuple(value.shape)} of {value.dtype}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {', '.join(type(part).__name__ for part in value) or 'nothing'}"
    return shown(value)


def shown(value: Any) -> str:
    """A value in a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
