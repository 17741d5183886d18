"""The one abstract base of all data modules."""

from __future__ import annotations

import copy
import hashlib
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
from lightning.pytorch import LightningDataModule, Trainer
from torch import Tensor

from pellucid.data.augment import find_augment, none
from pellucid.data.features import Embed, Features
from pellucid.data.loader import BatchLoader, Order, fair_order
from pellucid.data.spec import LARGEST_SIZE, Spec, Split
from pellucid.errors import UserError

CHUNK = 1024  # images


class ImageData(LightningDataModule, ABC):
    """A data set in three splits, ``train``, ``val`` and ``test``, read once and kept as uint8 tensors.

    A data set gives its spec at construction and implements ``read``. ``source`` says where the images
    came from, once they are read; ``left_out`` counts files that could not be used.
    """

    spec: Spec

    def __init__(
        self,
        *,
        spec: Spec,
        image_size: int | Literal["auto"],
        batch_size: int,
        augment: str,
        seed: int,
    ) -> None:
        super().__init__()
        if isinstance(image_size, str) and image_size != "auto":
            raise UserError(f"data.image_size={image_size}: expected auto or a number of pixels.")
        if image_size != "auto" and not 1 <= image_size <= LARGEST_SIZE:
            raise UserError(f"data.image_size={image_size}: expected 1 to {LARGEST_SIZE} pixels, or auto.")
        if batch_size < 1:
            raise UserError(f"data.batch_size={batch_size}: expected at least 1 image.")
        self.size_is_open = image_size == "auto"
        self.spec = spec if image_size == "auto" else spec.at_size(image_size)
        self.batch_size, self.seed = batch_size, seed
        self.augment = find_augment(augment)
        self.splits: dict[str, Split] = {}
        self.device_images = 0.0  # GiB of images that may be kept on a GPU
        self._stores: dict[int, Tensor] = {}  # on the device, by those that they were copied from
        self.embed: Embed | None = None
        self.views = 0
        self._features: dict[str, Features] = {}
        self.source = ""
        self.left_out = 0

    @abstractmethod
    def read(self) -> dict[str, Split]:
        """The splits ``train``, ``val`` and ``test``; sets ``source``. Raises UserError."""

    def fingerprint(self) -> str:
        """A hash of every pixel and label of every split, once they are read."""
        assert self.splits
        digest = hashlib.sha256()
        for name in sorted(self.splits):
            split = self.splits[name]
            digest.update(f"{name}{(len(split), *split.store.shape[1:])}".encode())
            for index_B in torch.split(torch.arange(len(split)), CHUNK):  # all at once: twice in memory
                digest.update(split.images(index_B).numpy().data)
            digest.update(split.labels_N.numpy().data)
        return digest.hexdigest()[:16]

    def enlarge(self, size: int) -> None:
        """Give images of ``size`` pixels a side from now on, before anything was read."""
        assert self.size_is_open
        assert not self.splits
        self.spec = self.spec.at_size(size)

    def setup(self, stage: str | None = None) -> None:
        """Read the splits, once."""
        if not self.splits:
            self.splits = self.read()
            for name, split in self.splits.items():
                if len(split) == 0:
                    raise UserError(f"The {name} split of {self.source} has no images.")

    def remember(self, embed: Embed, views: int) -> None:
        """In training and validation give, in place of images, what ``embed`` makes of them, computed once.

        ``views``: how many augmentations of each training image there are, used in turn. 0: a new one each
        epoch, so that nothing is computed once where training images are augmented.
        """
        self.embed, self.views = embed, views

    def _remembered(self, name: str, views: int) -> Features | None:
        if self.embed is None or views == 0:
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
            self._features[name] = Features(embed=in_precision, count=count, views=views, folder=folder)
        return self._features[name]

    def loader(
        self, name: str, *, shuffle: bool = False, augmented: bool = False, remembered: bool = False
    ) -> BatchLoader:
        """Batches of a split; in the order of the files and as they are, unless asked otherwise.

        Where the trainer takes the first ones alone, they are a fair sample, the same each epoch.
        """
        trainer = self.trainer
        device = trainer.strategy.root_device if trainer else torch.device("cpu")
        split = self._near(self.splits[name], device)
        augment = self.augment if augmented else none
        views = 1 if augment is none else self.views
        order = Order(
            count=len(split),
            batch_size=self.batch_size,
            shuffle=shuffle,
            seed=self.seed,
            rank=trainer.global_rank if trainer else 0,
            world_size=trainer.world_size if trainer else 1,
        )
        if trainer and _is_limited(trainer, name, len(order)):
            order.shuffle, order.order_N = False, fair_order(split.labels_N, self.seed)
        return BatchLoader(
            split=split,
            spec=self.spec,
            order=order,
            augment=augment,
            views=views,
            features=self._remembered(name, views) if remembered else None,
            device=device,
        )

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
        self, batch: tuple[Tensor, Tensor], device: torch.device, dataloader_idx: int
    ) -> tuple[Tensor, Tensor]:
        return batch  # the loader's are there already

    def train_dataloader(self) -> BatchLoader:
        return self.loader("train", shuffle=True, augmented=True, remembered=True)

    def val_dataloader(self) -> BatchLoader:
        return self.loader("val", remembered=True)

    def test_dataloader(self) -> BatchLoader:
        return self.loader("test")


def _is_limited(trainer: Trainer, name: str, batches: int) -> bool:
    """Whether the trainer takes the same first batches of the split each time, and not all."""
    limits = {
        "train": trainer.overfit_batches or 1.0,  # type: ignore[attr-defined]
        "val": trainer.limit_val_batches,
        "test": trainer.limit_test_batches,
    }
    limit = limits[name]
    return limit < (1 if isinstance(limit, float) else batches)
