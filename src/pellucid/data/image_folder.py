"""A user's own folder of images, one folder a class."""

from pathlib import Path
from typing import Literal

from pellucid.data.base import ImageData
from pellucid.data.folder import PhotoFolder, load_folder
from pellucid.data.spec import IMAGENET_MEAN, IMAGENET_SOURCE, IMAGENET_STD, Spec, Split

AUTO_SIZE = 128


class ImageFolder(ImageData):
    """``root/<class>/…`` or ``root/{train,val,test}/<class>/…``; photos of any size, mode and format.

    Raises UserError at construction where the folder has no classes.
    """

    def __init__(
        self,
        *,
        root: str,
        image_size: int | Literal["auto"],
        batch_size: int,
        augment: str,
        val_fraction: float,
        test_fraction: float,
        cache: str,
        cache_limit: float,
        seed: int,
    ) -> None:
        self.folder = PhotoFolder.find(Path(root).expanduser())
        spec = Spec(
            image_shape=(3, AUTO_SIZE, AUTO_SIZE),
            classes=self.folder.classes,
            mean=IMAGENET_MEAN,
            std=IMAGENET_STD,
            statistics=IMAGENET_SOURCE,
        )
        super().__init__(spec=spec, image_size=image_size, batch_size=batch_size, augment=augment, seed=seed)
        self.cache, self.cache_limit = Path(cache).expanduser(), cache_limit
        self.fractions = {"val_fraction": val_fraction, "test_fraction": test_fraction}

    def read(self) -> dict[str, Split]:
        splits, self.left_out = load_folder(
            self.folder,
            size=self.spec.image_shape[1],
            cache=self.cache,
            cache_limit=self.cache_limit,
            seed=self.seed,
            **self.fractions,
        )
        self.source = f"folder {self.folder.root}"
        return splits

    def fingerprint(self) -> str:
        return self.folder.fingerprint()
