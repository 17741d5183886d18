"""Writers of small files in the real on-disk formats."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    """An idx file of bytes, gzipped where the name says so."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    content = header + array.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_photos(root: Path, counts: dict[str, int], *, seed: int = 0) -> None:
    """``root/<class>/<number>.jpg``; each class of another brightness, sizes 20 to 60 pixels."""
    random = np.random.default_rng(seed)
    for place, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            height, breadth = random.integers(20, 60, 2)
            pixels = random.integers(0, 120, (height, breadth, 3)) + 100 * (place % 2)
            image = Image.fromarray(pixels.astype(np.uint8))
            image.save(root / name / f"{number:03d}.jpg", quality=90)


def write_cifar10(root: Path, *, per_batch: int = 40) -> dict[str, str]:
    """``cifar-10-batches-py`` as its publisher packs it; the files' md5 sums by name."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    sums = {}
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    for name in names:
        labels = [i % 10 for i in range(per_batch)]
        data = random.integers(0, 256, (per_batch, 3072), dtype=np.uint8)
        content = {"batch_label": name, "labels": labels, "data": data, "filenames": names}
        sums[name] = _dump(folder / name, content)
    labels_by_name = [
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ]
    sums["batches.meta"] = _dump(folder / "batches.meta", {"label_names": labels_by_name})
    return sums


def _dump(path: Path, content: object) -> str:
    path.write_bytes(pickle.dumps(content))
    return hashlib.md5(path.read_bytes()).hexdigest()


def write_pets(root: Path, counts: dict[str, int]) -> Path:
    """``oxford-iiit-pet`` as its publisher packs it: ``counts`` cats and as many dogs in each split.

    The split ``trainval`` or ``test`` names its photos ``Abyssinian_<n>`` (cats) and ``beagle_<n>`` (dogs);
    a cat's are dark, a dog's are bright.
    """
    folder = root / "oxford-iiit-pet"
    random = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    (folder / "annotations").mkdir()
    number = 0
    for split, count in counts.items():
        rows = []
        for _ in range(count):
            number += 1
            for breed, label, species in (("Abyssinian", 1, 1), ("beagle", 5, 2)):
                pixels = random.integers(0, 100, (30, 40, 3)) + 150 * (species - 1)
                image = Image.fromarray(pixels.astype(np.uint8))
                image.save(folder / "images" / f"{breed}_{number}.jpg")
                rows.append(f"{breed}_{number} {label} {species} 1\n")
        (folder / "annotations" / f"{split}.txt").write_text("".join(rows))
    return folder
