"""The training images that are nearest to an image, as a layer of the net sees them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.table import Table
from rich.text import Text
from torch import Tensor

from pellucid.data.base import ImageData
from pellucid.data.images import Split
from pellucid.data.stream import Stream, of_split
from pellucid.draw.neighbours import Neighbour, Query, neighbours
from pellucid.draw.png import write_png
from pellucid.draw.sheet import number
from pellucid.engine.looking import Looking
from pellucid.errors import UserError, counted, plain
from pellucid.inside.images import short
from pellucid.inside.pixels import pixels, to_rgb
from pellucid.metrics.neighbours import DISTANCES, Nearest, same_image
from pellucid.system.console import console
from pellucid.system.files import write_csv

MOST_QUERIES, MOST_NEAREST = 200, 60
SHOWN = 24  # queries in the picture; all are in the table


@dataclass(frozen=True)
class Search:
    """What is asked: the ``count`` nearest to the images ``given``. Raises UserError."""

    given: str | None
    count: int
    distance: str

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_NEAREST:
            raise UserError(f"nearest={self.count}: expected 1 to {MOST_NEAREST}.")
        if self.distance not in list(DISTANCES):
            raise UserError(f"distance={self.distance}: expected {' or '.join(DISTANCES)}.")

    def run(self, looking: Looking, queries: Stream, data: ImageData) -> Near:
        """Look at the queries, then at all training images, of which none are kept but the nearest."""
        if queries.count > MOST_QUERIES:
            raise UserError(
                f"neighbours={self.given}: {queries.count:,} images; expected at most {MOST_QUERIES}."
            )
        asked, vectors = [], []
        for batch, images_BCHW in looking.batches(queries, "Looking"):
            vectors.append(looking.checked(batch, images_BCHW))
            said, _ = looking.said(images_BCHW)
            shown = to_rgb(looking.trained.spec, images_BCHW)
            for place, file in enumerate(batch.files):
                values = {name: values_B[place].item() for name, values_B in said.items()}
                asked.append(Asked(file, int(batch.labels_B[place]), shown[place], values))
        nearest = Nearest(torch.cat(vectors), count=self.count, distance=self.distance)
        for batch, images_BCHW in looking.batches(of_split(data, "train"), "Training images"):
            nearest.see(looking.checked(batch, images_BCHW))
        return Near(looking, asked, data, nearest.index_QK, nearest.distances_QK, self.distance)


@dataclass(frozen=True)
class Asked:
    """An image whose neighbours are sought, uint8 RGB; ``label`` −1 where its class is not known."""

    file: str
    label: int
    pixels_HWC: np.ndarray
    said: dict[str, Any]

    @property
    def compared(self) -> int:
        """The class that neighbours are measured by: its own, else that which is predicted; −1 for none."""
        return self.label if self.label >= 0 else int(self.said.get("predicted", -1))


class Near:
    """The training images nearest to each query."""

    def __init__(
        self,
        looking: Looking,
        asked: Sequence[Asked],
        data: ImageData,
        index_QK: Tensor,
        distances_QK: Tensor,
        distance: str,
    ) -> None:
        self.trained, self.layer, self.asked, self.distance = looking.trained, looking.layer, asked, distance
        self.total = len(data.split("train"))
        self.rows: list[dict[str, Any]] = []
        self.counts: list[Counter[str]] = []  # of the classes of each query's neighbours, but for itself
        queries: list[Query] = []
        for one, index_K, distances_K in zip(asked, index_QK, distances_QK, strict=True):
            found = self._add(one, data.split("train").subset(index_K), distances_K.tolist())
            if len(queries) < SHOWN:
                queries.append(self._query(one, found, self.counts[-1]))
        self.picture = neighbours(queries, title=self._title(), note=self._note())

    def _add(self, one: Asked, split: Split, distances: Sequence[float]) -> list[Neighbour]:
        """Note the neighbours of a query, for the table; as they are drawn."""
        classes, shown = self.trained.spec.classes, pixels(self.trained.spec, split.images())
        found, counts = [], Counter[str]()
        for place, (label, distance) in enumerate(zip(split.labels_N.tolist(), distances, strict=True)):
            same = same_image(one.pixels_HWC, shown[place], distance)
            told = "the same image" if same else f"distance {number(distance)}"
            right = label == one.compared if one.compared >= 0 else None
            file = split.files[place]
            found.append(Neighbour(shown[place], classes[label], told, short(file), right))
            self.rows.append(
                {
                    "query": one.file,
                    "query_class": classes[one.label] if one.label >= 0 else "",
                    "predicted": classes[one.said["predicted"]] if "predicted" in one.said else "",
                    "rank": place + 1,
                    "file": file,
                    "class": classes[label],
                    "distance": distance,
                    "same_image": same,
                }
            )
            counts.update([] if same else [classes[label]])
        self.counts.append(counts)
        return found

    def _query(self, one: Asked, found: Sequence[Neighbour], counts: Counter[str]) -> Query:
        classes = self.trained.spec.classes
        true = f"true: {classes[one.label]}" if one.label >= 0 else "class not known"
        votes = [f"{count} of {sum(counts.values())}: {name}" for name, count in counts.most_common(2)]
        if "predicted" not in one.said:
            return Query(one.pixels_HWC, [short(one.file), true, *votes], None, found)
        said = f"predicted: {classes[one.said['predicted']]} {one.said['confidence']:.2f}"
        right = one.said["predicted"] == one.label if one.label >= 0 else None
        return Query(one.pixels_HWC, [short(one.file), said, true, *votes], right, found)

    def _title(self) -> str:
        return f"Nearest training images by layer {self.layer} of {self.trained.name}"

    def _note(self) -> str:
        among = counted(self.total, "training image")
        note = f"{DISTANCES[self.distance]} distance of vectors, among {among}"
        if any(one.label >= 0 for one in self.asked):
            note += "; frames: whether of the query's class"
            note += ", or of the predicted one" if any(one.label < 0 for one in self.asked) else ""
        elif any(one.compared >= 0 for one in self.asked):
            note += "; frames: whether of the class predicted of the query"
        if len(self.asked) > SHOWN:
            note += f"; the first {SHOWN} of {counted(len(self.asked), 'query')}"
        return note

    def write(self, folder: Path) -> None:
        """``<layer>_neighbours.csv`` and a picture, and a table on the console."""
        name = f"{self.layer}_neighbours".replace("/", "_")
        write_csv(folder / f"{name}.csv", self.rows)
        write_png(folder / f"{name}.png", self.picture)
        table = Table(
            title=plain(self._title()), title_justify="left", title_style="bold", header_style="dim"
        )
        for head in ("image", "class", "nearest: class, distance", "classes of the nearest"):
            table.add_column(head, overflow="fold")
        firsts = self.rows[:: len(self.rows) // len(self.asked)]
        for row, counts in zip(firsts[:SHOWN], self.counts, strict=False):
            near = "the same image" if row["same_image"] else f"{row['class']}, {row['distance']:.4f}"
            votes = ", ".join(f"{name} ({count})" for name, count in counts.most_common(5))
            known = row["query_class"] or "not known"
            table.add_row(*(Text(plain(text)) for text in (short(row["query"]), known, near, votes)))
        console.print(table)
