"""View: images and what the autoencoder makes of them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pellucid.callbacks.gallery import Gallery
from pellucid.callbacks.view import Look, View
from pellucid.draw.reconstructions import extremes, reconstructions
from pellucid.errors import counted
from pellucid.inside.probe import choose_points
from pellucid.task.reconstruction import Reconstruction

MOST_COMPARED = 5000  # validation images among which best, median and worst are sought
EACH, MOST = 4, 20


class Reconstructions(View):
    """``count`` probe images above their reconstructions; best, median and worst of validation."""

    name = "reconstructions"

    def __init__(self, *, count: int = 10, every_n_epochs: int = 1, gallery: Gallery) -> None:
        super().__init__(every_n_epochs=every_n_epochs, gallery=gallery)
        self.check_count("count", count, most=MOST)
        self.count = count

    def reason(self, look: Look) -> str | None:
        return None if isinstance(look.task, Reconstruction) else "not an autoencoder"

    def look(self, look: Look) -> None:
        probes = look.probes(self.count)
        originals, redrawn = redraw(look, probes.images_BCHW)
        look.show(
            reconstructions(
                originals,
                redrawn,
                probes.names,
                title=f"Reconstructions {look.title}",
                note="the same validation images in every epoch",
            )
        )
        self._show_extremes(look)

    def _show_extremes(self, look: Look) -> None:
        index_N = choose_points(len(look.data.splits["val"]), MOST_COMPARED, look.gallery.seed)
        errors_N = look.over("val", index_N, lambda images: squared_errors(look, images))
        order = torch.argsort(errors_N)
        each = max(1, min(EACH, len(order) // 3))
        middle = (len(order) - each) // 2
        places = {
            "best": order[:each],
            "median": order[middle : middle + each],
            "worst": order.flip(0)[:each],
        }
        groups = {}
        for name, chosen in places.items():
            images = look.images("val", index_N[chosen])
            captions = [f"{one}, {file}" for one, file in zip(images.names, images.files, strict=True)]
            groups[name] = (*redraw(look, images.images_BCHW), captions)
        note = f"of {counted(len(index_N), 'validation image')}; mean MSE {float(errors_N.mean()):.4f}"
        look.show(
            extremes(groups, title=f"Best, median and worst reconstructions {look.title}", note=note),
            f"{self.name}/extremes",
        )


def redraw(look: Look, images_BCHW: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Images and their reconstructions, both (B, H, W, C) in [0, 1]."""
    original_BCHW = look.data.spec.denormalise(images_BCHW.float())
    redrawn_BCHW = look.net(images_BCHW).float()
    both = [images.permute(0, 2, 3, 1).cpu().numpy() for images in (original_BCHW, redrawn_BCHW)]
    return both[0], both[1]


def squared_errors(look: Look, images_BCHW: Tensor) -> Tensor:
    """Each image's mean squared error."""
    original_BCHW = look.data.spec.denormalise(images_BCHW.float())
    redrawn_BCHW: Tensor = look.net(images_BCHW).float()
    return (redrawn_BCHW - original_BCHW).square().flatten(1).mean(dim=1)
