"""Fashion-MNIST: 60,000 + 10,000 grey images of clothes, 28 × 28.

Xiao, Rasul and Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
algorithms", 2017.
"""

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision import datasets

from pellucid.data.base import ImageData
from pellucid.data.download import download
from pellucid.data.images import Split, numbered
from pellucid.errors import UserError, counted
from pellucid.spec import Spec

CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
CHUNK = 2**20  # bytes read at once
FILES = {"train": "train", "test": "t10k"}


class FashionMNIST(ImageData):
    """Fashion-MNIST. ``root``, or ``FashionMNIST/raw`` in it, holds the four idx files, gzipped or not."""

    def __init__(
        self,
        *,
        root: str = "~/.cache/pellucid/fashion_mnist",
        batch_size: int = 100,
        augment: str | Sequence[str] = "none",
        val_fraction: float = 0.1,
        **given: Any,
    ) -> None:
        spec = Spec(
            image_shape=(1, 28, 28),
            classes=CLASSES,
            mean=(0.2860,),
            std=(0.3530,),
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
        return self._folder() is None

    def prepare_data(self) -> None:
        if self.needs_download:
            download(
                "Fashion-MNIST",
                str(self.root),
                "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz and the two t10k files",
                lambda: datasets.FashionMNIST(str(self.root), download=True),
            )

    def read(self) -> dict[str, Split]:
        self.prepare_data()
        folder = self._folder()
        assert folder is not None
        self.source = f"Fashion-MNIST in {folder}"
        splits = {}
        for name, prefix in FILES.items():
            images = read_idx(_find(folder, f"{prefix}-images-idx3-ubyte"))
            labels = read_idx(_find(folder, f"{prefix}-labels-idx1-ubyte"))
            if len(images) != len(labels) or images.ndim != 3 or labels.ndim != 1:
                raise UserError(
                    f"{folder}: {counted(len(images), f'{name} image')} but {counted(len(labels), 'label')}. "
                    "The files do not belong together; download them again."
                )
            if labels.max(initial=0) >= len(CLASSES):
                raise UserError(
                    f"{folder}: the {name} labels go to {labels.max()}, expected 0 to 9. Is it Fashion-MNIST?"
                )
            splits[name] = Split.whole(
                torch.from_numpy(images)[:, None],
                torch.from_numpy(labels).long(),
                numbered(name, len(labels)),
            )
        return splits

    def _folder(self) -> Path | None:
        """The folder where all four files are."""
        for folder in (self.root, self.root / "FashionMNIST" / "raw"):
            names = [f"{p}-{kind}" for p in FILES.values() for kind in
                     ("images-idx3-ubyte", "labels-idx1-ubyte")]  # fmt: skip
            if all(_find(folder, name).is_file() for name in names):
                return folder
        return None


def _find(folder: Path, name: str) -> Path:
    plain = folder / name
    return plain if plain.is_file() else folder / f"{name}.gz"


def read_idx(path: Path) -> NDArray[np.uint8]:
    """An idx file of bytes (http://yann.lecun.com/exdb/mnist): 0, 0, type 8, dimensions, sizes, data."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            head = file.read(4)
            if head[:3] != b"\0\0\x08":
                raise ValueError("it does not begin as an idx file of bytes")
            sizes = np.frombuffer(file.read(4 * head[3]), ">u4")
            array = np.empty(tuple(sizes), np.uint8)
            flat, filled = memoryview(array.reshape(-1)), 0  # type: ignore[arg-type]
            while size := file.readinto(flat[filled : filled + CHUNK]):  # whole, it would be twice in memory
                filled += size
            if filled < array.size or file.read(1):
                raise ValueError("it does not have as many bytes as it says")
    except (ValueError, IndexError, EOFError, OSError, MemoryError, zlib.error) as error:
        raise UserError(f"{path} is damaged ({error}). Delete it and download it again.") from error
    return array
