"""Features of a split's images by the frozen part of a net, computed once and kept.

Shapes: N images, B of a batch, D embedding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pellucid.data.allocate import allocate
from pellucid.errors import UserError
from pellucid.system.console import console

IN_MEMORY = 2**29  # bytes of all tables together; above it they are kept in a file
Embed = Callable[[Tensor], Tensor]


class Features:
    """Tables of features, (N, D) float32, one for each of the ``augmentations``.

    Each is computed when it is first asked for. ``folder`` is where a file that nobody else sees is kept
    when they are large.
    """

    def __init__(self, *, embed: Embed, count: int, augmentations: int, folder: Path) -> None:
        self.embed, self.count, self.augmentations, self.folder = embed, count, augmentations, folder
        self._tables: dict[int, Tensor] = {}

    def table(self, number: int, batches: Callable[[int], Iterator[tuple[Tensor, Tensor]]]) -> Tensor:
        """The features under augmentation ``number``, (N, D), on the CPU.

        ``batches(number)`` gives which images, (B,), and the images as the net takes them; every image once.
        """
        if number not in self._tables:
            self._tables[number] = self._compute(number, batches(number))
        return self._tables[number]

    def _compute(self, number: int, batches: Iterator[tuple[Tensor, Tensor]]) -> Tensor:
        suffix = f", augmentation {number + 1} of {self.augmentations}" if self.augmentations > 1 else ""
        table: Tensor | None = None
        with console.progress() as progress, torch.no_grad():
            task = progress.add_task(f"Features of the frozen layers, once{suffix}", total=self.count)
            for index_B, images_BCHW in batches:
                features_BD = self.embed(images_BCHW).float().cpu()
                if table is None:
                    table = self._allocate(features_BD.shape[1])
                table[index_B] = features_BD
                progress.advance(task, len(index_B))
        assert table is not None
        return table

    def _allocate(self, width: int) -> Tensor:
        if 4 * self.augmentations * self.count * width <= IN_MEMORY:
            return torch.empty(self.count, width)
        size = 4 * self.count * width
        try:
            return allocate((self.count, width), np.float32, self.folder)
        except OSError as error:
            raise UserError(
                f"There is no room in {self.folder} for {size / 2**30:.1f} GiB of features of the frozen "
                f"layers ({error.strerror}). Make room, or have fewer by model.augmentations_per_image."
            ) from error
