"""Nearest-neighbour search: the training images nearest to an image in the space of a layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.text import Text
from torch import Tensor

from pellucid.data.base import ImageData
from pellucid.data.images import Split
from pellucid.data.stream import Stream, of_split
from pellucid.draw.neighbours import Neighbour, QueryRow, neighbours
from pellucid.draw.png import write_png
from pellucid.draw.sheet import number
from pellucid.engine.looking import Looking
from pellucid.errors import UserError, counted, plain
from pellucid.inside.images import short
from pellucid.inside.pixels import pixels, to_rgb
from pellucid.metrics.neighbours import DISTANCES, Nearest, same_image
from pellucid.system.console import console
from pellucid.system.files import write_csv

MAX_QUERIES, MAX_NEAREST = 200, 60
SHOWN = 24  # queries in the picture; all are in the table


@dataclass(frozen=True)
class NeighbourSearch:
    """Search of the ``count`` nearest training images to those ``given``. Raises UserError."""

    given: str | None
    count: int
    distance: str

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_NEAREST:
            raise UserError(f"nearest={self.count}: expected 1 to {MAX_NEAREST}.")
        if self.distance not in list(DISTANCES):
            raise UserError(f"distance={self.distance}: expected {' or '.join(DISTANCES)}.")

    def run(self, looking: Looking, images: Stream, data: ImageData) -> NeighbourReport:
        """The nearest to each of ``images``; of the training images none are kept but these."""
        if images.count > MAX_QUERIES:
            raise UserError(
                f"neighbours={self.given}: {images.count:,} images; expected at most {MAX_QUERIES}."
            )
        queries, vectors = [], []
        for batch, images_BCHW in looking.batches(images, "Looking"):
            vectors.append(looking.checked(batch, images_BCHW))
            predictions, _ = looking.said(images_BCHW)
            shown = to_rgb(looking.trained.spec, images_BCHW)
            for position, file in enumerate(batch.files):
                values = {name: values_B[position].item() for name, values_B in predictions.items()}
                queries.append(Query(file, int(batch.labels_B[position]), shown[position], values))
        nearest = Nearest(torch.cat(vectors), count=self.count, distance=self.distance)
        for batch, images_BCHW in looking.batches(of_split(data, "train"), "Training images"):
            nearest.see(looking.checked(batch, images_BCHW))
        return NeighbourReport(looking, queries, data, nearest.index_QK, nearest.distances_QK, self.distance)


@dataclass(frozen=True)
class Query:
    """Image whose neighbours are sought, uint8 RGB; ``label`` −1 where its class is not known."""

    file: str
    label: int
    pixels_HWC: np.ndarray
    predictions: dict[str, Any]

    @property
    def predicted(self) -> int:
        """The predicted class; −1 where the task has none."""
        return int(self.predictions.get("predicted", -1))

    @property
    def compared(self) -> int:
        """The class that neighbours are measured by: its own, else that which is predicted; −1 for none."""
        return self.label if self.label >= 0 else self.predicted


class NeighbourReport:
    """The training images nearest to each query."""

    def __init__(
        self,
        looking: Looking,
        queries: Sequence[Query],
        data: ImageData,
        index_QK: Tensor,
        distances_QK: Tensor,
        distance: str,
    ) -> None:
        self.trained, self.layer, self.queries, self.distance = (
            looking.trained,
            looking.layer,
            queries,
            distance,
        )
        self.total = len(data.split("train"))
        self.rows: list[dict[str, Any]] = []
        self.counts: list[Counter[str]] = []  # of the classes of each query's neighbours, but for itself
        drawn: list[QueryRow] = []
        for query, index_K, distances_K in zip(queries, index_QK, distances_QK, strict=True):
            nearest = self._add(query, data.split("train").subset(index_K), distances_K.tolist())
            if len(drawn) < SHOWN:
                drawn.append(self._query_row(query, nearest, self.counts[-1]))
        self.picture = neighbours(drawn, title=self._title(), note=self._note())

    def _add(self, query: Query, split: Split, distances: Sequence[float]) -> list[Neighbour]:
        """The neighbours of a query as they are drawn, noted for the table."""
        classes, shown = self.trained.spec.classes, pixels(self.trained.spec, split.images())
        drawn, counts = [], Counter[str]()
        for position, (label, distance) in enumerate(zip(split.labels_N.tolist(), distances, strict=True)):
            same = same_image(query.pixels_HWC, shown[position], distance)
            note = "the same image" if same else f"distance {number(distance)}"
            right = label == query.compared if query.compared >= 0 else None
            file = split.files[position]
            drawn.append(Neighbour(shown[position], classes[label], note, short(file), right))
            self.rows.append(
                {
                    "query": query.file,
                    "query_class": classes[query.label] if query.label >= 0 else "",
                    "predicted": classes[query.predicted] if query.predicted >= 0 else "",
                    "rank": position + 1,
                    "file": file,
                    "class": classes[label],
                    "distance": distance,
                    "same_image": same,
                }
            )
            counts.update([] if same else [classes[label]])
        self.counts.append(counts)
        return drawn

    def _query_row(self, query: Query, nearest: Sequence[Neighbour], counts: Counter[str]) -> QueryRow:
        classes = self.trained.spec.classes
        true = f"true: {classes[query.label]}" if query.label >= 0 else "class not known"
        votes = [f"{count} of {sum(counts.values())}: {name}" for name, count in counts.most_common(2)]
        if query.predicted < 0:
            return QueryRow(query.pixels_HWC, [short(query.file), true, *votes], None, nearest)
        confidence = query.predictions["confidence"]
        predicted = f"predicted: {classes[query.predicted]} {confidence:.2f}"
        right = query.predicted == query.label if query.label >= 0 else None
        return QueryRow(query.pixels_HWC, [short(query.file), predicted, true, *votes], right, nearest)

    def _title(self) -> str:
        return f"Nearest training images by layer {self.layer} of {self.trained.name}"

    def _note(self) -> str:
        among = counted(self.total, "training image")
        note = f"{DISTANCES[self.distance]} distance of vectors, among {among}"
        if any(query.label >= 0 for query in self.queries):
            note += "; frames: whether of the query's class"
            note += ", or of the predicted one" if any(query.label < 0 for query in self.queries) else ""
        elif any(query.compared >= 0 for query in self.queries):
            note += "; frames: whether of the class predicted of the query"
        if len(self.queries) > SHOWN:
            note += f"; the first {SHOWN} of {counted(len(self.queries), 'query')}"
        return note

    def write(self, folder: Path) -> None:
        """``<layer>_neighbours.csv`` and a picture, and a table on the console."""
        name = f"{self.layer}_neighbours".replace("/", "_")
        write_csv(folder / f"{name}.csv", self.rows)
        write_png(folder / f"{name}.png", self.picture)
        heads = ("image", "class", "nearest: class, distance", "classes of the nearest")
        table = console.table(plain(self._title()), heads, overflow="fold")
        firsts = self.rows[:: len(self.rows) // len(self.queries)]
        for row, counts in zip(firsts[:SHOWN], self.counts, strict=False):
            near = "the same image" if row["same_image"] else f"{row['class']}, {row['distance']:.4f}"
            votes = ", ".join(f"{name} ({count})" for name, count in counts.most_common(5))
            known = row["query_class"] or "not known"
            table.add_row(*(Text(plain(text)) for text in (short(row["query"]), known, near, votes)))
        console.print(table)
