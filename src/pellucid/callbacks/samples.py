"""View: what the net is trained on, before the first step."""

from __future__ import annotations

import torch

from pellucid.callbacks.gallery import Gallery
from pellucid.callbacks.view import Look, View
from pellucid.draw.grid import paired_grid
from pellucid.errors import counted

MOST = 200


class Samples(View):
    """The first ``count`` images of the first epoch, as they were and as the net receives them."""

    name = "samples"

    def __init__(self, *, count: int = 24, gallery: Gallery) -> None:
        super().__init__(every_n_epochs=None, gallery=gallery)
        self.check_count("count", count, most=MOST)
        self.count = count

    def look(self, look: Look) -> None:
        loader = look.data.loader("train", shuffle=True, augmented=True)  # images, also where features train
        received: list[torch.Tensor] = []
        index: list[torch.Tensor] = []
        for (images_BCHW, _), index_B in zip(loader, loader.sampler, strict=True):
            received.append(images_BCHW)
            index.append(index_B)
            if sum(map(len, index)) >= self.count:
                break
        before = look.images("train", torch.cat(index)[: self.count])
        after_BCHW = torch.cat(received)[: self.count]
        size = " × ".join(str(side) for side in look.data.spec.image_shape)
        look.show(
            paired_grid(
                before.pixels_BHWC,
                look.pixels(after_BCHW),
                before.names,
                title="Training images",
                note=f"{counted(len(look.data.splits['train']), 'image')}, each {size} (channels × height × "
                "width); below each image what the net receives, normalisation undone",
                sides=("as it is", "received"),
            )
        )
