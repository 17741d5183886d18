"""A fixed choice of somebody's images, in memory: those that views look at.

Axes: N images, B of a batch, C channels, H × W pixels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from pellucid.discovery.batch import FoundBatch, PickBatch, find_batch, is_channels_last
from pellucid.discovery.dataset import labels, length
from pellucid.discovery.normalization import Normalization
from pellucid.errors import UserError
from pellucid.inside.images import UNKNOWN, Images
from pellucid.inside.reference import choose_reference_images
from pellucid.spec import Spec

MAX_IMAGES, MAX_BYTES = 2000, 2**28  # that are kept
GIVEN = "images=…"  # where images lie that are no batch's
FIRST = 64  # images of which a first fetch shows how long one takes
Transfer = Callable[[Any], Any]  # a batch as the net's step would get it


@dataclass(frozen=True)
class Pool:
    """N images as the net takes them, float32 on the CPU, labels with ``UNKNOWN``, and positions in the data
    set, of ``total`` images there (None: not known). ``first`` is the batch that they were found in.
    """

    inputs_NCHW: Tensor
    labels_N: Tensor
    index_N: Tensor
    total: int | None
    first: FoundBatch

    def __len__(self) -> int:
        return len(self.inputs_NCHW)

    def pick(self, index_B: Tensor, classes: Sequence[str]) -> Images:
        """Those of the images; of an unknown class without a name."""
        labels_B = self.labels_N[index_B]
        return Images(
            pixels_BCHW=self.inputs_NCHW[index_B],
            labels_B=labels_B,
            files=[f"image {index}" for index in self.index_N[index_B].tolist()],
            names=[classes[label] if 0 <= label < len(classes) else "" for label in labels_B.tolist()],
        )


def flat_loaders(loaders: Any) -> Iterator[Any]:
    """Loaders in lists and mappings, in their order."""
    if isinstance(loaders, Mapping):
        loaders = loaders.values()
    elif not isinstance(loaders, list | tuple):
        loaders = [] if loaders is None else [loaders]
        yield from loaders
        return
    for loader in loaders:
        yield from flat_loaders(loader)


def can_fetch(loader: Any) -> bool:
    """Whether single images of a loader's data set can be asked for."""
    dataset = getattr(loader, "dataset", None)
    return (
        isinstance(loader, DataLoader)
        and not isinstance(dataset, IterableDataset)
        and hasattr(dataset, "__getitem__")
        and bool(length(dataset))
    )


def fetch_pool(
    loader: DataLoader[Any],
    transfer: Transfer,
    *,
    pick: PickBatch | None,
    seed: int,
    seconds: float,
) -> Pool:
    """A class-balanced choice from a loader's data set, in its order; as many images as are fetched in about
    so many ``seconds``, and at least 64. The loader's sampler is left alone.

    Raises UserError where a batch has no images.
    """
    dataset = loader.dataset
    count = length(dataset)
    assert count
    listed_N = labels(dataset)
    listed_N = torch.zeros(count, dtype=torch.int64) if listed_N is None else listed_N
    start = time.perf_counter()
    order = choose_reference_images(listed_N, FIRST, seed)
    parts = list(_fetch(loader, transfer, pick, order))
    per_image = (time.perf_counter() - start) / max(len(order), 1)
    size = parts[0].images_BCHW[0].numel() * 4
    most = min(MAX_IMAGES, MAX_BYTES // size, FIRST + int(seconds / per_image))
    more = choose_reference_images(listed_N, most, seed)
    more = more[~torch.isin(more, order)]
    parts += _fetch(loader, transfer, pick, more)
    return _joined(parts, torch.cat([order, more]), None if _gives_batches(loader) else count)


def heard_pool(batches: Sequence[FoundBatch]) -> Pool:
    """The images of batches that went by."""
    return _joined(batches, torch.arange(sum(len(batch.images_BCHW) for batch in batches)), None)


def given_pool(images: Any, labels: Any, normalization: Normalization | None = None) -> Pool:
    """Images (N, C, H, W) that somebody has at hand, and their labels (N,) or None, as tensors or what makes
    one: floats as the net takes them, or bytes, which are brought to [0, 1] and normalised. Raises UserError
    for other shapes.
    """
    images_NCHW = _as_tensor("images", images)
    labels_N = None if labels is None else _as_tensor("labels", labels)
    shape = tuple(images_NCHW.shape)
    if len(shape) != 4 or not images_NCHW.numel():
        raise UserError(f"images: expected (N, C, H, W), one image at least, got {shape}.")
    if is_channels_last(images_NCHW):
        raise UserError(f"images: {shape}, channels last. Expected (N, C, H, W): images.permute(0, 3, 1, 2).")
    if normalization is not None:
        normalization.check(shape[1])
    if images_NCHW.dtype == torch.uint8:
        none = Normalization((0.0,) * shape[1], (1.0,) * shape[1], "")
        known = normalization or none
        images_NCHW = Spec(shape[1:], (), known.mean, known.std, known.source).normalise(images_NCHW)
    batch = find_batch((images_NCHW, labels_N), lambda both: both)
    batch = replace(batch, images_path=GIVEN, labels_path="" if labels_N is None else "labels=…")
    if labels_N is not None and batch.labels_B is None:
        raise UserError(
            f"labels: expected a class number for each of {len(images_NCHW)} images, got "
            f"{tuple(labels_N.shape)} of {labels_N.dtype}. Of a row of zeros and a one an image "
            "labels.argmax(1) makes numbers, of whole numbers as floats labels.long()."
        )
    return _joined([batch], torch.arange(len(images_NCHW)), len(images_NCHW))


def _as_tensor(name: str, value: Any) -> Tensor:
    """On the CPU."""
    try:
        tensors = isinstance(value, list | tuple) and value and all(isinstance(v, Tensor) for v in value)
        return (torch.stack(list(value)) if tensors else torch.as_tensor(value)).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{name}: expected a tensor, got {type(value).__name__} ({error}).") from error


def _gives_batches(loader: DataLoader[Any]) -> bool:
    """Whether the data set does, so that its length is no number of images."""
    return loader.batch_sampler is None and loader.batch_size is None


def fetch_batch(loader: DataLoader[Any], index_B: Tensor) -> Any:
    """Those images as the loader's workers would give them."""
    dataset: Any = loader.dataset
    rows = index_B.tolist()
    if _gives_batches(loader):
        return loader.collate_fn(dataset[rows[0]])
    together = getattr(dataset, "__getitems__", None)
    return loader.collate_fn(together(rows) if callable(together) else [dataset[row] for row in rows])


def _fetch(
    loader: DataLoader[Any], transfer: Transfer, pick: PickBatch | None, index_N: Tensor
) -> Iterator[FoundBatch]:
    size = 1 if _gives_batches(loader) else 32
    for index_B in torch.split(index_N, size) if len(index_N) else ():
        yield find_batch(transfer(fetch_batch(loader, index_B)), pick)


def _joined(parts: Sequence[FoundBatch], index_N: Tensor, total: int | None) -> Pool:
    shape = parts[0].images_BCHW.shape[1:]
    parts = [part for part in parts if part.images_BCHW.shape[1:] == shape]
    inputs_NCHW = torch.cat([part.images_BCHW.detach().float().cpu() for part in parts])
    unknown = [torch.full((len(part.images_BCHW),), UNKNOWN) for part in parts]
    labels_N = torch.cat(
        [none if part.labels_B is None else part.labels_B for part, none in zip(parts, unknown, strict=True)]
    )
    index_N = index_N if len(index_N) == len(labels_N) else torch.arange(len(labels_N))
    order_N = index_N.argsort()
    return Pool(inputs_NCHW[order_N], labels_N[order_N], index_N[order_N], total, parts[0])
