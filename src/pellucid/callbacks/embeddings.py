"""View: where the net puts the validation images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.draw.projector import MAX_POINTS, write_projector
from pellucid.draw.scatter import scatter
from pellucid.errors import UserError
from pellucid.inside.embedding import EMBED
from pellucid.inside.reference import choose_points
from pellucid.metrics.layout import METHODS, axes_names, check_methods, separation_text
from pellucid.view.embedding import PREDICTED, Embedding, Layout, embed_images

TSNE_SECONDS = 2.0  # and drawing
MIN_POINTS = 150  # fewer say little


class Embeddings(Visualizer):
    """Up to ``points`` validation images in TensorBoard's projector and as scatter plots by ``methods``.

    ``layer``: embed (what the last linear layer sees) or a layer's name; maps are averaged over their pixels.
    t-SNE shows ``tsne_points`` of them. Layouts stay in ``figures/embeddings``, so that those of later
    epochs, also of a resumed run, are aligned to them.
    """

    name, kept = "embeddings", "embeddings/epoch_*.npz"

    def __init__(
        self,
        *,
        layer: str = "embed",
        points: int = 5000,
        tsne_points: int = 600,
        methods: Sequence[str] = ("pca", "tsne"),
        every_n_epochs: int = 5,
        figures: FigureLogger,
    ) -> None:
        super().__init__(every_n_epochs=every_n_epochs, figures=figures)
        self.check_count("points", points, most=MAX_POINTS)
        self.check_count("tsne_points", tsne_points, most=MAX_POINTS)
        self.methods = check_methods(methods, "callbacks.embeddings.methods")
        self.layer, self.points, self.tsne_points = layer, points, tsne_points
        self._vectors: np.ndarray | None = None
        self._layouts: dict[str, Layout] = {}  # of these vectors, which of a frozen net do not move

    def reason(self, snapshot: Snapshot) -> str | None:
        try:
            snapshot.predictor.embed(snapshot.predictor.black(), self.layer)
        except UserError:
            if self.layer == EMBED:
                return "the net has no method embed and no linear layer"
            raise
        if self.layer == EMBED:
            snapshot.host.expect_features()
        return None

    def estimate(self, snapshot: Snapshot) -> float:
        if self._known(snapshot, self._seen(snapshot)[:2]) is not None:
            return TSNE_SECONDS
        points = min(self.points, len(snapshot.labels))
        return TSNE_SECONDS + points * snapshot.predictor.seconds_per_image

    def _seen(self, snapshot: Snapshot) -> Tensor:
        """Positions of the images that can be shown, (N,)."""
        predictions = snapshot.predictions
        return torch.arange(len(snapshot.labels)) if predictions is None else predictions.index_N

    def _known(self, snapshot: Snapshot, index_B: Tensor) -> np.ndarray | None:
        """Their vectors, (B, D), where they need not be computed."""
        return snapshot.host.features(index_B) if self.layer == EMBED else None

    def draw(self, snapshot: Snapshot) -> None:
        predictions = snapshot.predictions
        seen_N = self._seen(snapshot)
        rows_N = choose_points(
            len(seen_N), snapshot.affordable(self.points, MIN_POINTS), snapshot.figures.seed
        )
        index_N = seen_N[rows_N]
        predicted = {}
        if predictions is not None:
            subset = predictions.subset(rows_N)
            predicted = {name: values.numpy() for name, values in subset.values.items() if name in PREDICTED}
        embedding = embed_images(
            snapshot.predictor,
            snapshot.batches(index_N),
            self.layer,
            index_N=index_N.numpy(),
            predictions=predicted,
            vectors_ND=self._known(snapshot, index_N),
        )
        self._project(snapshot, embedding)
        separation = embedding.separation(snapshot.figures.seed)
        snapshot.scalars({f"{self.name}/{name}": value for name, value in separation.items()})
        self._draw(snapshot, embedding, separation_text(separation))

    def _project(self, snapshot: Snapshot, embedding: Embedding) -> None:
        if not snapshot.boards:
            return
        batches = snapshot.batches(torch.from_numpy(embedding.index_N))
        thumbnails = np.concatenate([snapshot.predictor.pixels(images) for images in batches])
        if snapshot.predictor.spec.image_shape[0] == 1:  # a grey sprite is a third of the size
            thumbnails = thumbnails[..., :1]
        for _, folder in snapshot.boards:
            path = folder / "projector" / f"epoch_{snapshot.epoch:04d}"
            earlier = sorted(epoch for epoch in path.parent.glob("epoch_*") if epoch.name < path.name)
            size = write_projector(
                path,
                name=f"epoch {snapshot.epoch}, {self.layer}",
                vectors_ND=embedding.components,
                columns=embedding.columns(snapshot.classes),
                thumbnails_NHWC=thumbnails,
                same_as=earlier[-1] if earlier else None,
            )
            snapshot.figures.spent(self.name, size=size)

    def _draw(self, snapshot: Snapshot, embedding: Embedding, separation: str) -> None:
        earlier = self._layouts_before(snapshot.epoch)
        layouts: dict[str, np.ndarray] = {}
        if self._vectors is None or not np.array_equal(self._vectors, embedding.vectors_ND):
            self._vectors, self._layouts = embedding.vectors_ND, {}
        for method in self.methods:
            layout = self._layouts[method] = self._layouts.get(method) or embedding.layout(
                method,
                seed=snapshot.figures.seed,
                tsne_points=snapshot.affordable(self.tsne_points, MIN_POINTS),
                previous=(earlier[f"{method}_index"], earlier[method]) if method in earlier else None,
            )
            colours = embedding.colours(snapshot.classes).subset(layout.rows_S)
            layouts |= {
                method: layout.points_S2,
                f"{method}_index": layout.index_S,
                f"{method}_labels": embedding.labels_N[layout.rows_S],
            }
            picture = scatter(
                layout.points_S2,
                colours.labels_N,
                snapshot.classes,
                title=f"{METHODS[method]} of {self.layer} {snapshot.title}",
                note=f"{snapshot.counted(len(layout.rows_S))}{separation}{colours.note}",
                axes_names=axes_names(method),
                values_N=colours.values_N,
            )
            snapshot.show(picture, f"{self.name}/{method}")
        snapshot.keep_arrays(layouts, f"{self.name}/epoch_{snapshot.epoch:04d}.npz")

    def _layouts_before(self, epoch: int) -> dict[str, np.ndarray]:
        folder = self.figures.folder / self.name
        earlier = sorted(path.name for path in folder.glob("epoch_*.npz"))
        earlier = [name for name in earlier if name < f"epoch_{epoch:04d}.npz"]
        return (self.figures.arrays(f"{self.name}/{earlier[-1]}") or {}) if earlier else {}
