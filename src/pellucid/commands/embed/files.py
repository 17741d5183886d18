"""Files of an embedding: vectors, figures of its layout, and TensorBoard's projector."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from pellucid.data.stream import Stream
from pellucid.draw.png import write_png
from pellucid.draw.projector import write_projector
from pellucid.draw.scatter import scatter
from pellucid.draw.sheet import Picture
from pellucid.engine.loaded_run import LoadedRun
from pellucid.errors import counted, plain
from pellucid.inside.embedding import EMBED
from pellucid.metrics.layout import METHODS, axes_names, separation_text
from pellucid.metrics.projection import MIN_POINTS
from pellucid.system.console import console
from pellucid.system.files import write_atomically
from pellucid.view.embedding import Observed


class EmbeddingFiles:
    """Figures, arrays and projector files of an embedding, computed and then written."""

    def __init__(
        self,
        trained: LoadedRun,
        stream: Stream,
        observed: Observed,
        methods: Sequence[str],
        tsne_points: int,
    ) -> None:
        self.trained, self.stream, self.thumbnails_PHWC = trained, stream, observed.thumbnails_PHWC
        self.embedding, self.sample = observed.embedding, observed.sample
        self.layer = self.embedding.layer
        self.classes = [plain(name) for name in trained.spec.classes]
        self.seed = trained.config["seed"]
        self.name = f"{self.layer}_{stream.name}".replace("/", "_")
        self.separation = self.sample.separation(self.seed)
        images, dimensions = self.embedding.vectors_ND.shape
        self.figures: dict[str, Any] = {"images": images, "dimensions": dimensions}
        self.figures |= self.separation | self.embedding.scores()
        self.pictures = {method: self._picture(method, tsne_points) for method in methods}

    def _picture(self, method: str, tsne_points: int) -> Picture:
        layout = self.sample.layout(method, seed=self.seed, tsne_points=tsne_points)
        colours = self.sample.colours(self.classes).subset(layout.rows_S)
        axes = axes_names(method)
        if method == "pca":
            shares = self.sample.variance(layout)
            axes = [
                f"{name} ({100 * share:.0f} % of the variance)"
                for name, share in zip(axes, shares, strict=True)
            ]
        count = f"{len(layout.rows_S):,}"
        if len(layout.rows_S) < len(self.embedding.files):
            count += f" of {len(self.embedding.files):,}"
        return scatter(
            layout.points_S2,
            colours.labels_N,
            self.classes,
            title=f"{METHODS[method]} of {self.layer}, {self.trained.name}",
            note=f"{count} {self._images}{separation_text(self.separation)}{colours.note}",
            axes_names=axes,
            values_N=colours.values_N,
        )

    @property
    def _images(self) -> str:
        source, name = self.stream.source, self.stream.name
        return f"images of {source}" if name == "images" else f"{name} images"

    def write(self, folder: Path) -> dict[str, Any]:
        write_atomically(folder / f"{self.name}.npz", self._arrays())
        for method, picture in self.pictures.items():
            write_png(folder / f"{self.name}_{method}.png", picture)
        write_projector(
            folder / "projector" / self.name,
            name=f"{self.layer}, {self._images}, epoch {self.trained.epoch}",
            vectors_ND=self.sample.components,
            columns=self.sample.columns(self.classes),
            thumbnails_NHWC=self._thumbnails(),
            same_as=None,
        )
        return self.figures

    def _arrays(self) -> bytes:
        embedding, content = self.embedding, io.BytesIO()
        made_with: dict[str, Any] = {
            "run": str(self.trained.folder),
            "checkpoint": self.trained.checkpoint.name,
            "epoch": self.trained.epoch,
            "layer": self.layer,
            "split": self.stream.name,
            "source": self.stream.source,
        }
        arrays: dict[str, Any] = {
            "features_ND": embedding.vectors_ND,
            "labels_N": embedding.labels_N,
            "files_N": np.array(embedding.files),
            "classes": np.array(self.trained.spec.classes),
        }
        if embedding.targets_NK is not None:
            arrays["targets_NK"] = embedding.targets_NK
        for name, values in embedding.predictions.items():
            arrays[f"{name}_N" if values.ndim == 1 else f"{name}_NK"] = values
        np.savez(content, **arrays, **made_with)
        return content.getvalue()

    def _thumbnails(self) -> np.ndarray:
        grey = self.trained.spec.image_shape[0] == 1  # a grey sprite is a third of the size
        return self.thumbnails_PHWC[..., :1] if grey else self.thumbnails_PHWC

    def table(self, figures: Mapping[str, Any]) -> Table:
        """What was embedded, and how well the classes lie apart."""
        table = console.table(self.trained.name, ("", ""), show_header=False)
        table.columns[0].style, table.columns[1].overflow = "dim", "fold"
        embedded = "the code" if "mse" in self.embedding.predictions else "what the last linear layer sees"
        sees = f" ({embedded})" if self.layer == EMBED else ""
        where = self.stream.source
        words = {
            "knn_accuracy": "10-nearest-neighbour accuracy",
            "silhouette": "silhouette",
            "accuracy": "the net's own accuracy",
            "mse": "mean squared error",
        }
        numbers = counted(figures["dimensions"], "number")
        table.add_row("layer", Text(f"{self.layer}{sees}, {numbers} an image"))
        table.add_row("images", Text(plain(f"{figures['images']:,}, {self.stream.name} of {where}")))
        labelled = (self.embedding.labels_N >= 0).sum()
        for name, word in words.items():
            if name in figures:
                partly = name != "mse" and labelled < figures["images"]
                of_which = f" (of the {labelled:,} whose class is known)" if partly else ""
                table.add_row(word, f"{figures[name]:.4f}{of_which}")
            elif name == "knn_accuracy" and 0 < labelled < MIN_POINTS:
                table.add_row(word, f"– (needs {MIN_POINTS} images, here {labelled})")
        return table
