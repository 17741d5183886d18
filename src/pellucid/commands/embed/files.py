"""Files of an embedding: vectors, figures of its layout, and TensorBoard's projector."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from pellucid.engine.looking import Looking
from pellucid.errors import counted, plain
from pellucid.inside.embedding import EMBED
from pellucid.inside.reference import choose_points
from pellucid.metrics.layout import (
    METHODS,
    arrange,
    axes_names,
    explained,
    measures,
    measures_told,
    reduced,
)
from pellucid.metrics.projection import LEAST_POINTS
from pellucid.system.console import console
from pellucid.system.files import write_atomically


@dataclass(frozen=True)
class Embedded:
    """Embedding of the N images of a stream, by one layer, with what the task predicts of each.

    ``labels_N`` has −1 where a class is not known; ``names`` are those of classes or folders. ``index_P``:
    which images ``thumbnails_PHWC`` (uint8 RGB) show, and a figure may.
    """

    stream: Stream
    files: list[str]
    names: list[str]
    labels_N: np.ndarray
    vectors_ND: np.ndarray
    predictions: Mapping[str, np.ndarray]
    index_P: np.ndarray
    thumbnails_PHWC: np.ndarray


class EmbeddingFiles:
    """Figures, arrays and projector files of an embedding, computed and then written."""

    def __init__(
        self, looking: Looking, embedded: Embedded, methods: Sequence[str], tsne_points: int
    ) -> None:
        self.trained, self.layer, self.embedded = looking.trained, looking.layer, embedded
        self.classes = [plain(name) for name in self.trained.spec.classes]
        self.seed = self.trained.config["seed"]
        self.name = f"{self.layer}_{embedded.stream.name}".replace("/", "_")
        chosen = embedded.index_P
        self.figures = self._figures(chosen)
        reduced_PD = reduced(embedded.vectors_ND[chosen])
        self.reduced_PD = reduced_PD
        self.pictures = {method: self._picture(method, tsne_points) for method in methods}

    def _figures(self, chosen: np.ndarray) -> dict[str, Any]:
        embedded = self.embedded
        known = chosen[embedded.labels_N[chosen] >= 0]
        figures: dict[str, Any] = {"images": len(embedded.files), "dimensions": embedded.vectors_ND.shape[1]}
        if len(known):
            figures |= measures(embedded.vectors_ND[known], embedded.labels_N[known], self.seed)
        known = np.flatnonzero(embedded.labels_N >= 0)
        if "predicted" in embedded.predictions and len(known):
            figures["accuracy"] = float(
                (embedded.predictions["predicted"] == embedded.labels_N)[known].mean()
            )
        if "mse" in embedded.predictions:
            figures["mse"] = float(embedded.predictions["mse"].mean())
        return figures

    def _picture(self, method: str, tsne_points: int) -> Picture:
        embedded, vectors_PD = self.embedded, self.reduced_PD
        drawn_S = np.arange(len(embedded.index_P))
        if method == "tsne":
            drawn_S = choose_points(len(drawn_S), tsne_points, self.seed).numpy()
        layout = arrange(method, vectors_PD[drawn_S], seed=self.seed)
        index_S = embedded.index_P[drawn_S]
        labels, colours = embedded.labels_N[index_S], ""
        if (labels < 0).all() and "predicted" in embedded.predictions:
            labels, colours = embedded.predictions["predicted"][index_S], "; colour: the predicted class"
        axes = axes_names(method)
        if method == "pca":
            shares = explained(layout, embedded.vectors_ND[index_S])
            axes = [
                f"{name} ({100 * share:.0f} % of the variance)"
                for name, share in zip(axes, shares, strict=True)
            ]
        kept = {name: v for name, v in self.figures.items() if name in ("knn_accuracy", "silhouette")}
        count = f"{len(index_S):,}"
        if len(index_S) < len(embedded.files):
            count += f" of {len(embedded.files):,}"
        return scatter(
            layout,
            labels,
            self.classes,
            title=f"{METHODS[method]} of {self.layer}, {self.trained.name}",
            note=f"{count} {self._images}{measures_told(kept)}{colours}",
            axes_names=axes,
        )

    @property
    def _images(self) -> str:
        stream = self.embedded.stream
        return f"images of {stream.source}" if stream.name == "images" else f"{stream.name} images"

    def write(self, folder: Path) -> dict[str, Any]:
        write_atomically(folder / f"{self.name}.npz", self._arrays())
        for method, picture in self.pictures.items():
            write_png(folder / f"{self.name}_{method}.png", picture)
        write_projector(
            folder / "projector" / self.name,
            name=f"{self.layer}, {self._images}, epoch {self.trained.epoch}",
            vectors_ND=self.reduced_PD,
            columns=self._columns(),
            thumbnails_NHWC=self._thumbnails(),
            same_as=None,
        )
        return self.figures

    def _arrays(self) -> bytes:
        embedded, content = self.embedded, io.BytesIO()
        made_with: dict[str, Any] = {
            "run": str(self.trained.folder),
            "checkpoint": self.trained.checkpoint.name,
            "epoch": self.trained.epoch,
            "layer": self.layer,
            "split": embedded.stream.name,
            "source": embedded.stream.source,
        }
        arrays: dict[str, Any] = {
            "features_ND": embedded.vectors_ND,
            "labels_N": embedded.labels_N,
            "files_N": np.array(embedded.files),
            "classes": np.array(self.trained.spec.classes),
        }
        arrays |= {f"{name}_N": values_N for name, values_N in embedded.predictions.items()}
        np.savez(content, **arrays, **made_with)
        return content.getvalue()

    def _columns(self) -> dict[str, Sequence[object]]:
        embedded, chosen = self.embedded, self.embedded.index_P
        labels = embedded.labels_N[chosen].tolist()
        columns: dict[str, Sequence[object]] = {
            "index": chosen.tolist(),
            "file": [embedded.files[index] for index in chosen],
            "true": [self.classes[label] if label >= 0 else "not known" for label in labels],
        }
        if "predicted" in embedded.predictions:
            predicted = embedded.predictions["predicted"][chosen].tolist()
            columns["predicted"] = [self.classes[label] for label in predicted]
            right = zip(labels, predicted, strict=True)
            columns["correct"] = ["yes" if a == b else "no" if a >= 0 else "not known" for a, b in right]
            columns["confidence"] = [f"{share:.4f}" for share in embedded.predictions["confidence"][chosen]]
        if "mse" in embedded.predictions:
            columns["mse"] = [f"{error:.6f}" for error in embedded.predictions["mse"][chosen]]
        return columns

    def _thumbnails(self) -> np.ndarray:
        grey = self.trained.spec.image_shape[0] == 1  # a grey sprite is a third of the size
        return self.embedded.thumbnails_PHWC[..., :1] if grey else self.embedded.thumbnails_PHWC

    def table(self, figures: Mapping[str, Any]) -> Table:
        """What was embedded, and how well the classes lie apart."""
        table = console.table(self.trained.name, ("", ""), show_header=False)
        table.columns[0].style, table.columns[1].overflow = "dim", "fold"
        embedded = "the code" if "mse" in self.embedded.predictions else "what the last linear layer sees"
        sees = f" ({embedded})" if self.layer == EMBED else ""
        where = self.embedded.stream.source
        words = {
            "knn_accuracy": "10-nearest-neighbour accuracy",
            "silhouette": "silhouette",
            "accuracy": "the net's own accuracy",
            "mse": "mean squared error",
        }
        numbers = counted(figures["dimensions"], "number")
        table.add_row("layer", Text(f"{self.layer}{sees}, {numbers} an image"))
        table.add_row("images", Text(plain(f"{figures['images']:,}, {self.embedded.stream.name} of {where}")))
        known = (self.embedded.labels_N >= 0).sum()
        for name, word in words.items():
            if name in figures:
                partly = name != "mse" and known < figures["images"]
                of_which = f" (of the {known:,} whose class is known)" if partly else ""
                table.add_row(word, f"{figures[name]:.4f}{of_which}")
            elif name == "knn_accuracy" and 0 < known < LEAST_POINTS:
                table.add_row(word, f"– (needs {LEAST_POINTS} images, here {known})")
        return table
