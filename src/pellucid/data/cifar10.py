"""CIFAR-10: 50,000 + 10,000 colour photos of ten classes, 32 × 32.

Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torchvision import datasets

from pellucid.data.base import ImageData
from pellucid.data.download import download
from pellucid.data.images import Split, numbered
from pellucid.spec import Spec

CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer",
    "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip


class CIFAR10(ImageData):
    """CIFAR-10. ``root`` holds ``cifar-10-batches-py``; torchvision checks the files and downloads them."""

    def __init__(
        self,
        *,
        root: str = "~/.cache/pellucid/cifar10",
        batch_size: int = 128,
        augment: str | Sequence[str] = "shift_flip",
        val_fraction: float = 0.1,
        **given: Any,
    ) -> None:
        spec = Spec(
            image_shape=(3, 32, 32),
            classes=CLASSES,
            mean=(0.4914, 0.4822, 0.4465),
            std=(0.2470, 0.2435, 0.2616),
            statistics="the training images",
        )
        super().__init__(
            spec=spec,
            batch_size=batch_size,
            augment=augment,
            val_fraction=val_fraction,
            test_fraction=None,  # it has test images
            **given,
        )
        self.root = Path(root).expanduser()

    @property
    def needs_download(self) -> bool:
        try:
            datasets.CIFAR10(str(self.root))
        except RuntimeError:  # torchvision's, of files that lack or are not whole
            return True
        return False

    def prepare_data(self) -> None:
        self._fetch("train")  # all the files are in one archive

    def read(self) -> dict[str, Split]:
        splits = {}
        for name in ("train", "test"):
            archive = self._fetch(name)
            images = torch.from_numpy(archive.data).permute(0, 3, 1, 2).contiguous()
            labels = torch.tensor(archive.targets)
            splits[name] = Split.whole(images, labels, numbered(name, len(labels)))
        self.source = f"CIFAR-10 in {self.root}"
        return splits

    def _fetch(self, name: str) -> datasets.CIFAR10:
        """The train or test images, checked by their md5 sums; downloaded where they are not there."""
        root = str(self.root)
        return download(
            "CIFAR-10",
            root,
            "the folder cifar-10-batches-py with the publisher's files",
            lambda: datasets.CIFAR10(root, train=name == "train", download=True),
        )
