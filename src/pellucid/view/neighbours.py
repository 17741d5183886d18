"""Nearest neighbours: of images in the space of a layer, the nearest of many others.

Axes: Q queries, K nearest, B images of a batch, H × W pixels, C channels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.inside.images import Images
from pellucid.inside.predictor import Predictor
from pellucid.metrics.neighbours import Nearest, same_image
from pellucid.view.embedding import finite_vectors, predict_numbers
from pellucid.view.predictions import predicted_texts


@dataclass(frozen=True)
class Neighbour:
    """One of the nearest images, uint8 RGB; ``same``: it is the query itself. ``name``: of its class, or its
    labels or numbers in words.
    """

    file: str
    label: int
    name: str
    distance: float
    same: bool
    pixels_HWC: np.ndarray


@dataclass(frozen=True)
class Query:
    """Image whose neighbours are sought, uint8 RGB; ``label`` −1 where its class is not known."""

    file: str
    label: int
    pixels_HWC: np.ndarray
    predictions: dict[str, Any]
    said: str = ""  # its labels or numbers in words, of a net that predicts these

    @property
    def predicted(self) -> int:
        """The predicted class; −1 where the task has none."""
        return int(self.predictions.get("predicted", -1))

    @property
    def compared(self) -> int:
        """The class that neighbours are measured by: its own, else that which is predicted; −1 for none."""
        return self.label if self.label >= 0 else self.predicted

    def is_right(self, neighbour: Neighbour) -> bool | None:
        """Whether a neighbour is of the class that they are measured by."""
        return neighbour.label == self.compared if self.compared >= 0 else None


@dataclass(frozen=True)
class Neighbourhood:
    """A query and its neighbours, the nearest first."""

    query: Query
    neighbours: Sequence[Neighbour]

    @property
    def votes(self) -> list[tuple[int, int]]:
        """How many neighbours, but for the query itself, are of each class: (label, count), most first."""
        voters = (neighbour for neighbour in self.neighbours if not neighbour.same and neighbour.label >= 0)
        return Counter(neighbour.label for neighbour in voters).most_common()


def nearest_neighbours(
    predictor: Predictor,
    queries: Iterable[Images],
    candidates: Iterable[Images],
    pick: Callable[[Tensor], Images],
    *,
    layer: str,
    count: int,
    distance: str,
) -> list[Neighbourhood]:
    """The ``count`` nearest of the others to each query; of the others none are kept but these.

    ``pick`` gives those of the others once more, numbered as they came. Raises UserError for vectors that are
    not finite.
    """
    query_list, vectors = [], []
    for images in queries:
        inputs_BCHW = predictor.inputs(images.pixels_BCHW)
        vectors.append(finite_vectors(predictor, images, inputs_BCHW, layer))
        predictions, _ = predict_numbers(predictor, inputs_BCHW)
        shown_BHWC, said = predictor.shown(inputs_BCHW), list[str]()
        if predictor.has_labels or predictor.has_numbers:
            said = predicted_texts(predictions, predictor.spec.classes)
        for position, file in enumerate(images.files):
            numbers = {name: values for name, values in predictions.items() if values.ndim == 1}
            values = {name: values_B[position].item() for name, values_B in numbers.items()}
            label, pixels_HWC = int(images.labels_B[position]), shown_BHWC[position]
            query_list.append(Query(file, label, pixels_HWC, values, said[position] if said else ""))
    nearest = Nearest(torch.cat(vectors), count=count, distance=distance)
    for images in candidates:
        nearest.see(finite_vectors(predictor, images, predictor.inputs(images.pixels_BCHW), layer))
    return [
        _neighbourhood(predictor, query, pick(index_K), distances_K.tolist())
        for query, index_K, distances_K in zip(
            query_list, nearest.index_QK, nearest.distances_QK, strict=True
        )
    ]


def _neighbourhood(
    predictor: Predictor, query: Query, images: Images, distances: Sequence[float]
) -> Neighbourhood:
    neighbours = [
        Neighbour(file, label, name, distance, same_image(query.pixels_HWC, shown_HWC, distance), shown_HWC)
        for file, label, name, distance, shown_HWC in zip(
            images.files,
            images.labels_B.tolist(),
            images.names,
            distances,
            predictor.pixels(images),
            strict=True,
        )
    ]
    return Neighbourhood(query, neighbours)
