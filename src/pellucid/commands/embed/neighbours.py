"""Nearest-neighbour search: the training images nearest to an image in the space of a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from pellucid.data.base import ImageData
from pellucid.data.stream import Stream, of_split
from pellucid.draw.neighbours import Neighbour, QueryRow, neighbours
from pellucid.draw.png import write_png
from pellucid.engine.loaded_run import LoadedRun
from pellucid.errors import UserError, counted, plain
from pellucid.inside.images import short
from pellucid.inside.predictor import Predictor
from pellucid.metrics.neighbours import DISTANCES
from pellucid.system.console import console
from pellucid.system.files import write_csv
from pellucid.system.number_text import number
from pellucid.view.neighbours import Neighbourhood, nearest_neighbours

MAX_QUERIES, MAX_NEAREST = 200, 60
SHOWN = 24  # queries in the picture; all are in the table


@dataclass(frozen=True)
class NeighbourSearch:
    """Search of the ``count`` nearest training images to the images of ``pattern``. Raises UserError."""

    pattern: str | None
    count: int
    distance: str

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_NEAREST:
            raise UserError(f"nearest={self.count}: expected 1 to {MAX_NEAREST}.")
        if self.distance not in list(DISTANCES):
            raise UserError(f"distance={self.distance}: expected {' or '.join(DISTANCES)}.")

    def run(
        self, trained: LoadedRun, predictor: Predictor, layer: str, images: Stream, data: ImageData
    ) -> NeighbourReport:
        """The nearest to each of ``images``."""
        if images.count > MAX_QUERIES:
            raise UserError(
                f"neighbours={self.pattern}: {images.count:,} images; expected at most {MAX_QUERIES}."
            )
        train, batch_size = of_split(data, "train"), trained.batch_size
        neighbourhoods = nearest_neighbours(
            predictor,
            console.track(images.batches(batch_size), "Looking", images.steps(batch_size)),
            console.track(train.batches(batch_size), "Training images", train.steps(batch_size)),
            lambda index_K: data.split("train").pick(index_K, trained.spec.classes),
            layer=layer,
            count=self.count,
            distance=self.distance,
        )
        return NeighbourReport(trained, layer, self.distance, neighbourhoods, train.count)


@dataclass(frozen=True)
class NeighbourReport:
    """The training images nearest to each query, among ``total``."""

    trained: LoadedRun
    layer: str
    distance: str
    neighbourhoods: Sequence[Neighbourhood]
    total: int

    def _rows(self, neighbourhood: Neighbourhood) -> list[dict[str, Any]]:
        query, classes = neighbourhood.query, self.trained.spec.classes
        return [
            {
                "query": query.file,
                "query_class": classes[query.label] if query.label >= 0 else "",
                "predicted": classes[query.predicted] if query.predicted >= 0 else query.said,
                "rank": rank,
                "file": neighbour.file,
                "class": neighbour.name,
                "distance": neighbour.distance,
                "same_image": neighbour.same,
            }
            for rank, neighbour in enumerate(neighbourhood.neighbours, start=1)
        ]

    def _query_row(self, neighbourhood: Neighbourhood) -> QueryRow:
        query, votes, classes = neighbourhood.query, neighbourhood.votes, self.trained.spec.classes
        nearest = [
            Neighbour(
                neighbour.pixels_HWC,
                neighbour.name,
                "the same image" if neighbour.same else f"distance {number(neighbour.distance)}",
                short(neighbour.file),
                query.is_right(neighbour),
            )
            for neighbour in neighbourhood.neighbours
        ]
        true = f"true: {classes[query.label]}" if query.label >= 0 else "class not known"
        total = sum(count for _, count in votes)
        vote_lines = [f"{count} of {total}: {classes[label]}" for label, count in votes[:2]]
        if query.predicted < 0:
            lines = [f"predicted: {query.said}"] if query.said else [true]
            return QueryRow(query.pixels_HWC, [short(query.file), *lines, *vote_lines], None, nearest)
        predicted = f"predicted: {classes[query.predicted]} {query.predictions['confidence']:.2f}"
        right = query.predicted == query.label if query.label >= 0 else None
        return QueryRow(query.pixels_HWC, [short(query.file), predicted, true, *vote_lines], right, nearest)

    def _title(self) -> str:
        return f"Nearest training images by layer {self.layer} of {self.trained.name}"

    def _note(self) -> str:
        queries = [neighbourhood.query for neighbourhood in self.neighbourhoods]
        among = counted(self.total, "training image")
        note = f"{DISTANCES[self.distance]} distance of vectors, among {among}"
        if any(query.label >= 0 for query in queries):
            note += "; frames: whether of the query's class"
            note += ", or of the predicted one" if any(query.label < 0 for query in queries) else ""
        elif any(query.compared >= 0 for query in queries):
            note += "; frames: whether of the class predicted of the query"
        if len(queries) > SHOWN:
            note += f"; the first {SHOWN} of {counted(len(queries), 'query')}"
        return self.trained.spec.noted(note)

    def write(self, folder: Path) -> None:
        """``<layer>_neighbours.csv`` and a picture, and a table on the console."""
        name = f"{self.layer}_neighbours".replace("/", "_")
        rows = [self._rows(neighbourhood) for neighbourhood in self.neighbourhoods]
        write_csv(folder / f"{name}.csv", [row for query_rows in rows for row in query_rows])
        queries = [self._query_row(neighbourhood) for neighbourhood in self.neighbourhoods[:SHOWN]]
        write_png(folder / f"{name}.png", neighbours(queries, title=self._title(), note=self._note()))
        heads = ("image", "class", "nearest: class, distance", "classes of the nearest")
        table = console.table(plain(self._title()), heads, overflow="fold")
        classes = self.trained.spec.classes
        for (first, *_), neighbourhood in zip(rows[:SHOWN], self.neighbourhoods, strict=False):
            near = "the same image" if first["same_image"] else f"{first['class']}, {first['distance']:.4f}"
            votes = ", ".join(f"{classes[label]} ({count})" for label, count in neighbourhood.votes[:5])
            known = first["query_class"] or "not known"
            table.add_row(*(Text(plain(text)) for text in (short(first["query"]), known, near, votes)))
        console.print_table(table)
