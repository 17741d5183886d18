"""Drawn images with several labels, or with numbers: ``packages=[tests] data._target_=tests.drawn.Shapes``.

Axes: N images, K labels or numbers, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from pellucid.data.base import ImageData
from pellucid.data.images import Split, numbered
from pellucid.inside.images import UNKNOWN
from pellucid.spec import MULTILABEL, NUMBERS, Spec

SIDE = 32
Mask = Callable[[np.ndarray, np.ndarray, float], np.ndarray]  # of x, y, and a radius; all in pixels
SHAPES: dict[str, Mask] = {
    "circle": lambda x, y, r: x**2 + y**2 < r**2,
    "square": lambda x, y, r: np.maximum(abs(x), abs(y)) < 0.85 * r,
    "triangle": lambda x, y, r: (y < 0.7 * r) & (y > 2 * abs(x) - r),
    "cross": lambda x, y, r: (np.minimum(abs(x), abs(y)) < 0.28 * r) & (np.maximum(abs(x), abs(y)) < r),
    "ring": lambda x, y, r: (x**2 + y**2 < r**2) & (x**2 + y**2 > (0.6 * r) ** 2),
}
SHARES = (0.5, 0.4, 0.35, 0.3, 0.15)  # of the images that have each shape


class Drawn(ImageData):
    """``count`` images of 1 × 32 × 32 pixels, drawn by the seed."""

    labels: str
    noise = 0.06

    def __init__(
        self,
        *,
        names: tuple[str, ...],
        count: int,
        val_fraction: float = 0.1,
        test_fraction: float = 0.2,
        **given: Any,
    ) -> None:
        self.count = count
        spec = Spec((1, SIDE, SIDE), names, (0.15,), (0.25,), "as drawn", labels=self.labels)
        super().__init__(spec=spec, val_fraction=val_fraction, test_fraction=test_fraction, **given)

    def sketch(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """An image (H, W) in [0, 1] and what is known of it, (K,)."""
        raise NotImplementedError

    def read(self) -> dict[str, Split]:
        random = np.random.default_rng(self.seed)
        images, targets = zip(*(self.sketch(random) for _ in range(self.count)), strict=True)
        noisy_NHW = np.stack(images) + random.normal(0, self.noise, (self.count, SIDE, SIDE))
        store = torch.from_numpy((255 * noisy_NHW.clip(0, 1)).astype(np.uint8))[:, None]
        labels_N = torch.full((self.count,), UNKNOWN)
        whole = Split.whole(store, labels_N, numbered("drawn", self.count))
        self.source = f"{self.count:,} drawn images, seed {self.seed}"
        return {
            "all": Split(
                store,
                whole.rows_N,
                labels_N,
                whole.files,
                whole.digests_N,
                targets_NK=torch.from_numpy(np.stack(targets)),
            )
        }


class Shapes(Drawn):
    """Some of five shapes each, or none: multi-label."""

    labels, noise = MULTILABEL, 0.12

    def __init__(self, *, count: int = 2000, **options: Any) -> None:
        super().__init__(names=tuple(SHAPES), count=count, **options)

    def sketch(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        has_K = random.random(len(SHAPES)) < SHARES
        places = random.permutation(9)[: len(SHAPES)]
        image = np.zeros((SIDE, SIDE))
        rows, columns = np.mgrid[:SIDE, :SIDE]
        for has, place, mask in zip(has_K, places, SHAPES.values(), strict=True):
            y, x = (5.5 + 10.5 * part + random.uniform(-1, 1) for part in divmod(int(place), 3))
            shape = mask(columns - x, rows - y, random.uniform(4, 5))
            image = np.where(shape & has, random.uniform(0.5, 1), image)
        return image, has_K


class Arrows(Drawn):
    """An arrow: its angle in degrees, from −90 (down) to 90 (up), and with ``several`` its length in metres,
    of some 1,000,000.
    """

    labels = NUMBERS

    def __init__(self, *, several: bool = False, count: int = 2000, **options: Any) -> None:
        self.several = several
        super().__init__(names=("angle", "length") if several else ("angle",), count=count, **options)

    def sketch(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        angle, length = random.uniform(-90, 90), random.uniform(8, 13)
        rows, columns = np.mgrid[:SIDE, :SIDE] - 15.5 + random.uniform(-2, 2, (2, 1, 1))
        cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        along, across = columns * cos - rows * sin, columns * sin + rows * cos
        shaft = (abs(across) < 1.2) & (abs(along) < length)
        head = (along > length - 6) & (along < length + 1) & (abs(across) < 0.7 * (length + 1 - along))
        image = np.where(shaft | head, random.uniform(0.6, 1), 0.0)
        numbers = (angle, 1e5 * length) if self.several else (angle,)
        return image, np.array(numbers, dtype=np.float32)
