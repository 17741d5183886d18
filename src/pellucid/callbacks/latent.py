"""View: the autoencoder's latent space."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.draw.reconstructions import traversal
from pellucid.draw.scatter import scatter
from pellucid.errors import counted
from pellucid.inside.reference import choose_points
from pellucid.task.reconstruction import Reconstruction

STEPS = 9
QUANTILES = (0.05, 0.95)
MOST_DIMENSIONS = 10  # that are traversed


@runtime_checkable
class Coder(Protocol):
    """A net that encodes images and decodes latent vectors into images in [0, 1]."""

    def encode(self, images_BCHW: Tensor) -> Tensor: ...

    def decode(self, latent_BD: Tensor) -> Tensor: ...


class Latent(Visualizer):
    """``points`` validation images where the encoder puts them, with class colours; and a walk along each
    latent dimension from its 5 % to its 95 % quantile, the others at their medians.

    Codes of one to three numbers are shown as they are, longer ones by their two principal components.
    """

    name = "latent"

    def __init__(self, *, points: int = 2000, every_n_epochs: int = 1, figures: FigureLogger) -> None:
        super().__init__(every_n_epochs=every_n_epochs, figures=figures)
        self.check_count("points", points)
        self.points = points
        self._before: np.ndarray | None = None

    def reason(self, snapshot: Snapshot) -> str | None:
        if not isinstance(snapshot.task, Reconstruction):
            return "not an autoencoder"
        return None if isinstance(snapshot.net, Coder) else "the net has no encode and decode"

    def draw(self, snapshot: Snapshot) -> None:
        assert isinstance(snapshot.net, Coder)
        split = snapshot.data.splits["val"]
        index_N = choose_points(len(split), self.points, snapshot.figures.seed)
        predictor = snapshot.predictor
        codes_ND = torch.cat(
            [
                snapshot.net.encode(predictor.inputs(images.pixels_BCHW).to(predictor.dtype)).float().cpu()
                for images in snapshot.batches("val", index_N)
            ]
        ).flatten(1)
        snapshot.show(self._scatter(snapshot, codes_ND.numpy(), split.labels_N[index_N].numpy()))
        snapshot.show(self._traversal(snapshot, snapshot.net, codes_ND), f"{self.name}/traversal")

    def _scatter(self, snapshot: Snapshot, codes_ND: np.ndarray, labels_N: np.ndarray) -> np.ndarray:
        from pellucid.metrics.projection import pca

        dimensions = codes_ND.shape[1]
        note = counted(len(codes_ND), "validation image")
        names = [f"latent {dimension}" for dimension in range(dimensions)]
        if dimensions > 3:
            codes_ND = self._before = pca(codes_ND, 2, self._before)
            names = ["principal component 1", "principal component 2"]
            note += f", {counted(dimensions, 'number')} each"
        title = f"Latent space {snapshot.title}"
        return scatter(codes_ND, labels_N, snapshot.classes, title=title, note=note, axes_names=names)

    def _traversal(self, snapshot: Snapshot, net: Coder, codes_ND: Tensor) -> np.ndarray:
        shown = min(codes_ND.shape[1], MOST_DIMENSIONS)
        low_D, high_D = (torch.quantile(codes_ND, share, dim=0) for share in QUANTILES)
        middle_D = codes_ND.median(dim=0).values
        share_S = torch.linspace(0, 1, STEPS)
        values_DS = low_D[:shown, None] + (high_D - low_D)[:shown, None] * share_S
        codes_DSD = middle_D.expand(shown, STEPS, -1).clone()
        for dimension in range(shown):
            codes_DSD[dimension, :, dimension] = values_DS[dimension]
        decoded = (
            net.decode(codes_DSD.flatten(0, 1).to(snapshot.predictor.device, snapshot.predictor.dtype))
            .float()
            .cpu()
        )
        images = decoded.permute(0, 2, 3, 1).numpy()
        return traversal(
            images.reshape(shown, STEPS, *images.shape[1:]),
            values_DS.numpy(),
            title=f"Walks through the latent space {snapshot.title}",
            note="each dimension from its 5 % to its 95 % quantile, the others at their medians",
        )
