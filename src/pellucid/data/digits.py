"""Handwritten digits of 8 × 8 pixels that come with scikit-learn: 1,797 images, no download.

Alpaydin and Kaynak, "Optical recognition of handwritten digits", UCI machine learning repository, 1998.
"""

from typing import Literal

import numpy as np
import torch
from sklearn.datasets import load_digits

from pellucid.data.base import ImageData
from pellucid.data.spec import Spec, Split, numbered
from pellucid.data.split import stratified_split


class Digits(ImageData):
    """1 × 8 × 8, ten classes, split by the seed."""

    def __init__(
        self,
        *,
        image_size: int | Literal["auto"],
        batch_size: int,
        augment: str,
        val_fraction: float,
        test_fraction: float,
        seed: int,
    ) -> None:
        spec = Spec(
            image_shape=(1, 8, 8),
            classes=tuple("0123456789"),
            mean=(0.3053,),
            std=(0.3760,),
            statistics="all 1,797 images",
        )
        super().__init__(spec=spec, image_size=image_size, batch_size=batch_size, augment=augment, seed=seed)
        self.fractions = (val_fraction, test_fraction)

    def read(self) -> dict[str, Split]:
        self.source = "scikit-learn's digits"
        pixels, labels = load_digits(return_X_y=True)  # 0 to 16, floats
        images = np.rint(pixels * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
        everything = Split.whole(
            torch.from_numpy(images),
            torch.from_numpy(labels).long(),
            numbered("digits", len(labels)),
        )
        parts = stratified_split(everything.labels_N, self.fractions, self.seed)
        names = ("train", "val", "test")
        return {n: everything.subset(part) for n, part in zip(names, parts, strict=True)}
