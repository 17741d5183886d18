"""Some images of a run's data, to be shown and asked about.

Axes: N images, C channels, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pellucid.api.result import Result
from pellucid.data.base import ImageData
from pellucid.draw.figures import Figures
from pellucid.draw.grid import image_grid
from pellucid.draw.png import png
from pellucid.errors import UserError
from pellucid.inside.pixels import to_rgb
from pellucid.inside.reference import choose_reference_images
from pellucid.metrics.spread import evenly_spread
from pellucid.spec import prepare
from pellucid.system.files import write_atomically

MAX_DRAWN = 60


@dataclass(frozen=True, repr=False, eq=False)
class Images(Result):
    """Images with the names of their classes: ``pixels`` uint8 (N, C, H, W) at the size that the net takes.

    ``labels``: int64 (N,), −1 where the class is not known. Given to a run in the place of files, they lie in
    folders of their classes.
    """

    pixels: Tensor = field(default_factory=lambda: torch.zeros(0))
    labels: Tensor = field(default_factory=lambda: torch.zeros(0))

    def __len__(self) -> int:
        return len(self.pixels)

    def save(self, path: str | Path) -> Path:
        """Write an image file each, ``<path>/<class>/<name>.png``; see ``Result`` for a path that ends in
        .png, .csv or .npz. The path. Raises UserError for images that are neither grey nor RGB.
        """
        path = Path(path).expanduser()
        if path.suffix in (".png", ".csv", ".npz"):
            return super().save(path)
        channels = self.pixels.shape[1]
        if channels not in (1, 3):
            raise UserError(f"{path}: images of {channels} channels are no PNG files. Save them as x.npz.")
        for pixels_CHW, row in zip(self.pixels.numpy(), self.rows, strict=True):
            pixels = pixels_CHW[0] if channels == 1 else np.moveaxis(pixels_CHW, 0, -1)
            name = f"{Path(row['file']).stem}.png"
            write_atomically(path / row["class"].replace("/", "-") / name, png(np.ascontiguousarray(pixels)))
        return path


def images_of(data: ImageData, split: str, count: int, seed: int, *, title: str) -> Images:
    """So many images of a split, each class in turn. Raises UserError."""
    if count < 1:
        raise UserError(f"count={count}: expected at least 1 image.")
    images = data.split(split)
    index_N = choose_reference_images(images.labels_N, count, seed).sort().values
    index_N = index_N[images.labels_N[index_N].argsort(stable=True)]
    chosen, spec = images.pick(index_N, data.spec.classes), data.spec
    inputs_NCHW = prepare(chosen.pixels_BCHW, spec)
    pixels_NCHW = spec.denormalise(inputs_NCHW).mul(255).round().to(torch.uint8)
    names: Sequence[str] = chosen.names
    rows = [{"file": file, "class": name} for file, name in zip(chosen.files, names, strict=True)]
    note = f"{len(chosen)} of {len(images):,} {split} images of {data.source}"
    drawn = evenly_spread(len(chosen), MAX_DRAWN)
    picture = image_grid(
        to_rgb(spec, inputs_NCHW[drawn]),
        [names[index] for index in drawn],
        title=title,
        note=spec.noted(note),
        columns=8,
    )
    return Images(
        note,
        rows,
        {"pixels": pixels_NCHW.numpy(), "labels": chosen.labels_B.numpy()},
        Figures.drawn({"images": picture}),
        pixels=pixels_NCHW,
        labels=chosen.labels_B,
    )
