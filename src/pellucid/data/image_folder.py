"""Image folders of a user's own, one folder a class."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pellucid.data.base import ImageData
from pellucid.data.folder import PhotoFolder, load_folder
from pellucid.data.images import Split
from pellucid.data.pictures import find_deep, find_range
from pellucid.errors import UserError
from pellucid.spec import IMAGENET_MEAN, IMAGENET_SOURCE, IMAGENET_STD, Spec, is_range

log = logging.getLogger(__name__)

AUTO_SIZE = 128


class ImageFolder(ImageData):
    """A folder of photos of any kind, ``root/<class>/…`` or ``root/{train,val,test}/<class>/…``.

    ``classes`` are those that are looked for, in this order; without, all folders are, by their names. Raises
    UserError at construction where the folder has none of them.
    """

    def __init__(
        self,
        *,
        root: str,
        classes: list[str] | None = None,
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
        if value_range != "auto" and not is_range(value_range):
            raise UserError(f"data.value_range={value_range}: expected auto or [<black>,<white>].")
        folder = Path(root).expanduser()
        self.folder = PhotoFolder.of_classes(folder, classes) if classes else PhotoFolder.find(folder)
        spec = Spec(
            image_shape=(3, AUTO_SIZE, AUTO_SIZE),
            classes=self.folder.classes,
            mean=IMAGENET_MEAN,
            std=IMAGENET_STD,
            statistics=IMAGENET_SOURCE,
            value_range=None if value_range == "auto" else tuple(value_range),
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
        elif self.asked_range != "auto" and not find_deep(self.folder.training_files()):
            log.warning("data.value_range is not used: none of the images looked at has more than 8 bits.")
        splits, self.left_out = load_folder(
            self.folder,
            size=self.spec.image_shape[1],
            cache=self.cache,
            cache_limit=self.cache_limit,
            values=self.spec.values,
            fit=self.spec.fit,
        )
        self.source = f"folder {self.folder.root}"
        return splits

    def fingerprint(self) -> str:
        return self.folder.fingerprint()
