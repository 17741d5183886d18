"""View: what the net is trained on, before the first step."""

from __future__ import annotations

import torch

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.draw.grid import paired_grid
from pellucid.errors import counted

MAX_IMAGES = 200


class Samples(Visualizer):
    """The first ``count`` images of the first epoch, as they were and as the net receives them."""

    name = "samples"

    def __init__(self, *, count: int = 24, figures: FigureLogger) -> None:
        super().__init__(every_n_epochs=None, figures=figures)
        self.check_count("count", count, most=MAX_IMAGES)
        self.count = count

    def draw(self, snapshot: Snapshot) -> None:
        loader = snapshot.data.loader(
            "train", shuffle=True, augmented=True
        )  # images, also where features train
        received: list[torch.Tensor] = []
        index: list[torch.Tensor] = []
        for (images_BCHW, _), index_B in zip(loader, loader.sampler, strict=True):
            received.append(images_BCHW)
            index.append(index_B)
            if sum(map(len, index)) >= self.count:
                break
        before = snapshot.images("train", torch.cat(index)[: self.count])
        after_BCHW = torch.cat(received)[: self.count]
        size = " × ".join(str(side) for side in snapshot.data.spec.image_shape)
        snapshot.show(
            paired_grid(
                snapshot.predictor.pixels(before),
                snapshot.predictor.shown(after_BCHW),
                before.names,
                title="Training images",
                note=f"{counted(len(snapshot.data.splits['train']), 'image')}, each {size} "
                "(channels × height × width); below each image what the net receives, normalisation undone",
                sides=("as it is", "received"),
            )
        )
