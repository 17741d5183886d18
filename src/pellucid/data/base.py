"""The abstract base of data modules."""

from __future__ import annotations

import copy
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch import LightningDataModule, Trainer
from torch import Tensor

from pellucid.data.augment.pipeline import Pipeline, find_augment
from pellucid.data.divide import Division, History, divide, shares_of
from pellucid.data.features import Embed, Features
from pellucid.data.images import Split
from pellucid.data.loader import BatchLoader, Draw, Order, fair_order, is_limited
from pellucid.data.manifest import Changes
from pellucid.data.split import Fold
from pellucid.data.store import WholePhotos
from pellucid.data.train_size import TrainSize
from pellucid.errors import UserError
from pellucid.spec import MAX_SIZE, Spec
from pellucid.system.ranges import check_range

CHUNK = 1024  # images


def check_image_size(size: object) -> None:
    """Raise UserError for what is no number of pixels a side, and no height and width."""
    both = size if isinstance(size, Sequence) and not isinstance(size, str) and len(size) == 2 else (size,)
    if not all(type(side) is int and 1 <= side <= MAX_SIZE for side in both):
        raise UserError(
            f"data.image_size={size}: expected 1 to {MAX_SIZE} pixels a side, height and width as "
            "[224,320], or auto."
        )


class ImageData(LightningDataModule, ABC):
    """A data module: splits ``train``, ``val`` and ``test``, read once and kept as uint8 tensors.

    A data set gives its spec at construction and implements ``read``. What that has of ``val`` and ``test``
    stays; a split that it has not is taken from its training images, so many of them as ``val_fraction`` and
    ``test_fraction`` say; with ``folds`` the test images are always the ``fold``, from 0, of the training's.
    ``augment``: a preset, an operation or a list of them, in their order, with ``augment_options`` by their
    names; ``repeats``: how many draws of each of its images a training batch of all ranks holds, the epoch is
    as long. ``train_size``: the pixels a side of training images in the first and the last epoch, see
    ``TrainSize``. ``sampling``: natural, each training image once an epoch; or balanced, each class as
    often, see ``balanced_order``. ``source`` says where the images came from, once they are read;
    ``left_out`` counts files that could not be used; ``draw`` gives training images that are others in each
    epoch, where a data set augments them itself. What a data set does not state among its options it hands on
    to this class.
    """

    spec: Spec

    def __init__(
        self,
        *,
        spec: Spec,
        image_size: int | Sequence[int] | Literal["auto"] = "auto",
        train_size: int | Sequence[int] | None = None,
        batch_size: int = 32,
        augment: str | Sequence[str] = "none",
        augment_options: Mapping[str, Mapping[str, Any]] = {},
        repeats: int = 1,
        sampling: Literal["natural", "balanced"] = "natural",
        seed: int = 0,
        val_fraction: float | None = None,
        test_fraction: float | None = None,
        folds: int | None = None,
        fold: int = 0,
    ) -> None:
        super().__init__()
        if image_size != "auto":
            check_image_size(image_size)
        check_range("data.batch_size", batch_size)
        if sampling not in ("natural", "balanced"):
            raise UserError(f"data.sampling={sampling}: expected natural or balanced.")
        self.sampling = sampling
        self.train_size = None if train_size is None else TrainSize.of(train_size)
        self.size_is_open = image_size == "auto"
        self.spec = spec if image_size == "auto" else spec.at_size(image_size)
        self.batch_size, self.seed = batch_size, seed
        self.augment = find_augment(augment, augment_options)
        check_range("data.repeats", repeats)
        if repeats > 1 and not self.augment:
            raise UserError(
                f"data.repeats={repeats}: without data.augment a batch would hold the same image {repeats} "
                "times. Choose an augmentation, or leave repeats out."
            )
        self.repeats = repeats
        self.shares = shares_of(val_fraction, test_fraction, folds, fold)
        self.history = History()
        self.divided = Division((), {}, {}, {}, Changes())
        self.splits: dict[str, Split] = {}
        self.was_read: dict[str, Any] = {}  # what ``setup`` has set, for another run of the same options
        self.device_images = 0.0
        self._stores: dict[
            int, Tensor | WholePhotos
        ] = {}  # on the device, by those that they were copied from
        self.embed: Embed | None = None
        self.augmentations = 0
        self._features: dict[str, Features] = {}
        self.source = ""
        self.left_out = 0
        self.draw: Draw | None = None

    @property
    def fold(self) -> Fold | None:
        """The fold that the test images are; None where they are none."""
        share = self.shares["test"]
        return share if isinstance(share, Fold) else None

    @abstractmethod
    def read(self) -> dict[str, Split]:
        """The splits that the data set has, by name: ``train`` at least, or ``all`` where they are not split.

        Sets ``source``. Raises UserError.
        """

    @property
    def needs_download(self) -> bool:
        """Whether its files are not where it looks for them, so that ``read`` would download them."""
        return False

    def fingerprint(self) -> str:
        """A hash of every pixel and label of every split, once they are read."""
        assert self.splits
        digest = hashlib.sha256()
        for name in sorted(self.splits):
            split = self.splits[name]
            digest.update(f"{name}{(len(split), *split.store.shape[1:])}".encode())
            for index_B in torch.split(torch.arange(len(split)), CHUNK):  # all at once: twice in memory
                digest.update(split.images(index_B).contiguous().numpy().data)
            digest.update(split.targets.contiguous().numpy().data)
        return digest.hexdigest()[:16]

    def fingerprint_by_digests(self) -> str:
        """A hash of every image, as it was before it was brought to a size, and of every label."""
        digest = hashlib.sha256()
        for name in sorted(self.splits):
            split = self.splits[name]
            digest.update(f"{name}{len(split)}".encode())
            digest.update(split.digests_N.tobytes())
            digest.update(split.targets.contiguous().numpy().data)
        return digest.hexdigest()[:16]

    def conform(self, spec: Spec) -> None:
        """Give images of that shape and normalised so from now on, before anything was read."""
        assert not self.splits
        self.spec = spec

    def setup(
        self,
        stage: str | None = None,
        *,
        history: History | None = None,
        device_images: float | None = None,
        read: Mapping[str, Any] | None = None,
    ) -> None:
        """Read the splits, once, or again for a ``history``: what is known of the run that goes on with them.

        ``device_images``: GiB of them that may be kept on a GPU. ``read``: what another of the same options
        ``was_read``, taken in place of reading. Raises UserError where a split has no images.
        """
        if device_images is not None:
            if device_images < 0:
                raise UserError(f"device_images={device_images}: expected 0 or more GiB.")
            self.device_images = device_images
        if read is not None:
            vars(self).update(read)
        if self.train_size is not None:
            self.train_size.check(self.image_size)
        if self.splits and history is None:
            return
        before = dict(vars(self))
        self.history = history or self.history
        splits = self.read()
        for name, split in splits.items():
            split.check(f"{type(self).__name__}.read, split {name}", self.spec)
        divided = divide(splits, self.shares, self.seed, self.spec.classes, self.history)
        for name, split in divided.splits.items():
            if len(split) == 0:
                raise UserError(f"The {name} split of {self.source} has no images.")
        self.splits, self.divided = divided.splits, divided
        self.was_read = {name: v for name, v in vars(self).items() if v is not before.get(name, before)}

    def split(self, name: str) -> Split:
        """One of the splits, once they are read. Raises UserError where the images are not split so."""
        if name not in self.splits:
            raise UserError(
                f"split={name}: {self.source} has {', '.join(self.splits)} only. Images that are not the "
                "run's own are all test images, or what their folders, <root>/{train,val,test}/…, say."
            )
        return self.splits[name]

    def remember(self, embed: Embed, augmentations: int) -> None:
        """In training and validation give, in place of images, what ``embed`` makes of them, computed once.

        ``augmentations``: how many of each training image there are, used in turn. 0: a new one each
        epoch, so that nothing is computed once where training images are augmented.
        """
        if augmentations < 0:
            raise UserError(f"model.augmentations_per_image={augmentations}: expected 0 or more.")
        if self.repeats > 1 and augmentations:
            raise UserError(
                f"data.repeats={self.repeats}: of a frozen net's features, computed once, all draws of an "
                "image in an epoch are the same. Leave it out, or set model.augmentations_per_image=0."
            )
        if self.train_size is not None and (augmentations or not self.augment):
            raise UserError(
                f"data.train_size={self.train_size}: features of the frozen layers are computed once, so "
                "that images cannot grow from epoch to epoch. Leave it out, or train all layers."
            )
        self.embed, self.augmentations = embed, augmentations

    def _remembered(self, name: str, augmentations: int) -> Features | None:
        if self.embed is None or augmentations == 0:
            return None
        if name not in self._features:
            trainer = self.trainer
            assert trainer is not None
            embed = self.embed

            def in_precision(images_BCHW: Tensor) -> Tensor:
                with trainer.precision_plugin.forward_context():
                    return embed(trainer.precision_plugin.convert_input(images_BCHW))

            folder = Path(trainer.default_root_dir)
            count = len(self.splits[name])
            self._features[name] = Features(
                embed=in_precision, count=count, augmentations=augmentations, folder=folder
            )
        return self._features[name]

    def loader(
        self,
        name: str,
        *,
        shuffle: bool = False,
        augmented: bool = False,
        remembered: bool = False,
        weighted: bool = False,
        sized: bool = False,
        trainer: Trainer | None = None,
    ) -> BatchLoader:
        """Batches of a split; in the order of the files and as they are, unless asked otherwise; ``sized``:
        of the size that ``train_size`` gives an epoch.

        Where the ``trainer``, by default the one that has the data, takes the first ones alone, they are a
        fair sample, the same each epoch.
        """
        trainer = trainer or self.trainer
        device = trainer.strategy.root_device if trainer else torch.device("cpu")
        split = self._near(self.split(name), device)
        augment = self.augment if augmented else Pipeline()
        draw = self.draw if augmented and name == "train" else None
        augmentations = 1 if not augment and draw is None else self.augmentations
        order = Order(
            count=len(split),
            batch_size=self.batch_size,
            shuffle=shuffle,
            seed=self.seed,
            rank=trainer.global_rank if trainer else 0,
            world_size=trainer.world_size if trainer else 1,
            strata_N=split.strata_N if self.sampling == "balanced" else None,
            repeats=self.repeats if augmented else 1,
        )
        if trainer and is_limited(trainer, name, len(order)):
            order.shuffle, order.order_N = False, fair_order(split.strata_N, self.seed)
        return BatchLoader(
            split=split,
            spec=self.spec,
            order=order,
            augment=augment,
            augmentations=augmentations,
            features=self._remembered(name, augmentations) if remembered else None,
            device=device,
            weighted=weighted,
            draw=draw,
            size_of=self._size_of(trainer) if sized else None,
        )

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the images that are evaluated."""
        _, height, width = self.spec.image_shape
        return height, width

    def _size_of(self, trainer: Trainer | None) -> Callable[[int], tuple[int, int]] | None:
        """Height and width of training images by epoch; None where they are always the same."""
        if self.train_size is None:
            return None
        if trainer is None or not trainer.max_epochs or trainer.max_epochs < 1:
            raise UserError(
                f"data.train_size={self.train_size}: expected trainer.max_epochs, as images grow over so "
                "many epochs."
            )
        return partial(self.train_size.at, epochs=trainer.max_epochs, image_size=self.image_size)

    def of_test(self, index_N: Tensor) -> ImageData:
        """The same data with those of the test images alone."""
        part = copy.copy(self)
        part.splits = {**self.splits, "test": self.splits["test"].subset(index_N)}
        return part

    def _near(self, split: Split, device: torch.device) -> Split:
        """The split with its images on the device, where there is room for them."""
        if device.type == "cpu" or split.store.nbytes > self.device_images * 2**30:
            return split
        if id(split.store) not in self._stores:
            self._stores[id(split.store)] = split.store.to(device)
        return replace(split, store=self._stores[id(split.store)])

    def transfer_batch_to_device(
        self, batch: tuple[Tensor, ...], device: torch.device, dataloader_idx: int
    ) -> tuple[Tensor, ...]:
        return batch  # the loader's are there already

    def train_dataloader(self) -> BatchLoader:
        return self.loader("train", shuffle=True, augmented=True, remembered=True, weighted=True, sized=True)

    def val_dataloader(self) -> BatchLoader:
        return self.loader("val", remembered=True)

    def test_dataloader(self) -> BatchLoader:
        return self.loader("test")
