"""Small files of torchvision's data sets as their publishers pack them, and how they are made to pass.

Each writer gets the root and writes every split, a few images of each class; an image of the class k has a
mean of about 40 + 60 k, so that a net can tell them. Where torchvision checks sums, ``trust`` puts those of
the fake files into their place.
"""

from __future__ import annotations

import bz2
import csv
import hashlib
import json
import pickle
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision import datasets

from tests.fakes import write_idx

Pixels = NDArray[np.uint8]
random = np.random.default_rng(0)


def pixels(label: int, *shape: int) -> Pixels:
    return random.integers(10 + 60 * label, 70 + 60 * label, shape, dtype=np.uint8)


def photo(path: Path, label: int, size: tuple[int, int] | None = None) -> None:
    """A photo of that class, 20 to 40 pixels a side unless the size is said."""
    height, width = size or random.integers(20, 40, 2).tolist()
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(label, height, width, 3)).save(path)


def stack(counts: list[int], *shape: int) -> tuple[Pixels, list[int]]:
    """So many images of each class, in turn, and their labels."""
    labels = [label for index in range(max(counts)) for label, count in enumerate(counts) if index < count]
    return np.stack([pixels(label, *shape) for label in labels]), labels


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def _mnist(name: str, prefix: str = "", ends: tuple[str, str] = ("train", "t10k")) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        for end, count in zip(ends, (12, 6), strict=True):
            images, labels = stack([count] * 3, 28, 28)
            stem = root / name / "raw" / f"{prefix}{end}"
            write_idx(stem.with_name(f"{stem.name}-images-idx3-ubyte"), images)
            write_idx(stem.with_name(f"{stem.name}-labels-idx1-ubyte"), np.array(labels, np.uint8))

    return write


def _emnist(root: Path) -> None:
    for end, count in (("train", 12), ("test", 6)):
        images, labels = stack([0, count, count, count], 28, 28)  # letters are numbered from 1
        images[:, 2, :] = 255  # a row, upright: a column in the file
        stem = root / "EMNIST" / "raw" / f"emnist-letters-{end}"
        write_idx(stem.with_name(f"{stem.name}-images-idx3-ubyte"), images.transpose(0, 2, 1))
        write_idx(stem.with_name(f"{stem.name}-labels-idx1-ubyte"), np.array(labels, np.uint8))


def _qmnist(root: Path) -> None:
    for end, count in (("train", 12), ("test", 6)):
        images, labels = stack([count] * 3, 28, 28)
        folder = root / "QMNIST" / "raw"
        write_idx(folder / f"qmnist-{end}-images-idx3-ubyte", images)
        rows = np.array([[label, 0, 7, 0, 0, 0, 0, 0] for label in labels], ">i4")
        header = struct.pack(">BBBB2I", 0, 0, 12, 2, *rows.shape)
        (folder / f"qmnist-{end}-labels-idx2-int").write_bytes(header + rows.tobytes())


def _cifar100(root: Path) -> None:
    folder = root / "cifar-100-python"
    folder.mkdir(parents=True)
    for name, count in (("train", 12), ("test", 6)):
        images, labels = stack([count] * 3, 3072)
        content = {"data": images, "fine_labels": labels, "coarse_labels": [0] * len(labels)}
        (folder / name).write_bytes(pickle.dumps(content))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": ["apple", "bear", "clock"]}))


def _svhn(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for name, count in (("train", 12), ("test", 6), ("extra", 9)):
        images, labels = stack([count] * 3, 32, 32, 3)
        digits = [[10 if label == 0 else label] for label in labels]  # as the publisher writes a nought
        content = {"X": images.transpose(1, 2, 3, 0), "y": np.array(digits, np.uint8)}
        scipy.io.savemat(root / f"{name}_32x32.mat", content)


def _stl10(root: Path) -> None:
    folder = root / "stl10_binary"
    folder.mkdir(parents=True)
    for name, count in (("train", 5), ("test", 3)):
        images, labels = stack([count] * 3, 3, 96, 96)
        images.tofile(folder / f"{name}_X.bin")
        (np.array(labels, np.uint8) + 1).tofile(folder / f"{name}_y.bin")
    stack([2], 3, 96, 96)[0].tofile(folder / "unlabeled_X.bin")
    (folder / "class_names.txt").write_text("airplane\nbird\ncar\n")


def _usps(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for name, count in (("usps.bz2", 12), ("usps.t.bz2", 6)):
        images, labels = stack([count] * 3, 256)
        rows = [
            f"{label + 1} " + " ".join(f"{k}:{value / 127.5 - 1:.4f}" for k, value in enumerate(image, 1))
            for image, label in zip(images.tolist(), labels, strict=True)
        ]
        (root / name).write_bytes(bz2.compress("\n".join(rows).encode()))


def _semeion(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    rows = []
    for index in range(60):
        ink = (random.random(256) < 0.2 + 0.3 * (index % 3)).astype(int)
        rows.append(
            " ".join([*(f"{value}.0000" for value in ink), *(str(int(k == index % 3)) for k in range(10))])
        )
    (root / "semeion.data").write_text("\n".join(rows) + "\n")


def _fer2013(root: Path) -> None:
    (root / "fer2013").mkdir(parents=True)
    with (root / "fer2013" / "fer2013.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["emotion", "pixels", "Usage"])
        for usage, count in (("Training", 12), ("PublicTest", 3), ("PrivateTest", 3)):
            for image, label in zip(*stack([count] * 3, 48 * 48), strict=True):
                rows.writerow([label, " ".join(map(str, image.tolist())), usage])


def _folders(
    names: dict[str, int], classes: tuple[str, ...], suffix: str, size: tuple[int, int] | None = None
) -> Callable[[Path], None]:
    """``<folder>/<class>/<number><suffix>`` with so many images of each class in each of the folders."""

    def write(root: Path) -> None:
        for folder, count in names.items():
            for label, name in enumerate(classes):
                for index in range(count):
                    photo(root / folder / name / f"{index:03d}{suffix}", label, size)

    return write


def _caltech101(root: Path) -> None:
    folder = root / "caltech101" / "101_ObjectCategories"
    for label, name in enumerate(("Faces", "anchor", "wrench")):
        for index in range(1, 11):
            photo(folder / name / f"image_{index:04d}.jpg", label)
    photo(folder / "BACKGROUND_Google" / "image_0001.jpg", 0)


def _caltech256(root: Path) -> None:
    for label, name in enumerate(("001.ak47", "002.american-flag", "003.backpack")):
        for index in range(1, 11):
            path = root / "caltech256" / "256_ObjectCategories" / name / f"{label + 1:03d}_{index:04d}.jpg"
            photo(path, label)


def _flowers102(root: Path) -> None:
    folder, labels = root / "flowers-102", []
    ids: dict[str, list[int]] = {"trnid": [], "valid": [], "tstid": []}
    for number in range(1, 31):
        label = number % 3
        labels.append(label + 1)
        ids[("trnid", "valid", "tstid")[(number - 1) // 3 % 3 if number > 12 else 0]].append(number)
        photo(folder / "jpg" / f"image_{number:05d}.jpg", label)
    scipy.io.savemat(folder / "imagelabels.mat", {"labels": np.array([labels])})
    scipy.io.savemat(folder / "setid.mat", {name: np.array([numbers]) for name, numbers in ids.items()})


def _pets(root: Path) -> None:
    folder = root / "oxford-iiit-pet"
    (folder / "annotations").mkdir(parents=True)
    for split, begin, count in (("trainval", 0, 10), ("test", 10, 4)):
        lines = []
        for index in range(begin, begin + count):
            for label, (name, species) in enumerate(
                (("Abyssinian", 1), ("american_bulldog", 2), ("Bengal", 1))
            ):
                photo(folder / "images" / f"{name}_{index}.jpg", label)
                lines.append(f"{name}_{index} {label + 1} {species} 1\n")
        (folder / "annotations" / f"{split}.txt").write_text("".join(lines))


def _gtsrb(root: Path) -> None:
    folder = root / "gtsrb"
    for label in range(3):
        for index in range(10):
            photo(folder / "GTSRB" / "Training" / f"{label:05d}" / f"{index:05d}.ppm", label)
    rows = ["Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"]
    for index in range(12):
        photo(folder / "GTSRB" / "Final_Test" / "Images" / f"{index:05d}.ppm", index % 3)
        rows.append(f"{index:05d}.ppm;30;30;5;5;25;25;{index % 3}")
    (folder / "GT-final_test.csv").write_text("\n".join(rows) + "\n")


def _food101(root: Path) -> None:
    folder = root / "food-101"
    (folder / "meta").mkdir(parents=True)
    names = ("apple_pie", "sushi", "waffles")
    for split, begin, count in (("train", 0, 10), ("test", 10, 4)):
        listed = {name: [f"{name}/{index}" for index in range(begin, begin + count)] for name in names}
        (folder / "meta" / f"{split}.json").write_text(json.dumps(listed))
        for label, name in enumerate(names):
            for item in listed[name]:
                photo(folder / "images" / f"{item}.jpg", label)


def _dtd(root: Path) -> None:
    folder = root / "dtd" / "dtd"
    (folder / "labels").mkdir(parents=True)
    for partition in (1, 2):
        for split, begin, count in (("train", 0, 10), ("val", 10, 3), ("test", 13, 3)):
            lines = []
            for label, name in enumerate(("banded", "dotted", "woven")):
                for index in range(begin, begin + count):
                    number = (index + 4 * (partition - 1)) % 16
                    path = folder / "images" / name / f"{name}_{number:04d}.jpg"
                    if not path.exists():
                        photo(path, label)
                    lines.append(f"{name}/{path.name}\n")
            (folder / "labels" / f"{split}{partition}.txt").write_text("".join(lines))


def _stanford_cars(root: Path) -> None:
    folder = root / "stanford_cars"
    (folder / "devkit").mkdir(parents=True)
    names = np.array(["AM General Hummer 2000", "Acura RL 2012", "Audi TT 2011"], dtype=object)
    scipy.io.savemat(folder / "devkit" / "cars_meta.mat", {"class_names": names})
    kinds = [("class", "O"), ("fname", "O")]
    for split, count, place in (
        ("train", 10, folder / "devkit" / "cars_train_annos.mat"),
        ("test", 4, folder / "cars_test_annos_withlabels.mat"),
    ):
        rows = [(index % 3 + 1, f"{index:05d}.jpg") for index in range(3 * count)]
        for label, name in rows:
            photo(folder / f"cars_{split}" / name, label - 1)
        scipy.io.savemat(place, {"annotations": np.array(rows, dtype=kinds)})


def _aircraft(root: Path) -> None:
    folder = root / "fgvc-aircraft-2013b" / "data"
    (folder / "images").mkdir(parents=True)
    levels = {
        "variant": ("variants", ["707-320", "A300B4", "DC-3"]),
        "family": ("families", ["Boeing 707", "A300", "DC-3"]),
        "manufacturer": ("manufacturers", ["Airbus", "Boeing", "Douglas Aircraft Company"]),
    }
    of_label = {"variant": (0, 1, 2), "family": (0, 1, 2), "manufacturer": (1, 0, 2)}
    splits = {"train": range(0, 18), "val": range(18, 24), "trainval": range(0, 24), "test": range(24, 33)}
    for index in range(33):
        photo(folder / "images" / f"{index:07d}.jpg", index % 3)
    for level, (file, names) in levels.items():
        (folder / f"{file}.txt").write_text("\n".join(names) + "\n")
        for split, indices in splits.items():
            lines = [f"{index:07d} {names[of_label[level][index % 3]]}\n" for index in indices]
            (folder / f"images_{level}_{split}.txt").write_text("".join(lines))


def _sun397(root: Path) -> None:
    names = ("/a/abbey", "/c/cabin/outdoor", "/z/zoo")
    for label, name in enumerate(names):
        for index in range(10):
            photo(root / "SUN397" / name[1:] / f"sun_{index:03d}{label}.jpg", label)
    (root / "SUN397" / "ClassName.txt").write_text("\n".join(names) + "\n")


def _omniglot(root: Path) -> None:
    folder = root / "omniglot-py"
    for label, name in enumerate(("Greek/character01", "Greek/character02", "Korean/character01")):
        for index in range(10):
            path = folder / "images_background" / name / f"{label:04d}_{index:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.random((105, 105)) < 0.2 + 0.3 * label).save(path)
    (folder / "images_background.zip").write_bytes(b"as it was downloaded")


def _clevr(root: Path) -> None:
    folder = root / "clevr" / "CLEVR_v1.0"
    (folder / "scenes").mkdir(parents=True)
    for split, count in (("train", 30), ("val", 9), ("test", 6)):
        scenes = []
        for index in range(count):
            name = f"CLEVR_{split}_{index:06d}.png"
            photo(folder / "images" / split / name, index % 3, (32, 48))
            scenes.append({"image_filename": name, "objects": [{}] * (3 + index % 3)})
        if split != "test":
            (folder / "scenes" / f"CLEVR_{split}_scenes.json").write_text(json.dumps({"scenes": scenes}))


def _places365(root: Path) -> None:
    names = ("/a/airfield", "/b/beach", "/z/zen_garden")
    root.mkdir(parents=True, exist_ok=True)
    (root / "categories_places365.txt").write_text("".join(f"{name} {k}\n" for k, name in enumerate(names)))
    lines = []
    for label, name in enumerate(names):
        for index in range(10):
            photo(root / "data_large_standard" / name[1:] / f"{index:08d}.jpg", label)
            lines.append(f"{name}/{index:08d}.jpg {label}\n")
    (root / "places365_train_standard.txt").write_text("".join(lines))
    for split in ("val", "test"):
        lines = []
        for index in range(9):
            photo(root / f"{split}_large" / f"Places365_{split}_{index:08d}.jpg", index % 3)
            said = f" {index % 3}" if split == "val" else ""
            lines.append(f"Places365_{split}_{index:08d}.jpg{said}\n")
        (root / f"places365_{split}.txt").write_text("".join(lines))


def _inaturalist(root: Path) -> None:
    names = (
        "00000_Animalia_Chordata_Aves_Passeriformes_Corvidae_Corvus_corax",
        "00001_Animalia_Chordata_Mammalia_Carnivora_Canidae_Canis_lupus",
        "00002_Plantae_Tracheophyta_Magnoliopsida_Rosales_Rosaceae_Rosa_canina",
    )
    _folders({"2021_train": 10, "2021_valid": 3}, names, ".jpg")(root)


def _lfw(root: Path) -> None:
    folder, counts = (
        root / "lfw-py",
        {"Ada_Lovelace": 8, "Alan_Turing": 9, "Emmy_Noether": 10, "Kurt_Goedel": 1},
    )
    for label, (name, count) in enumerate(counts.items()):
        for index in range(1, count + 1):
            photo(folder / "lfw_funneled" / name / f"{name}_{index:04d}.jpg", label)
    (folder / "lfw-names.txt").write_text("".join(f"{name}\t{count}\n" for name, count in counts.items()))
    (folder / "people.txt").write_text(
        "2\n2\nAda_Lovelace\t8\nAlan_Turing\t9\n2\nEmmy_Noether\t10\nKurt_Goedel\t1\n"
    )
    (folder / "lfw-funneled.tgz").write_bytes(b"as it was downloaded")


def _imagenet(root: Path) -> None:
    names = ("n01440764", "n02012849", "n03126707")
    _folders({"train": 10, "val": 4}, names, ".JPEG")(root)
    words = [("tench", "Tinca tinca"), ("crane",), ("crane", "construction crane")]
    torch.save((dict(zip(names, words, strict=True)), list(names)), root / "meta.bin")


def _imagenette(root: Path) -> None:
    _folders(
        {"imagenette2/train": 10, "imagenette2/val": 4}, ("n01440764", "n02102040", "n02979186"), ".JPEG"
    )(root)
    for path in root.rglob("*.JPEG"):
        path.rename(path.with_suffix(".jpeg"))


def _pcam(root: Path) -> None:
    h5py = pytest.importorskip("h5py")
    (root / "pcam").mkdir(parents=True)
    for name, count in (("train", 12), ("valid", 4), ("test", 4)):
        images, labels = stack([count] * 2, 96, 96, 3)
        stem = root / "pcam" / f"camelyonpatch_level_2_split_{name}"
        for end, key, values in (("x", "x", images), ("y", "y", np.array(labels).reshape(-1, 1, 1, 1))):
            with h5py.File(f"{stem}_{end}.h5", "w") as file:
                file[key] = values


WRITERS: dict[str, Callable[[Path], None]] = {
    "CIFAR100": _cifar100,
    "CLEVRClassification": _clevr,
    "Caltech101": _caltech101,
    "Caltech256": _caltech256,
    "Country211": _folders(
        {"country211/train": 10, "country211/valid": 3, "country211/test": 4}, ("AD", "CH", "FR"), ".jpg"
    ),
    "DTD": _dtd,
    "EMNIST": _emnist,
    "EuroSAT": _folders({"eurosat/2750": 10}, ("AnnualCrop", "Forest", "River"), ".jpg", (64, 64)),
    "FER2013": _fer2013,
    "FGVCAircraft": _aircraft,
    "FakeData": lambda root: None,
    "FashionMNIST": _mnist("FashionMNIST"),
    "Flowers102": _flowers102,
    "Food101": _food101,
    "GTSRB": _gtsrb,
    "INaturalist": _inaturalist,
    "ImageNet": _imagenet,
    "Imagenette": _imagenette,
    "KMNIST": _mnist("KMNIST"),
    "LFWPeople": _lfw,
    "MNIST": _mnist("MNIST"),
    "Omniglot": _omniglot,
    "OxfordIIITPet": _pets,
    "PCAM": _pcam,
    "Places365": _places365,
    "QMNIST": _qmnist,
    "RenderedSST2": _folders(
        {"rendered-sst2/train": 10, "rendered-sst2/valid": 3, "rendered-sst2/test": 3},
        ("negative", "positive"),
        ".png",
        (44, 44),
    ),
    "SEMEION": _semeion,
    "STL10": _stl10,
    "SUN397": _sun397,
    "SVHN": _svhn,
    "StanfordCars": _stanford_cars,
    "USPS": _usps,
}


def sums(name: str, root: Path) -> Iterator[tuple[Any, str, Any]]:
    """What of torchvision's is to be replaced so that it takes the fake files: object, attribute, value."""
    found: Any = getattr(datasets, name)

    def of(folder: str, files: list[list[str]]) -> list[list[str]]:
        return [[file, md5(root / folder / file)] for file, *_ in files]

    if name in ("CIFAR100", "STL10"):
        for attribute in ("train_list", "test_list"):
            yield found, attribute, of(found.base_folder, getattr(found, attribute))
    if name == "CIFAR100":
        yield found, "meta", {**found.meta, "md5": md5(root / found.base_folder / "meta")}
    if name == "SVHN":
        lists = {split: [url, file, md5(root / file)] for split, (url, file, _) in found.split_list.items()}
        yield found, "split_list", lists
    if name == "SEMEION":
        yield found, "md5_checksum", md5(root / found.filename)
    if name == "FER2013":
        yield (
            found,
            "_RESOURCES",
            {**found._RESOURCES, "fer": ("fer2013.csv", md5(root / "fer2013" / "fer2013.csv"))},
        )
    if name == "Flowers102":
        sums_of = {
            key: (file, md5(root / "flowers-102" / file) if key != "image" else "")
            for key, (file, _) in found._file_dict.items()
        }
        yield found, "_file_dict", sums_of
    if name == "Omniglot":
        yield found, "zips_md5", {"images_background": md5(root / found.folder / "images_background.zip")}
    if name == "LFWPeople":
        folder = root / "lfw-py"
        yield (
            found,
            "file_dict",
            {"funneled": ("lfw_funneled", "lfw-funneled.tgz", md5(folder / "lfw-funneled.tgz"))},
        )
        yield found, "checksums", {file: md5(folder / file) for file in ("people.txt", "lfw-names.txt")}
    if name == "Places365":
        yield found, "_CATEGORIES_META", (found._CATEGORIES_META[0], md5(root / found._CATEGORIES_META[0]))
        metas = {
            split: (file, md5(root / file) if (root / file).exists() else "")
            for split, (file, _) in found._FILE_LIST_META.items()
        }
        yield found, "_FILE_LIST_META", metas


def trust(monkeypatch: pytest.MonkeyPatch, name: str, root: Path) -> None:
    """Make torchvision take the files in the root for the publisher's."""
    for owner, attribute, value in sums(name, root):
        monkeypatch.setattr(owner, attribute, value)
