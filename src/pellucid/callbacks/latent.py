"""View: the autoencoder's latent space."""

from __future__ import annotations

import numpy as np

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.draw.reconstructions import traversal
from pellucid.draw.scatter import scatter
from pellucid.errors import counted
from pellucid.inside.reference import choose_points
from pellucid.metrics.projection import pca
from pellucid.view.latent import Coder, encode, traverse

MIN_POINTS = 150  # fewer say little


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
        if not snapshot.predictor.reconstructs:
            return "not an autoencoder"
        return None if isinstance(snapshot.net, Coder) else "the net has no encode and decode"

    def draw(self, snapshot: Snapshot) -> None:
        index_N = choose_points(
            len(snapshot.labels), snapshot.affordable(self.points, MIN_POINTS), snapshot.figures.seed
        )
        codes_ND = encode(snapshot.predictor, snapshot.batches(index_N))
        snapshot.show(self._scatter(snapshot, codes_ND.numpy(), snapshot.labels[index_N].numpy()))
        spec = snapshot.predictor.spec
        walks = traverse(snapshot.predictor, codes_ND)
        picture = traversal(
            walks.images_WSHWC,
            walks.values_WS,
            title=f"Walks through the latent space {snapshot.title}",
            note=spec.noted("each dimension from its 5 % to its 95 % quantile, the others at their medians"),
            bands=spec.bands,
        )
        snapshot.show(picture, f"{self.name}/traversal")

    def _scatter(self, snapshot: Snapshot, codes_ND: np.ndarray, labels_N: np.ndarray) -> np.ndarray:
        dimensions = codes_ND.shape[1]
        note = counted(len(codes_ND), f"{snapshot.host.split} image")
        names = [f"latent {dimension}" for dimension in range(dimensions)]
        if dimensions > 3:
            codes_ND = self._before = pca(codes_ND, 2, self._before)
            names = ["principal component 1", "principal component 2"]
            note += f", {counted(dimensions, 'number')} each"
        title = f"Latent space {snapshot.title}"
        return scatter(codes_ND, labels_N, snapshot.classes, title=title, note=note, axes_names=names)
