"""Data sets, data modules and functions as users have them, of the digits of scikit-learn and of drawings."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset
from torchvision import transforms

from pellucid.data.base import ImageData
from pellucid.data.digits import Digits as OurDigits

MEAN, STD = 0.3, 0.4


@functools.cache
def digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (N, 8, 8) and labels of 400 digits."""
    read = load_digits()
    return (read.images[:400] * 15).astype(np.uint8), read.target[:400]


class Digits(Dataset[Any]):
    """Each digit as an image of Pillow's; with ``form`` as others have them."""

    def __init__(self, form: str = "pillow") -> None:
        self.form = form

    def __len__(self) -> int:
        return 400

    def __getitem__(self, index: int) -> Any:
        pixels_HW, label = digits()[0][index], int(digits()[1][index])
        return in_form(self.form, pixels_HW, label)


class Named(NamedTuple):
    label: int
    image: Image.Image


def in_form(form: str, pixels_HW: NDArray[np.uint8], label: int) -> Any:
    tensor_HW = torch.from_numpy(pixels_HW.copy())
    match form:
        case "pillow":
            return Image.fromarray(pixels_HW), label
        case "array":
            return pixels_HW, np.int64(label)
        case "channels last":
            return pixels_HW[:, :, None], np.array([label])
        case "tensor":
            return tensor_HW[None], torch.tensor(label)
        case "float":
            return tensor_HW[None].float() / 255, float(label)
        case "double in bytes":
            return tensor_HW[None].double(), label
        case "mapping":
            return {"pixel_values": tensor_HW[None], "labels": torch.tensor([label]), "id": "x"}
        case "named":
            return Named(label, Image.fromarray(pixels_HW))
        case "more":
            return Image.fromarray(pixels_HW), label, "a caption"
        case "label first":
            return label, Image.fromarray(pixels_HW)
    raise AssertionError(form)


class Splits(Digits):
    """As torchvision and MedMNIST have them: one object a split."""

    classes = tuple("zero one two three four five six seven eight nine".split())  # noqa: SIM905

    def __init__(self, split: str, form: str = "pillow") -> None:
        if split not in ("train", "valid"):
            raise ValueError(f"there is no {split}")
        super().__init__(form)
        self.rows = range(300) if split == "train" else range(300, 400)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        return super().__getitem__(self.rows[index])


class Flagged(Digits):
    def __init__(self, train: bool = True) -> None:
        super().__init__()
        self.train = train

    def __getitem__(self, index: int) -> Any:
        return super().__getitem__(index if self.train else 399 - index)

    def __len__(self) -> int:
        return 300 if self.train else 80


class Transformed(Dataset[Any]):
    def __init__(self, rows: range, *, is_random: bool) -> None:
        self.rows = rows
        crop = [transforms.RandomCrop(8, padding=2)] if is_random else []
        normalize = transforms.Normalize((MEAN,), (STD,))
        self.transform = transforms.Compose([*crop, transforms.ToTensor(), normalize])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        row = self.rows[index]
        return self.transform(Image.fromarray(digits()[0][row])), int(digits()[1][row])


class Module(LightningDataModule):
    """As Lightning's users write them: augmented, normalised."""

    def __init__(self, batch_size: int = 32, seed: int = -1) -> None:
        super().__init__()
        self.batch_size, self.seed = batch_size, seed

    def setup(self, stage: str) -> None:
        if stage == "fit":
            self.train = Transformed(range(250), is_random=True)
            self.val = Transformed(range(250, 320), is_random=False)
        else:
            self.test = Transformed(range(320, 400), is_random=False)

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.train, self.batch_size, shuffle=True)

    def val_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.val, self.batch_size)

    def test_dataloader(self) -> list[DataLoader[Any]]:
        return [DataLoader(self.test, self.batch_size)]


class Photos(Dataset[Any]):
    """Photos of several sizes in three colours; the size of the smallest is given."""

    def __init__(self, side: int = 150, listed: bool = True) -> None:
        self.side = side
        if listed:
            self.targets = [index % 3 for index in range(60)]

    def __len__(self) -> int:
        return 60

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        noise = np.random.default_rng(index)
        pixels = noise.integers(0, 120, (self.side + index % 5, self.side + index % 7, 3), np.uint8)
        pixels[:, :, index % 3] = 240
        return Image.fromarray(pixels), index % 3


class Names(Digits):
    """Whose labels are names."""

    def __getitem__(self, index: int) -> Any:
        image, label = super().__getitem__(index)
        return image, "even" if label % 2 == 0 else "odd"


class Known(Digits):
    """With what is known of digits otherwise: labels ``flags``, ``numbers`` or ``number``, or ``one hot``."""

    def __init__(self, known: str, fault: bool = False) -> None:
        super().__init__("tensor")
        self.known, self.fault = known, fault

    def __getitem__(self, index: int) -> Any:
        image, label = super().__getitem__(index)
        if self.fault and index == 17:
            return image, np.array([1, 0, 1, 1])
        match self.known:
            case "flags":
                return image, np.array([label % 2, label > 4, label % 3 == 0], np.uint8)
            case "numbers":
                return image, torch.tensor([label / 4, -label])
            case "number":
                return image, label / 4
            case "one hot":
                return image, np.eye(10, dtype=np.float32)[label]
            case "drawn":
                return image, label / 4 + random.random()
        raise AssertionError(self.known)


class Broken(Digits):
    """One that has a fault of that kind at item 17, or at all."""

    def __init__(self, fault: str) -> None:
        super().__init__("tensor" if fault in ("shape", "nan", "bright", "mixed") else "pillow")
        self.fault = fault
        if fault == "range":
            self.classes = tuple("0123456789")

    def __getitem__(self, index: int) -> Any:
        image, label = super().__getitem__(index)
        if self.fault in ("nan", "bright", "mixed"):
            image = image.float() / 255
        if self.fault == "normalised":
            return torch.from_numpy(np.array(image)).float()[None] / 100 - 1, label
        if self.fault == "stream of chance":
            return np.random.default_rng().integers(0, 255, (8, 8), np.uint8), label
        if index != 17:
            return image, label
        match self.fault:
            case "raise":
                raise KeyError("file")
            case "exit":
                raise SystemExit("no file")
            case "shape":
                return image[:, :7], label
            case "colour":
                return image.convert("RGB"), label
            case "nan":
                image[0, 0, 0] = float("nan")
            case "bright":
                image[0, 0, 0] = 7
            case "mixed":
                return Image.new("L", (8, 8)), label
            case "none":
                return image, None
            case "several":
                return image, np.zeros(3)
            case "half":
                return image, 0.5
            case "range":
                return image, 10
            case "negative":
                return image, -1
            case "name":
                return image, "seven"
            case "alone":
                return image
        return image, label


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        yield Image.new("L", (8, 8)), 0


class Empty(Digits):
    def __len__(self) -> int:
        return 0


class Lost(Splits):
    def __init__(self, split: str) -> None:
        raise RuntimeError("files are not there")


class Unready(Module):
    def setup(self, stage: str) -> None:
        raise KeyError("files")


class OfNothing:
    """What is no data set."""


class PathMNIST(Dataset[Any]):
    """The constructor, attributes and items of the class of that name in MedMNIST's package 3.0.2."""

    def __init__(
        self,
        split: str,
        transform: Any = None,
        target_transform: Any = None,
        download: bool = False,
        as_rgb: bool = False,
        root: str = "~/.medmnist",
        size: int | None = None,
        mmap_mode: Any = None,
    ) -> None:
        self.info = {"label": {"0": "adipose", "1": "background", "2": "debris"}, "task": "multi-class"}
        arrays = np.load(Path(root) / "pathmnist.npz", mmap_mode=mmap_mode)
        if split not in ("train", "val", "test"):
            raise ValueError
        self.imgs, self.labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
        self.transform, self.target_transform = transform, target_transform

    def __len__(self) -> int:
        return len(self.imgs)

    def __getitem__(self, index: int) -> tuple[Image.Image, NDArray[np.int64]]:
        return Image.fromarray(self.imgs[index]), self.labels[index].astype(int)


def write_medmnist(root: Path) -> None:
    """``pathmnist.npz`` as its publisher lays it out, with three classes of its nine."""
    noise, arrays = np.random.default_rng(0), list[NDArray[np.uint8]]()
    for count in (60, 12, 15):
        labels = np.arange(count, dtype=np.uint8)[:, None] % 3
        images = noise.integers(0, 100, (count, 28, 28, 3), np.uint8)
        for image, (label,) in zip(images, labels, strict=True):
            image[:, :, label] += 120
        arrays += [images, labels]
    np.savez(
        root / "pathmnist.npz",
        train_images=arrays[0],
        train_labels=arrays[1],
        val_images=arrays[2],
        val_labels=arrays[3],
        test_images=arrays[4],
        test_labels=arrays[5],
    )


def by_name() -> dict[str, Dataset[Any]]:
    return {"train": Splits("train"), "validation": Splits("valid")}


def of_split(split: str) -> Dataset[Any]:
    return Splits(split)


def pairs() -> list[Any]:
    return [in_form("pillow", *pair) for pair in zip(digits()[0], digits()[1].tolist(), strict=True)]


def misnamed() -> dict[str, Dataset[Any]]:
    return {"fold 1": Splits("train")}


def of_ours(seed: int, batch_size: int = 9) -> ImageData:
    return OurDigits(seed=seed, batch_size=batch_size)


def draws(index: int) -> float:
    """A number of each of the global generators."""
    return random.random() + float(np.random.rand()) + float(torch.rand(())) + index  # noqa: NPY002


def rows(begin: int, end: int, *, names: Sequence[str] = tuple("0123456789"), label: str = "digit") -> Any:
    """Some digits as rows of Hugging Face's, with an image, its class and a number beside."""
    import datasets

    images, labels = (array[begin:end] for array in digits())
    features = datasets.Features(
        {
            "number": datasets.Value("int64"),
            "picture": datasets.Image(),
            label: datasets.ClassLabel(names=list(names)) if names else datasets.Value("int64"),
        }
    )
    columns = {"picture": [Image.fromarray(image) for image in images], label: labels.tolist()}
    return datasets.Dataset.from_dict({"number": list(range(begin, end)), **columns}, features=features)
