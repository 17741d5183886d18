"""The images of a data set as tensors.

Axes: M images of a store, N of a split, B of a batch, H × W pixels, C channels, K labels or numbers.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data.store import WholePhotos
from pellucid.errors import UserError
from pellucid.inside.images import UNKNOWN, Images
from pellucid.spec import CLASS, MULTILABEL, Spec

FEW = 10  # images of a stratum, below which it is joined with others


@dataclass(frozen=True)
class Split:
    """A split of a data set, N images: rows of a store (M, C, H, W) uint8, in memory or mapped from a file,
    or of whole photos of which a net sees that.

    ``labels_N`` are int64, ``files`` their names; ``digests_N``, of the content, are alike where images are.
    Subsets share the store. Images that have no class, and ``UNKNOWN`` for a label, have ``targets_NK``:
    which labels each has, bool, or its numbers, float32. Images of one group, alike in ``groups_N``, stay
    together in one split; ``weights_N``, float32, are those of the training loss.
    """

    store: Tensor | WholePhotos
    rows_N: Tensor
    labels_N: Tensor
    files: Sequence[str]
    digests_N: NDArray[np.uint64]
    targets_NK: Tensor | None = None
    groups_N: NDArray[np.uint64] | None = None
    weights_N: Tensor | None = None

    @classmethod
    def whole(
        cls,
        store: Tensor | WholePhotos,
        labels_N: Tensor,
        files: Sequence[str],
        digests_N: NDArray[np.uint64] | None = None,
    ) -> Split:
        """All of a store; ``digests_N`` of the pixels where none are given, as those of files are."""
        if digests_N is None:
            assert isinstance(store, Tensor)
            rows = store.contiguous().view(torch.uint8).numpy()
            digests_N = as_digests(hashlib.sha256(row.data).digest() for row in rows)
        return cls(store, torch.arange(len(store)), labels_N, files, digests_N)

    def __len__(self) -> int:
        return len(self.rows_N)

    @property
    def targets(self) -> Tensor:
        """What is learned of each image: its class, (N,) int64, or ``targets_NK``."""
        return self.labels_N if self.targets_NK is None else self.targets_NK

    @functools.cached_property
    def strata_N(self) -> Tensor:  # noqa: N802  the axis
        """The parts, int64, that each split takes its share of: classes; of images with several labels, by
        the rarest that an image has; of numbers, by the tenth of all that the first one is in.
        """
        if self.targets_NK is None:
            return self.labels_N
        if self.targets_NK.dtype == torch.bool:
            counts_K = self.targets_NK.sum(dim=0)
            rarity_NK = torch.where(self.targets_NK, counts_K, len(self) + 1)
            strata_N = torch.where(self.targets_NK.any(dim=1), rarity_NK.argmin(dim=1), UNKNOWN)
        else:
            ranks_N = self.targets_NK[:, 0].argsort(stable=True).argsort(stable=True)
            strata_N = ranks_N * min(FEW, max(1, len(self) // FEW)) // max(1, len(self))
        _, index_N, counts = torch.unique(strata_N, return_inverse=True, return_counts=True)
        return torch.where(counts[index_N] < FEW, UNKNOWN - 1, strata_N)

    @property
    def codes_N(self) -> NDArray[np.int64]:  # noqa: N802  the axis
        """A number below 2**31 for what is known of each image: its class, or a hash."""
        if self.targets_NK is None:
            labels_N: NDArray[np.int64] = self.labels_N.numpy()
            return labels_N
        rows = self.targets_NK.contiguous().numpy()
        digests_N = as_digests(hashlib.sha256(row.data).digest() for row in rows)
        codes_N: NDArray[np.int64] = (digests_N >> np.uint64(33)).astype(np.int64)
        return codes_N

    def check(self, by: str, spec: Spec) -> None:
        """Raise UserError where what was read, by a user's class, is not as it should be."""
        channels, classes, labels_N = spec.image_shape[0], len(spec.classes), self.labels_N
        pixels = self.store.dtype == torch.uint8 and self.store.shape[1:2] == (channels,)
        counted = self.store.ndim == 4 and len(self.rows_N) == len(labels_N) == len(self.files)
        if not (pixels and counted and self._has(spec.labels, classes)):
            expected = {
                CLASS: f"an int64 label from 0 to {classes - 1}",
                MULTILABEL: f"{classes} bools in targets_NK",
            }
            known, got = expected.get(spec.labels, f"{classes} float32 in targets_NK"), self.targets
            values = sorted(set(got.tolist()))[:10] if got.ndim == 1 else tuple(got.shape)
            raise UserError(
                f"{by}: expected a store (N, {channels}, H, W) of uint8, and for each image {known} and a "
                f"file's name; got a store {tuple(self.store.shape)} of {self.store.dtype}, "
                f"{len(self.rows_N)} images, {len(self.files)} names and {len(got)} labels of {got.dtype}, "
                f"{values}."
            )

    def _has(self, labels: str, count: int) -> bool:
        """Whether what is known of the images is that."""
        if labels == CLASS:
            labels_N = self.labels_N
            right = labels_N.dtype == torch.int64 and bool(((labels_N >= 0) & (labels_N < count)).all())
            return right and self.targets_NK is None
        dtype = torch.bool if labels == MULTILABEL else torch.float32
        targets_NK = self.targets_NK
        return targets_NK is not None and targets_NK.dtype == dtype and targets_NK.shape == (len(self), count)

    def images(self, index_B: Tensor | None = None) -> Tensor:
        """Those of the split's images, or all, (B, C, H, W) uint8, copied, where the store is."""
        rows_B = self.rows_N if index_B is None else self.rows_N[index_B]
        return self.store[rows_B.to(self.store.device)]

    @property
    def is_whole(self) -> bool:
        """Whether its images are photos that are kept whole."""
        return isinstance(self.store, WholePhotos)

    def crops(
        self, index_B: Tensor, boxes_B4: Tensor, size: tuple[int, int], flipped_B: Tensor | None = None
    ) -> Tensor:
        """Parts of those of the whole photos, (B, C, *size) uint8, see ``WholePhotos.crops``."""
        assert isinstance(self.store, WholePhotos)
        return self.store.crops(self.rows_N[index_B], boxes_B4, size, flipped_B)

    def aspects(self, index_B: Tensor) -> Tensor:
        """Width to height, (B,), of those of the whole photos."""
        assert isinstance(self.store, WholePhotos)
        sizes_B2 = self.store.sizes_M2[self.rows_N[index_B]]
        return sizes_B2[:, 1] / sizes_B2[:, 0]

    def subset(self, index_B: Tensor) -> Split:
        """Those of the split's images as a split."""
        return Split(
            self.store,
            self.rows_N[index_B],
            self.labels_N[index_B],
            [self.files[i] for i in index_B.tolist()],
            self.digests_N[index_B.numpy()],
            targets_NK=None if self.targets_NK is None else self.targets_NK[index_B],
            groups_N=None if self.groups_N is None else self.groups_N[index_B.numpy()],
            weights_N=None if self.weights_N is None else self.weights_N[index_B],
        )

    def pick(self, index_B: Tensor, classes: Sequence[str]) -> Images:
        """Those of the split's images with what is known of them."""
        labels_B = self.labels_N[index_B]
        targets_BK = None if self.targets_NK is None else self.targets_NK[index_B]
        if targets_BK is None:
            names = [classes[label] for label in labels_B.tolist()]
        else:
            names = [describe(row_K, classes) for row_K in targets_BK]
        return Images(
            pixels_BCHW=self.images(index_B),
            labels_B=labels_B,
            files=[self.files[index] for index in index_B.tolist()],
            names=names,
            targets_BK=targets_BK,
        )


def describe(targets_K: Tensor, names: Sequence[str]) -> str:
    """What is known of an image in words: ``cat, dog`` or ``none``; ``34.2``; ``x 1.5, y -2``."""
    if targets_K.dtype == torch.bool:
        has = [name for name, value in zip(names, targets_K.tolist(), strict=True) if value]
        return ", ".join(has) or "none"
    numbers = [f"{value:.4g}" for value in targets_K.tolist()]
    return numbers[0] if len(numbers) == 1 else ", ".join(map(" ".join, zip(names, numbers, strict=True)))


def as_digests(sums: Iterable[bytes]) -> NDArray[np.uint64]:
    """The first 64 bits of each checksum, which two of a million images share once in 4e7 data sets."""
    return np.frombuffer(b"".join(content[:8] for content in sums), "<u8").astype(np.uint64)


def numbered(name: str, count: int) -> list[str]:
    """Names for images that are not files: ``train/00042``."""
    return [f"{name}/{index:05d}" for index in range(count)]
