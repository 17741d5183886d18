"""Fake photos of simple shapes, and the files that the projects read them from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.fakes import write_idx

SHAPES = ("circle", "cross", "square", "stripes")


def photo(shape: str, size: int, generator: np.random.Generator) -> NDArray[np.uint8]:
    """A noisy picture (size, size, 3) of one of ``SHAPES``, at a random place in a random colour."""
    rows, columns = np.mgrid[:size, :size]
    y, x = generator.uniform(0.35, 0.65, 2) * size
    down, right = np.abs(rows - y), np.abs(columns - x)
    radius = generator.uniform(0.2, 0.3) * size
    inside = {
        "circle": down**2 + right**2 < radius**2,
        "cross": (np.minimum(down, right) < radius / 3) & (np.maximum(down, right) < radius),
        "square": np.maximum(down, right) < radius * 0.85,
        "stripes": (rows + columns) % (size // 4) < size // 8,
    }[shape]
    picture = generator.normal(60, 20, (size, size, 3))
    picture[inside] += generator.uniform(70, 150, 3)
    return picture.clip(0, 255).astype(np.uint8)


def write_photos(folder: Path, count: int, size: int, seed: int = 0, suffix: str = "png") -> Path:
    """``count`` pictures of each shape in folders named for the shapes."""
    generator = np.random.default_rng(seed)
    for shape in SHAPES:
        (folder / shape).mkdir(parents=True)
        for n in range(count):
            Image.fromarray(photo(shape, size, generator)).save(folder / shape / f"{shape}_{n:03}.{suffix}")
    return folder


def write_mnist(root: Path, counts: dict[str, int]) -> Path:
    """MNIST's four files of ten fake digits, four shapes in different brightness."""
    generator = np.random.default_rng(0)
    (root / "MNIST" / "raw").mkdir(parents=True)
    for prefix, count in counts.items():
        labels = np.arange(count, dtype=np.uint8) % 10
        images = [photo(SHAPES[label % 4], 28, generator).mean(axis=2) for label in labels]
        bright = np.stack(images) * (0.4 + labels[:, None, None] / 15)
        write_idx(
            root / "MNIST" / "raw" / f"{prefix}-images-idx3-ubyte", bright.clip(0, 255).astype(np.uint8)
        )
        write_idx(root / "MNIST" / "raw" / f"{prefix}-labels-idx1-ubyte", labels)
    return root


def write_tiles(root: Path, size: int = 64) -> Path:
    """Striped tiles: good ones, broken ones with a bright scratch, and the masks of the scratches."""
    generator = np.random.default_rng(0)
    for name in ("good", "broken", "mask"):
        (root / name).mkdir(parents=True)
    for n in range(24):
        Image.fromarray(photo("stripes", size, generator)).save(root / "good" / f"{n:03}.png")
    for n in range(8):
        tile, mask = photo("stripes", size, generator), np.zeros((size, size), np.uint8)
        top, left = generator.integers(4, size - 20, 2)
        mask[top : top + 16, left : left + 6] = 255
        tile[mask > 0] = (250, 40, 40)
        Image.fromarray(tile).save(root / "broken" / f"{n:03}.png")
        Image.fromarray(mask).save(root / "mask" / f"{n:03}.png")
    return root
