"""What a net must know of a data set, and the data set itself as tensors."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data.grey import Values, is_range

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LARGEST_SIZE, MOST_CHANNELS = 4096, 1024  # of an image that a net may take
IMAGENET_SOURCE = "ImageNet's, as its pretrained nets expect"


@dataclass(frozen=True)
class Spec:
    """Image shape (C, H, W), class names, and per-channel mean and standard deviation of [0, 1] pixels.

    ``statistics`` says where mean and standard deviation come from; ``value_range`` which values of grey of
    more than 8 bits are black and white: none, those of each file's type; None: not known before it is read.
    """

    image_shape: tuple[int, int, int]
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    statistics: str
    value_range: Values | None = ()

    @property
    def values(self) -> Values:
        """The value range; none where it is not known."""
        return self.value_range or ()

    def at_size(self, size: int) -> Spec:
        """The same for square images of ``size`` pixels a side."""
        return replace(self, image_shape=(self.image_shape[0], size, size))

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
            and 1 <= channels <= MOST_CHANNELS
            and 1 <= height <= LARGEST_SIZE
            and 1 <= width <= LARGEST_SIZE
            and len(self.classes) >= 1
            and all(isinstance(name, str) for name in self.classes)
            and len(self.mean) == len(self.std) == channels
            and all(math.isfinite(value) and abs(value) < 2**53 for value in numbers)
            and min(self.std) > 0
            and isinstance(self.statistics, str)
            and (not self.value_range or is_range(self.value_range))
        ):
            raise ValueError("not the spec of a data set")

    def normalise(self, images_BCHW: Tensor) -> Tensor:
        """uint8 pixels, or floats in [0, 255], as the net takes them."""
        mean, std = self._statistics(images_BCHW.device)
        return images_BCHW.float().mul(1 / (255 * std)).sub_(mean / std)

    def denormalise(self, images_BCHW: Tensor) -> Tensor:
        """Normalised images as floats in [0, 1]."""
        mean, std = self._statistics(images_BCHW.device)
        return (images_BCHW * std + mean).clamp(0, 1)

    def _statistics(self, device: torch.device) -> tuple[Tensor, Tensor]:
        return _channels(self.mean, device), _channels(self.std, device)


@functools.lru_cache(maxsize=32)
def _channels(values: tuple[float, ...], device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # they are kept, also for those who need gradients
        return torch.tensor(values, device=device).view(1, -1, 1, 1)


@dataclass(frozen=True)
class Split:
    """N images: rows of a store (M, C, H, W) uint8, in memory or mapped from a file.

    ``labels_N`` are int64, ``files`` their names; ``digests_N``, of the content, are alike where images are.
    Subsets share the store.
    """

    store: Tensor
    rows_N: Tensor
    labels_N: Tensor
    files: Sequence[str]
    digests_N: NDArray[np.uint64]

    @classmethod
    def whole(
        cls,
        store: Tensor,
        labels_N: Tensor,
        files: Sequence[str],
        digests_N: NDArray[np.uint64] | None = None,
    ) -> Split:
        """All of a store; ``digests_N`` of the pixels where none are given, as those of files are."""
        if digests_N is None:
            rows = store.contiguous().view(torch.uint8).numpy()
            digests_N = as_digests(hashlib.sha256(row.data).digest() for row in rows)
        return cls(store, torch.arange(len(store)), labels_N, files, digests_N)

    def __len__(self) -> int:
        return len(self.rows_N)

    def images(self, index_B: Tensor) -> Tensor:
        """Those of the split's images, (B, C, H, W) uint8, copied, where the store is."""
        return self.store[self.rows_N[index_B].to(self.store.device)]

    def subset(self, index_B: Tensor) -> Split:
        """Those of the split's images as a split."""
        files = [self.files[i] for i in index_B.tolist()]
        digests_B = self.digests_N[index_B.numpy()]
        return Split(self.store, self.rows_N[index_B], self.labels_N[index_B], files, digests_B)


def as_digests(sums: Iterable[bytes]) -> NDArray[np.uint64]:
    """The first 64 bits of each checksum, which two of a million images share once in 4e7 data sets."""
    return np.frombuffer(b"".join(content[:8] for content in sums), "<u8").astype(np.uint64)


def numbered(name: str, count: int) -> list[str]:
    """Names for images that are not files: ``train/00042``."""
    return [f"{name}/{index:05d}" for index in range(count)]
