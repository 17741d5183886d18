"""Cats and dogs: a folder of photos, else Oxford-IIIT Pet, else our own drawings.

Parkhi et al., "Cats and dogs", 2012 (Oxford-IIIT Pet).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from torchvision import datasets
from torchvision.transforms.functional import center_crop

from pellucid.data.base import ImageData
from pellucid.data.download import download
from pellucid.data.entry import Photos
from pellucid.data.find import is_folder
from pellucid.data.fitting import check_fit, fitted
from pellucid.data.folder import PhotoFolder
from pellucid.data.images import Split, as_digests, numbered
from pellucid.data.photos import load_together
from pellucid.data.synthetic_catdog import draw_faces
from pellucid.errors import UserError
from pellucid.spec import CENTRE, IMAGENET_MEAN, IMAGENET_SOURCE, IMAGENET_STD, Spec

log = logging.getLogger(__name__)

AUTO_SIZE = 64
DRAWN = {"train": 800, "test": 200}  # faces of each class
PETS = "oxford-iiit-pet"  # torchvision's folder
DRAWN_SOURCE = "drawn cat and dog faces, not photos"


class CatDog(ImageData):
    """Photos or drawings of two classes, ``cat`` and ``dog``.

    ``source`` is ``folder`` (``root/{train,test}/{cat,dog}``), ``pets`` (downloaded to root), ``drawn``, or
    ``auto``: the first of these that can be had. ``fit``: how photos are brought to the size, see ``Fit``;
    drawings are made at it.
    """

    def __init__(
        self,
        *,
        root: str = "~/.cache/pellucid/catdog",
        source: Literal["auto", "folder", "pets", "drawn"] = "auto",
        batch_size: int = 32,
        augment: str | Sequence[str] = "crop_flip",
        fit: Literal["crop", "pad", "squash"] = "crop",
        val_fraction: float = 0.15,
        cache: str = "~/.cache/pellucid/photos",
        cache_limit: float = 50.0,
        **given: Any,
    ) -> None:
        check_fit(fit)
        spec = Spec(
            image_shape=(3, AUTO_SIZE, AUTO_SIZE),
            classes=("cat", "dog"),
            mean=IMAGENET_MEAN,
            std=IMAGENET_STD,
            statistics=IMAGENET_SOURCE,
            **fitted(fit),
        )
        super().__init__(
            spec=spec,
            batch_size=batch_size,
            augment=augment,
            val_fraction=val_fraction,
            test_fraction=None,  # it has test images
            **given,
        )
        if source not in ("auto", "folder", "pets", "drawn"):
            raise UserError(f"data.source={source}: expected auto, folder, pets or drawn.")
        self.wanted = source
        self.root = Path(root).expanduser()
        self.cache, self.cache_limit = Path(cache).expanduser(), cache_limit
        if self._is_folder():
            self._folder()  # a mistake in it is told at once

    @property
    def needs_download(self) -> bool:
        if self.wanted == "drawn" or self._is_folder():
            return False
        return self.wanted == "folder" or not (self.root / PETS / "annotations" / "test.txt").is_file()

    def prepare_data(self) -> None:
        """Download before other processes start; what cannot be had is found again by ``read``."""
        if self.wanted != "drawn" and not self._is_folder():
            try:
                self._fetch("trainval")
            except UserError:
                if self.wanted == "pets":
                    raise

    def read(self) -> dict[str, Split]:
        if self._is_folder():
            return self._read_folder()
        if self.wanted == "drawn":
            return self._read_drawn()
        try:
            self._fetch("trainval")
        except UserError as error:
            if self.wanted == "pets":
                raise
            log.warning("%s", error)
            log.warning(
                "DRAWN DATA: no photos were found at data.root=%s and none could be downloaded, so this "
                "run uses %s. Its accuracy says nothing about photos.",
                self.root,
                DRAWN_SOURCE,
            )
            return self._read_drawn()
        return self._read_pets()

    def _is_folder(self) -> bool:
        if self.wanted != "auto":
            return self.wanted == "folder"
        return any(is_folder(self.root / name) for name in ("train", "test", "cat", "dog"))

    def _folder(self) -> PhotoFolder:
        layout = f"Expected {self.root}/train/{{cat,dog}} and {self.root}/test/{{cat,dog}}."
        folder = PhotoFolder.find(self.root)
        if folder.classes != ("cat", "dog"):
            raise UserError(
                f"data.root={self.root}: found {', '.join(folder.splits)} with {', '.join(folder.classes)}. "
                f"{layout} For other classes use data=image_folder."
            )
        return folder

    def _read_folder(self) -> dict[str, Split]:
        folder = self._folder()
        self.source = f"folder {self.root}"
        return folder.labelled(self._load(folder.paths))

    def _load(self, files: Mapping[str, Sequence[Path]]) -> dict[str, Photos]:
        size, limit = self.spec.image_shape[1:], self.cache_limit
        loaded = load_together(
            files, root=self.root, size=size, cache=self.cache, cache_limit=limit, fit=self.spec.fit
        )
        self.left_out = sum(len(photos.broken) for photos in loaded.values())
        return loaded

    def _fetch(self, part: str) -> None:
        """Download what is not there of Oxford-IIIT Pet."""
        download(
            "Oxford-IIIT Pet",
            str(self.root),
            "photos as train/{cat,dog} and test/{cat,dog}",
            lambda: datasets.OxfordIIITPet(
                str(self.root), part, target_types="binary-category", download=True
            ),
        )

    def _read_pets(self) -> dict[str, Split]:
        splits, folder = {}, self.root / PETS
        rows: dict[str, list[list[str]]] = {}  # file name, breed, species (1 cat, 2 dog), number within it
        for name, part in (("train", "trainval"), ("test", "test")):
            self._fetch(part)
            lines = (folder / "annotations" / f"{part}.txt").read_text().splitlines()
            rows[name] = [line.split() for line in lines]
        files = {name: [folder / "images" / f"{row[0]}.jpg" for row in lines] for name, lines in rows.items()}
        for name, photos in self._load(files).items():
            labels = torch.tensor([int(row[2]) - 1 for row in rows[name]])[photos.readable]
            names = [str(files[name][i].relative_to(self.root)) for i in photos.readable]
            splits[name] = Split.whole(photos.images, labels, names, photos.digests_N)
        self.source = "Oxford-IIIT Pet"
        return splits

    def _read_drawn(self) -> dict[str, Split]:
        splits = {}
        for number, (name, count) in enumerate(DRAWN.items()):  # each split's faces from a seed of its own
            height, width = self.spec.image_shape[1:]
            images, labels = draw_faces(count, size=max(height, width), seed=number)
            pixels = center_crop(torch.from_numpy(images).permute(0, 3, 1, 2), [height, width]).contiguous()
            files = numbered(name, len(labels))
            same_at_any_size = as_digests(hashlib.sha256(file.encode()).digest() for file in files)
            splits[name] = Split.whole(pixels, torch.from_numpy(labels), files, same_at_any_size)
        self.source = DRAWN_SOURCE
        self.spec = replace(self.spec, fit_mode=CENTRE, crop=1.0)  # nothing is cut off drawings
        return splits
