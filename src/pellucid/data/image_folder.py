"""Image folders of a user's own, one folder a class."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pellucid.data.base import ImageData
from pellucid.data.channels import check_bands, find_channels, look
from pellucid.data.folder import PhotoFolder, load_folder
from pellucid.data.images import Split
from pellucid.data.pictures import find_deep, find_range
from pellucid.errors import UserError
from pellucid.spec import IMAGENET_MEAN, IMAGENET_SOURCE, IMAGENET_STD, MAX_CHANNELS, Spec, is_range_of

log = logging.getLogger(__name__)

AUTO_SIZE = 128


class ImageFolder(ImageData):
    """A folder of photos of any kind, ``root/<class>/…`` or ``root/{train,val,test}/<class>/…``.

    ``classes`` are those that are looked for, in this order; without, all folders are, by their names.
    ``channels``: auto, 3 of photos and what they have of arrays (``.npy``) and TIFF files of several pages.
    ``bands``: those that are shown, as red, green and blue, or pca, the first principal components; auto: of
    more than four pca. Raises UserError at construction where the folder has none of the classes, or images
    of different numbers of channels.
    """

    def __init__(
        self,
        *,
        root: str,
        classes: list[str] | None = None,
        channels: int | Literal["auto"] = "auto",
        bands: Sequence[int] | Literal["auto", "pca"] = "auto",
        batch_size: int = 32,
        augment: str = "crop_flip",
        val_fraction: float = 0.15,
        test_fraction: float = 0.15,
        value_range: Sequence[float] | Literal["auto"] = "auto",
        cache: str = "~/.cache/pellucid/photos",
        cache_limit: float = 50.0,
        **given: Any,
    ) -> None:
        if classes is not None and len(set(classes)) != max(len(classes), 2):
            raise UserError(f"data.classes={classes}: expected at least two different names.")
        folder = Path(root).expanduser()
        self.folder = PhotoFolder.of_classes(folder, classes) if classes else PhotoFolder.find(folder)
        if channels != "auto" and not 1 <= channels <= MAX_CHANNELS:
            raise UserError(f"data.channels={channels}: expected auto, or 1 to {MAX_CHANNELS}.")
        if channels == "auto":
            channels = find_channels(folder, self.folder.training_files())
        check_bands(bands, channels)
        if value_range != "auto" and not is_range_of(value_range, channels):
            each = f", or as much for each of {channels} channels" if channels != 3 else ""
            raise UserError(f"data.value_range={value_range}: expected auto or [<black>,<white>]{each}.")
        spec = Spec(
            image_shape=(channels, AUTO_SIZE, AUTO_SIZE),
            classes=self.folder.classes,
            mean=IMAGENET_MEAN,
            std=IMAGENET_STD,
            statistics=IMAGENET_SOURCE,
            value_range=None if value_range == "auto" else tuple(value_range),
            bands=() if isinstance(bands, str) else tuple(bands),
        )
        if channels != 3:
            files = self.folder.training_files()
            kind = "images, before they are split" if "all" in self.folder.splits else "training images"
            of = f"its {len(files):,} {kind}"
            known = look(files, channels, of=of, value_range=value_range, bands=bands)
            spec = replace(
                spec,
                mean=known.mean,
                std=known.std,
                statistics=known.statistics,
                value_range=known.values,
                bands=known.bands,
            )
        super().__init__(
            spec=spec,
            batch_size=batch_size,
            augment=augment,
            val_fraction=val_fraction,
            test_fraction=test_fraction,
            **given,
        )
        self.cache, self.cache_limit = Path(cache).expanduser(), cache_limit
        self.asked_range = value_range

    def read(self) -> dict[str, Split]:
        if self.spec.value_range is None:
            self.spec = replace(self.spec, value_range=find_range(self.folder.training_files()))
        elif (
            self.asked_range != "auto"
            and self.spec.image_shape[0] == 3
            and not find_deep(self.folder.training_files())
        ):
            log.warning("data.value_range is not used: none of the images looked at has more than 8 bits.")
        splits, self.left_out = load_folder(
            self.folder,
            size=self.spec.image_shape[1:],
            channels=self.spec.image_shape[0],
            cache=self.cache,
            cache_limit=self.cache_limit,
            values=self.spec.values,
            fit=self.spec.fit,
        )
        self.source = f"folder {self.folder.root}"
        return splits

    def fingerprint(self) -> str:
        return self.folder.fingerprint()
