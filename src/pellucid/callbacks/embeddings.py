"""View: where the net puts the validation images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.draw.projector import MOST_POINTS, write_projector
from pellucid.draw.scatter import scatter
from pellucid.errors import UserError, counted
from pellucid.inside.embedding import EMBED
from pellucid.inside.reference import choose_points
from pellucid.metrics.layout import (
    METHODS,
    arrange,
    axes_names,
    check_methods,
    measures,
    measures_told,
    reduced,
)


class Embeddings(Visualizer):
    """Up to ``points`` validation images in TensorBoard's projector and as scatter plots by ``methods``.

    ``layer``: embed (what the last linear layer sees) or a layer's name; maps are averaged over their pixels.
    t-SNE shows ``tsne_points`` of them. Layouts stay in ``figures/embeddings``, so that those of later
    epochs, also of a resumed run, are aligned to them.
    """

    name = "embeddings"

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
        self.check_count("points", points, most=MOST_POINTS)
        self.check_count("tsne_points", tsne_points, most=MOST_POINTS)
        self.methods = check_methods(methods, "callbacks.embeddings.methods")
        self.layer, self.points, self.tsne_points = layer, points, tsne_points

    def reason(self, snapshot: Snapshot) -> str | None:
        try:
            snapshot.predictor.embed(snapshot.predictor.black(), self.layer)
        except UserError:
            if self.layer == EMBED:
                return "the net has no method embed and no linear layer"
            raise
        return None

    def draw(self, snapshot: Snapshot) -> None:
        predictions, split = snapshot.predictions, snapshot.data.splits["val"]
        seen_N = torch.arange(len(split)) if predictions is None else predictions.index_N
        places_N = choose_points(len(seen_N), self.points, snapshot.figures.seed)
        index_N = seen_N[places_N]
        vectors_ND = snapshot.predictor.embed_all(snapshot.batches("val", index_N), self.layer).numpy()
        columns: dict[str, Sequence[object]] = {
            "index": index_N.tolist(),
            "file": [split.files[place] for place in index_N.tolist()],
            "true": [snapshot.classes[label] for label in split.labels_N[index_N].tolist()],
        }
        if predictions is not None:
            said = predictions.subset(places_N)
            columns |= {
                "predicted": [snapshot.classes[label] for label in said.predicted.tolist()],
                "correct": ["yes" if right else "no" for right in said.right().tolist()],
                "confidence": [f"{share:.4f}" for share in said.confidence.tolist()],
            }
        reduced_ND = reduced(vectors_ND)
        self._project(snapshot, index_N, reduced_ND, columns)
        self._draw(snapshot, index_N, reduced_ND, self._measures(snapshot, index_N, vectors_ND))

    def _project(
        self,
        snapshot: Snapshot,
        index_N: Tensor,
        vectors_ND: np.ndarray,
        columns: Mapping[str, Sequence[object]],
    ) -> None:
        if not snapshot.boards:
            return
        thumbnails = np.concatenate(
            [
                snapshot.predictor.pixels(snapshot.images("val", index_B))
                for index_B in torch.split(index_N, 256)
            ]
        )
        if snapshot.data.spec.image_shape[0] == 1:  # a grey sprite is a third of the size
            thumbnails = thumbnails[..., :1]
        for _, folder in snapshot.boards:
            place = folder / "projector" / f"epoch_{snapshot.epoch:04d}"
            earlier = sorted(path for path in place.parent.glob("epoch_*") if path.name < place.name)
            size = write_projector(
                place,
                name=f"epoch {snapshot.epoch}, {self.layer}",
                vectors_ND=vectors_ND,
                columns=columns,
                thumbnails_NHWC=thumbnails,
                same_as=earlier[-1] if earlier else None,
            )
            snapshot.figures.spent(self.name, size=size)

    def _measures(self, snapshot: Snapshot, index_N: Tensor, vectors_ND: np.ndarray) -> str:
        """How well the classes lie apart, to the loggers and as words; none for too few images."""
        labels_N = snapshot.data.splits["val"].labels_N[index_N].numpy()
        found = measures(vectors_ND, labels_N, snapshot.figures.seed)
        snapshot.scalars({f"{self.name}/{name}": value for name, value in found.items()})
        return measures_told(found)

    def _draw(self, snapshot: Snapshot, index_N: Tensor, vectors_ND: np.ndarray, told: str) -> None:
        split = snapshot.data.splits["val"]
        labels_N = split.labels_N[index_N].numpy()
        before = self._layouts_before(snapshot.epoch)
        kept: dict[str, np.ndarray] = {}
        for method in self.methods:
            if method == "tsne":
                some = choose_points(len(index_N), self.tsne_points, snapshot.figures.seed).numpy()
            else:
                some = np.arange(len(index_N))
            chosen = index_N.numpy()[some]
            old = before.get(method)
            if old is not None and not np.array_equal(before[f"{method}_index"], chosen):
                old = None  # another share of the images: the number of processes has changed
            layout = arrange(method, vectors_ND[some], seed=snapshot.figures.seed, previous_N2=old)
            kept |= {method: layout, f"{method}_index": chosen, f"{method}_labels": labels_N[some]}
            picture = scatter(
                layout,
                labels_N[some],
                snapshot.classes,
                title=f"{METHODS[method]} of {self.layer} {snapshot.title}",
                note=f"{len(some):,} of {counted(len(split), 'validation image')}{told}",
                axes_names=axes_names(method),
            )
            snapshot.show(picture, f"{self.name}/{method}")
        snapshot.keep_arrays(kept, f"{self.name}/epoch_{snapshot.epoch:04d}.npz")

    def _layouts_before(self, epoch: int) -> dict[str, np.ndarray]:
        folder = self.figures.folder / self.name
        earlier = sorted(path.name for path in folder.glob("epoch_*.npz"))
        earlier = [name for name in earlier if name < f"epoch_{epoch:04d}.npz"]
        return (self.figures.arrays(f"{self.name}/{earlier[-1]}") or {}) if earlier else {}
