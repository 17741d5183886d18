"""The images of a data set as tensors.

Axes: M images of a store, N of a split, B of a batch, H × W pixels, C channels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.errors import UserError
from pellucid.inside.images import Images
from pellucid.spec import Spec


@dataclass(frozen=True)
class Split:
    """A split of a data set, N images: rows of a store (M, C, H, W) uint8, in memory or mapped from a file.

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

    def check(self, by: str, spec: Spec) -> None:
        """Raise UserError where what was read, by a user's class, is not as it should be."""
        channels, classes, labels_N = spec.image_shape[0], len(spec.classes), self.labels_N
        pixels = self.store.dtype == torch.uint8 and self.store.shape[1:2] == (channels,)
        counted = self.store.ndim == 4 and len(self.rows_N) == len(labels_N) == len(self.files)
        right = labels_N.dtype == torch.int64 and bool(((labels_N >= 0) & (labels_N < classes)).all())
        if not (pixels and counted and right):
            raise UserError(
                f"{by}: expected a store (N, {channels}, H, W) of uint8, and for each image an int64 label "
                f"from 0 to {classes - 1} and a file's name; got a store {tuple(self.store.shape)} of "
                f"{self.store.dtype}, {len(self.rows_N)} images, {len(self.files)} names and {len(labels_N)} "
                f"labels of {labels_N.dtype}, {sorted(set(labels_N.tolist()))[:10]}."
            )

    def images(self, index_B: Tensor | None = None) -> Tensor:
        """Those of the split's images, or all, (B, C, H, W) uint8, copied, where the store is."""
        rows_B = self.rows_N if index_B is None else self.rows_N[index_B]
        return self.store[rows_B.to(self.store.device)]

    def subset(self, index_B: Tensor) -> Split:
        """Those of the split's images as a split."""
        files = [self.files[i] for i in index_B.tolist()]
        digests_B = self.digests_N[index_B.numpy()]
        return Split(self.store, self.rows_N[index_B], self.labels_N[index_B], files, digests_B)

    def pick(self, index_B: Tensor, classes: Sequence[str]) -> Images:
        """Those of the split's images with what is known of them."""
        labels_B = self.labels_N[index_B]
        return Images(
            pixels_BCHW=self.images(index_B),
            labels_B=labels_B,
            files=[self.files[index] for index in index_B.tolist()],
            names=[classes[label] for label in labels_B.tolist()],
        )


def as_digests(sums: Iterable[bytes]) -> NDArray[np.uint64]:
    """The first 64 bits of each checksum, which two of a million images share once in 4e7 data sets."""
    return np.frombuffer(b"".join(content[:8] for content in sums), "<u8").astype(np.uint64)


def numbered(name: str, count: int) -> list[str]:
    """Names for images that are not files: ``train/00042``."""
    return [f"{name}/{index:05d}" for index in range(count)]
