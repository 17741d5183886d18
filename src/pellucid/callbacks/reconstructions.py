"""View: images and what the autoencoder makes of them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.draw.reconstructions import extremes, reconstructions
from pellucid.errors import counted
from pellucid.inside.reference import choose_points
from pellucid.task.reconstruction import Reconstruction

MOST_COMPARED = 5000  # validation images among which best, median and worst are sought
EACH, MOST = 4, 20


class Reconstructions(Visualizer):
    """``count`` probe images above their reconstructions; best, median and worst of validation."""

    name = "reconstructions"

    def __init__(self, *, count: int = 10, every_n_epochs: int = 1, figures: FigureLogger) -> None:
        super().__init__(every_n_epochs=every_n_epochs, figures=figures)
        self.check_count("count", count, most=MOST)
        self.count = count

    def reason(self, snapshot: Snapshot) -> str | None:
        return None if isinstance(snapshot.task, Reconstruction) else "not an autoencoder"

    def draw(self, snapshot: Snapshot) -> None:
        probes = snapshot.reference_images(self.count)
        inputs_BCHW = snapshot.predictor.inputs(probes.pixels_BCHW)
        originals, redrawn = redraw(snapshot, inputs_BCHW)
        snapshot.show(
            reconstructions(
                originals,
                redrawn,
                probes.names,
                title=f"Reconstructions {snapshot.title}",
                note="the same validation images in every epoch",
            )
        )
        self._show_extremes(snapshot)

    def _show_extremes(self, snapshot: Snapshot) -> None:
        index_N = choose_points(len(snapshot.data.splits["val"]), MOST_COMPARED, snapshot.figures.seed)
        errors_N = torch.cat(
            [
                squared_errors(snapshot, snapshot.predictor.inputs(images.pixels_BCHW)).cpu()
                for images in snapshot.batches("val", index_N)
            ]
        )
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
            images = snapshot.images("val", index_N[chosen])
            captions = [f"{one}, {file}" for one, file in zip(images.names, images.short_files, strict=True)]
            groups[name] = (*redraw(snapshot, snapshot.predictor.inputs(images.pixels_BCHW)), captions)
        note = f"of {counted(len(index_N), 'validation image')}; mean MSE {float(errors_N.mean()):.4f}"
        snapshot.show(
            extremes(groups, title=f"Best, median and worst reconstructions {snapshot.title}", note=note),
            f"{self.name}/extremes",
        )


def redraw(snapshot: Snapshot, images_BCHW: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Images and their reconstructions, both (B, H, W, C) in [0, 1]."""
    original_BCHW = snapshot.data.spec.denormalise(images_BCHW.float())
    redrawn_BCHW = snapshot.net(images_BCHW).float()
    both = [images.permute(0, 2, 3, 1).cpu().numpy() for images in (original_BCHW, redrawn_BCHW)]
    return both[0], both[1]


def squared_errors(snapshot: Snapshot, images_BCHW: Tensor) -> Tensor:
    """Each image's mean squared error."""
    original_BCHW = snapshot.data.spec.denormalise(images_BCHW.float())
    redrawn_BCHW: Tensor = snapshot.net(images_BCHW).float()
    return (redrawn_BCHW - original_BCHW).square().flatten(1).mean(dim=1)
