"""Handwritten digits of 8 × 8 pixels that come with scikit-learn: 1,797 images, no download.

Alpaydin and Kaynak, "Optical recognition of handwritten digits", UCI machine learning repository, 1998.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits

from pellucid.data.base import ImageData
from pellucid.data.divide import History, divide, shares_of
from pellucid.data.images import Split, numbered
from pellucid.spec import Spec

CLASSES = tuple("0123456789")


class Digits(ImageData):
    """Handwritten digits, 1 × 8 × 8, ten classes, split by the seed."""

    def __init__(
        self,
        *,
        batch_size: int = 32,
        augment: str | Sequence[str] = "none",
        val_fraction: float = 0.1,
        test_fraction: float = 0.2,
        seed: int = 0,
        **given: Any,
    ) -> None:
        # Nobody has split these, so what is known of them in advance hangs on the split as well.
        everything = _everything()
        shares = shares_of(val_fraction, test_fraction, given.get("folds"), given.get("fold", 0))
        train = divide({"all": everything}, shares, seed, CLASSES, History()).splits["train"]
        pixels_N = train.images(torch.arange(len(train))).double() / 255
        spec = Spec(
            image_shape=(1, 8, 8),
            classes=CLASSES,
            mean=(round(float(pixels_N.mean()), 4),),
            std=(round(float(pixels_N.std(correction=0)), 4),),
            statistics=f"its {len(train):,} training images",
        )
        super().__init__(
            spec=spec,
            batch_size=batch_size,
            augment=augment,
            seed=seed,
            val_fraction=val_fraction,
            test_fraction=test_fraction,
            **given,
        )
        self.everything = everything

    def read(self) -> dict[str, Split]:
        self.source = "scikit-learn's digits"
        return {"all": self.everything}


def _everything() -> Split:
    pixels, labels = load_digits(return_X_y=True)  # 0 to 16, floats
    images = np.rint(pixels * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    return Split.whole(
        torch.from_numpy(images), torch.from_numpy(labels).long(), numbered("digits", len(labels))
    )
