"""What the frozen part of a net gives for the images of a split, computed once and kept.

Shapes: N images, B of a batch, D embedding.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pellucid.errors import UserError
from pellucid.system.console import console

IN_MEMORY = 2**29  # bytes of all views together; above it they are kept in a file
Embed = Callable[[Tensor], Tensor]


class Features:
    """``views`` tables (N, D) float32, each computed when it is first asked for.

    ``folder`` is where a file that nobody else sees is kept when they are large.
    """

    def __init__(self, *, embed: Embed, count: int, views: int, folder: Path) -> None:
        self.embed, self.count, self.views, self.folder = embed, count, views, folder
        self._tables: dict[int, Tensor] = {}

    def table(self, view: int, batches: Callable[[int], Iterator[tuple[Tensor, Tensor]]]) -> Tensor:
        """A view's features, (N, D), on the CPU.

        ``batches(view)`` gives which images, (B,), and the images as the net takes them; every image once.
        """
        if view not in self._tables:
            self._tables[view] = self._compute(view, batches(view))
        return self._tables[view]

    def _compute(self, view: int, batches: Iterator[tuple[Tensor, Tensor]]) -> Tensor:
        from rich.progress import Progress

        which = f", view {view + 1} of {self.views}" if self.views > 1 else ""
        table: Tensor | None = None
        with (
            Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
            torch.no_grad(),
        ):
            task = progress.add_task(f"Features of the frozen layers, once{which}", total=self.count)
            for index_B, images_BCHW in batches:
                features_BD = self.embed(images_BCHW).float().cpu()
                if table is None:
                    table = self._allocate(features_BD.shape[1])
                table[index_B] = features_BD
                progress.advance(task, len(index_B))
        assert table is not None
        return table

    def _allocate(self, width: int) -> Tensor:
        if 4 * self.views * self.count * width <= IN_MEMORY:
            return torch.empty(self.count, width)
        size = 4 * self.count * width
        try:
            with tempfile.TemporaryFile(dir=self.folder) as file:  # it lives on as long as it is mapped
                if sys.platform == "linux":  # so that a full disk is told now, not by a signal later
                    os.posix_fallocate(file.fileno(), 0, size)
                return torch.from_numpy(np.memmap(file, np.float32, "w+", shape=(self.count, width)))
        except OSError as error:
            raise UserError(
                f"There is no room in {self.folder} for {size / 2**30:.1f} GiB of features of the frozen "
                f"layers ({error.strerror}). Make room, or have fewer of them by model.views."
            ) from error
