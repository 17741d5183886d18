"""Images and labels in a batch of any form.

Axes: B images, C channels, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

from pellucid.errors import UserError

IMAGE_KEYS = ("image", "images", "pixel_values", "img", "imgs", "input", "inputs", "x", "data")
LABEL_KEYS = ("label", "labels", "target", "targets", "y", "class", "classes", "gt_label", "cls")
FEW_CHANNELS = (1, 3, 4)
PickBatch = Callable[[Any], Any]  # of a batch: images, or images and labels
Leaf = tuple[str, str, Tensor]  # a path, the last name in it, and what lies there


@dataclass(frozen=True)
class FoundBatch:
    """Images (B, C, H, W) of a batch, as they lie in it, their int64 labels (B,) where there are some, and
    where both were found. ``is_multi_hot``: there are labels of several classes an image, (B, K).
    """

    images_BCHW: Tensor
    labels_B: Tensor | None
    images_path: str
    labels_path: str
    is_multi_hot: bool = False


def find_batch(batch: Any, pick: PickBatch | None = None) -> FoundBatch:
    """The images and labels of a batch; ``pick`` says what they are. Raises UserError where it has none."""
    if pick is not None:
        try:
            picked = pick(batch)
        except Exception as error:
            raise UserError(
                f"batch=…: {type(error).__name__}: {error}, of a batch that is {_described(batch)}."
            ) from error
        images, labels = picked if isinstance(picked, tuple | list) else (picked, None)
        if not isinstance(images, Tensor) or images.ndim != 4:
            raise UserError(f"batch=…: expected images (B, C, H, W), got {_described(images)}.")
        labels_B, is_multi_hot = _as_labels(labels, len(images)), _is_multi_hot(labels, len(images))
        return FoundBatch(_checked(images), labels_B, "batch=…", "batch=…", is_multi_hot)
    leaves = list(_leaves(batch, "batch", ""))
    planes = [leaf for leaf in leaves if leaf[2].ndim == 4 and not leaf[2].is_complex()]
    planes.sort(key=lambda leaf: _rank(leaf[1], IMAGE_KEYS))
    if not planes:
        found = ", ".join(f"{path} {_described(value)}" for path, _, value in leaves[:6]) or "no tensor"
        raise UserError(
            f"No images in a batch: expected a tensor (B, C, H, W), found {found}. Say where they are: "
            "batch=lambda b: (b['pixels'].reshape(-1, 1, 28, 28), b['labels'])."
        )
    path, _, images = planes[0]
    labels_path, labels_B, is_multi_hot = "", None, False
    for label_path, name, value in sorted(leaves, key=lambda leaf: _rank(leaf[1], LABEL_KEYS)):
        named = name in LABEL_KEYS
        if label_path == path or (name and not named):
            continue  # a number under another name may be anything
        is_multi_hot = is_multi_hot or _is_multi_hot(value, len(images))
        labels_B = None if is_multi_hot else _as_labels(value, len(images), floats=named)
        if labels_B is not None:
            labels_path = label_path
            break
    return FoundBatch(_checked(images), labels_B, path, labels_path, is_multi_hot)


def _leaves(value: Any, path: str, name: str) -> Iterator[Leaf]:
    """Tensors in lists, tuples, mappings and dataclasses, in their order."""
    if isinstance(value, Tensor):
        yield path, name, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{path}[{key!r}]", str(key).lower())
    elif hasattr(value, "_fields"):  # a named tuple
        for field in value._fields:
            yield from _leaves(getattr(value, field), f"{path}.{field}", field.lower())
    elif isinstance(value, tuple | list):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]", name)
    elif is_dataclass(value) and not isinstance(value, type):
        for item in fields(value):
            yield from _leaves(getattr(value, item.name, None), f"{path}.{item.name}", item.name.lower())


def _rank(name: str, keys: tuple[str, ...]) -> int:
    return keys.index(name) if name in keys else len(keys)


def _as_labels(value: Any, count: int, *, floats: bool = True) -> Tensor | None:
    """Class numbers of so many images; None where these are none."""
    if not isinstance(value, Tensor) or value.numel() != count or value.ndim > 2 or value.is_complex():
        return None
    values = value.detach().flatten()
    if values.is_floating_point() and not (floats and bool(((values == 0) | (values == 1)).all())):
        return None
    return values.to("cpu", torch.int64)


def _is_multi_hot(value: Any, count: int) -> bool:
    return (
        isinstance(value, Tensor)
        and value.ndim == 2
        and len(value) == count
        and value.shape[1] > 1
        and not value.is_complex()
        and bool(((value == 0) | (value == 1)).all())
    )


def is_channels_last(images: Tensor) -> bool:
    """Whether images with four axes have their channels in the last."""
    _, second, _, last = images.shape
    return last in FEW_CHANNELS and second not in FEW_CHANNELS


def _checked(images: Tensor) -> Tensor:
    if is_channels_last(images):
        raise UserError(
            f"Images of a batch have the shape {tuple(images.shape)}, channels last. Expected (B, C, H, W): "
            "batch=lambda b: (b[0].permute(0, 3, 1, 2), b[1])."
        )
    return images


def _described(value: Any) -> str:
    return f"{tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
