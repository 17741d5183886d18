"""Batches by slicing tensors in memory: for small images many times faster than a DataLoader.

Order and augmentation are functions of (seed, epoch, position): nothing is carried from epoch to epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from pellucid.data.augment.geometry import Flip
from pellucid.data.augment.pipeline import Pipeline
from pellucid.data.features import Features
from pellucid.data.images import Split
from pellucid.spec import Spec, prepare, resize
from pellucid.system.seeding import generator

Draw = Callable[[Sequence[Tensor], int], Iterator[Tensor]]  # of rows of each batch, and a number


class Order:
    """A batch sampler: which images are in which batch of this rank, ``batch_size`` of them on each.

    Every image is in exactly one batch of one rank, and every rank has as many batches. In training the
    order is shuffled for each epoch, and a last batch with fewer than two images a rank is joined to the one
    before: batch norm cannot train on one image. ``order_N``: the order where it is not shuffled; None: that
    of the files. ``strata_N``: parts of the images that are to be alike in size: each is then in a shuffled
    epoch as often as any other, to one image, and the epoch is as long; see ``balanced_order``. ``repeats``:
    how often each of its images is in a batch of all ranks, one after another; a shuffled epoch, as long as
    ever, has so many times fewer images (Hoffer et al., "Augment your batch", 2020).
    """

    def __init__(
        self,
        *,
        count: int,
        batch_size: int,
        shuffle: bool,
        seed: int,
        rank: int,
        world_size: int,
        order_N: Tensor | None = None,
        strata_N: Tensor | None = None,
        repeats: int = 1,
    ) -> None:
        self.count, self.batch_size, self.shuffle, self.seed = count, batch_size, shuffle, seed
        self.rank, self.world_size = rank, world_size
        self.order_N = torch.arange(count) if order_N is None else order_N
        self.strata_N, self.repeats = strata_N, repeats
        self.epoch = 0

    @property
    def comes_again(self) -> bool:
        """Whether an image may be in an epoch several times."""
        return self.shuffle and (self.strata_N is not None or self.repeats > 1)

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch, as for any sampler."""
        self.epoch = epoch

    def bounds(self) -> list[tuple[int, int]]:
        """Start and end of each batch over all ranks."""
        step = self.batch_size * self.world_size
        starts = list(range(0, self.count, step))
        minimum = 2 * self.world_size if self.shuffle else self.world_size
        if len(starts) > 1 and self.count - starts[-1] < minimum:
            starts.pop()
        return list(zip(starts, [*starts[1:], self.count], strict=True))

    def __len__(self) -> int:
        return len(self.bounds())

    def __iter__(self) -> Iterator[Tensor]:
        order = self._order()
        for place_B in self.places():
            yield order[place_B]

    def places(self) -> Iterator[Tensor]:
        """Where in the epoch, over all ranks, the images of each batch stand."""
        place_N = torch.arange(self.count)
        for start, end in self.bounds():
            yield place_N[start + self.rank : end : self.world_size]

    def _order(self) -> Tensor:
        if not self.shuffle:
            return self.order_N
        images = -(-self.count // self.repeats)
        if self.strata_N is not None:
            order = balanced_order(self.strata_N, self.seed, self.epoch, images)
        else:
            order = torch.randperm(self.count, generator=generator(self.seed, "order", self.epoch))[:images]
        return order.repeat_interleave(self.repeats)[: self.count]


def balanced_order(labels_N: Tensor, seed: int, epoch: int, length: int | None = None) -> Tensor:
    """As many positions as ``length`` says, by default (N,), in each epoch's own order, of each class as
    many, to about one.

    Of a large class an epoch has some of the images, of a small one all, and these again and again, each as
    often as the others, to one.
    """
    random = generator(seed, "balanced", epoch)
    labels = torch.unique(labels_N).tolist()
    share, more = divmod(len(labels_N) if length is None else length, len(labels))
    turn = torch.randperm(len(labels), generator=random).tolist()  # which classes have one more
    drawn = []
    for label, position in zip(labels, turn, strict=True):
        members = torch.nonzero(labels_N == label).flatten()
        count = share + (position < more)
        if count == 0:
            continue
        rounds = [torch.randperm(len(members), generator=random) for _ in range(-(-count // len(members)))]
        drawn += [members[order] for order in rounds]
        drawn[-1] = drawn[-1][: len(drawn[-1]) - (len(rounds) * len(members) - count)]
    everything = torch.cat(drawn)
    return everything[torch.randperm(len(everything), generator=random)]


def fair_order(labels_N: Tensor, seed: int) -> Tensor:
    """All positions in an order whose every beginning is a fair sample: each class in proportion, to about
    one image; which of its images is chance, made from the seed.
    """
    random = generator(seed, "fair")
    position_N = torch.rand(len(labels_N), generator=random, dtype=torch.float64)
    for label in torch.unique(labels_N):
        members = torch.nonzero(labels_N == label).flatten()
        turn = torch.randperm(len(members), generator=random)
        position_N[members] = (position_N[members] + turn) / len(members)  # one in each equal part
    return position_N.argsort()


class BatchLoader:
    """A loader of batches ``(images_BCHW, labels_B)`` on a device: resized, normalised, augmented.

    A crop that comes first in ``augment`` is cut from the whole photos, where the split has these;
    ``size_of`` gives height and width in each epoch, where they are not those of the ``spec``.
    ``augmentations``: after so many epochs they come again; 0: never. With ``features`` the batches are
    ``(features_BD, labels_B)``, what those make of the images. Labels are the split's ``targets``. Where it
    has weights and the loader is ``weighted``, they come third, ``weights_B``. ``draw`` gives images in place
    of the split's.
    """

    def __init__(
        self,
        *,
        split: Split,
        spec: Spec,
        order: Order,
        augment: Pipeline,
        augmentations: int,
        features: Features | None,
        device: torch.device,
        weighted: bool = False,
        draw: Draw | None = None,
        size_of: Callable[[int], tuple[int, int]] | None = None,
    ) -> None:
        self.split, self.spec, self.augment, self.device, self.draw = split, spec, augment, device, draw
        self.augmentations, self.features, self.size_of = augmentations, features, size_of
        self.weights_N = split.weights_N if weighted else None
        self.sampler = self.batch_sampler = order  # names under which Lightning looks for set_epoch

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        inputs: Iterable[tuple[Tensor, Tensor]]
        if (table_ND := self.table()) is None:
            places = self.sampler.places() if self.sampler.comes_again else None
            inputs = self._images(self.sampler, self._number, places)
        else:
            inputs = ((index_B, table_ND[index_B].to(self.device)) for index_B in self.sampler)
        for index_B, inputs_B in inputs:
            more = () if self.weights_N is None else (self.weights_N[index_B].to(self.device),)
            yield inputs_B, self.split.targets[index_B].to(self.device), *more

    def table(self) -> Tensor | None:
        """The epoch's features of all images, (N, D) on the CPU, in their order; None without any."""
        return None if self.features is None else self.features.table(self._number, self._all_images)

    @property
    def _number(self) -> int:
        """Of this epoch's augmentation."""
        epoch = self.sampler.epoch
        return epoch % self.augmentations if self.augmentations else epoch

    def _all_images(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        return self._images(torch.split(torch.arange(len(self.split)), self.sampler.batch_size), number)

    def _images(
        self, indices: Iterable[Tensor], number: int, places: Iterator[Tensor] | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Each index with its images under augmentation ``number``.

        By ``places`` an image that comes again in an epoch is augmented in another way.
        """
        spec = self.spec if self.size_of is None else self.spec.at_size(self.size_of(self.sampler.epoch))
        if not self.augment:
            for index_B, pixels_BCHW in self._pixels(indices, number):
                yield index_B, prepare(pixels_BCHW.to(self.device), spec)
            return
        numbers_NR = self.augment.numbers(len(self.split), self.sampler.seed, number)
        cropped = self.augment.crop is not None and self.split.is_whole
        if cropped:
            yield from self._crops(indices, numbers_NR, spec, places)
            return
        for index_B, pixels_BCHW in self._pixels(indices, number):
            numbers_BR = numbers_NR[index_B if places is None else next(places)]
            images_BCHW = resize(pixels_BCHW.to(self.device), spec)
            yield index_B, self.augment.prepare(images_BCHW, numbers_BR, spec)

    def _crops(
        self, indices: Iterable[Tensor], numbers_NR: Tensor, spec: Spec, places: Iterator[Tensor] | None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Crops of the whole photos, which have the ratios that they would have of images of the net's; a
        flip that comes next is done to the bytes.
        """
        _, height, width = spec.image_shape
        rest = self.augment.after_crop()
        flip, rest = rest.flip, rest.after_flip()
        for index_B in indices:
            numbers_BR = numbers_NR[index_B if places is None else next(places)]
            boxes_B4 = self.augment.boxes(numbers_BR, self.split.aspects(index_B) * height / width)
            flipped_B = None
            if flip is not None and isinstance(flip.operation, Flip):
                flipped_B = flip.operation.chosen(numbers_BR[:, flip.columns])
            pixels_BCHW = self.split.crops(index_B, boxes_B4, (height, width), flipped_B).to(self.device)
            if rest:
                yield index_B, rest.prepare(pixels_BCHW.float(), numbers_BR, spec)
            else:
                yield index_B, spec.normalise(pixels_BCHW)

    def _pixels(self, indices: Iterable[Tensor], number: int) -> Iterator[tuple[Tensor, Tensor]]:
        if self.draw is None:
            return ((index_B, self.split.images(index_B)) for index_B in indices)
        chosen = list(indices)
        drawn = self.draw([self.split.rows_N[index_B] for index_B in chosen], number)
        return zip(chosen, drawn, strict=True)


def is_limited(trainer: Trainer, name: str, batches: int) -> bool:
    """Whether the trainer takes the same first batches of the split each time, and not all."""
    limits = {
        "train": trainer.overfit_batches or 1.0,  # type: ignore[attr-defined]
        "val": trainer.limit_val_batches,
        "test": trainer.limit_test_batches,
    }
    limit = limits[name]
    return limit < (1 if isinstance(limit, float) else batches)
