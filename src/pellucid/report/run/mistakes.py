"""The page's section of what the net takes for what: the confusion matrix, and the images in its cells.

Axes: K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pellucid.draw.confusion import MAX_NUMBERED
from pellucid.metrics.imbalance import describe_imbalance, is_imbalanced
from pellucid.metrics.predictions import Predictions
from pellucid.report.run.context import Context
from pellucid.report.run.explained import explained_images
from pellucid.view.confusion import confusion
from pellucid.view.mistakes import cell_members, take_turns

MAX_IMAGES, MAX_OF_CELL = 96, 8  # in all cells together, and in one
MAX_CELLS = 40  # of many classes


@dataclass
class Shown:
    """An image of a cell: addresses of the photo and, by method, of the maps of its predicted class."""

    file: str
    confidence: float
    photo: str
    maps: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cell:
    """Images of class ``true`` that were taken for ``predicted``; ``count`` of them, some shown."""

    true: int
    predicted: int
    count: int
    images: Sequence[Shown]


@dataclass(frozen=True)
class Mistakes:
    """``counts`` (K, K), row the true class; ``cells`` by (true, predicted) for those that are not empty."""

    counts: Sequence[Sequence[int]]
    shares: Sequence[Sequence[float]]
    cells: Mapping[tuple[int, int], Cell]
    scores: Sequence[tuple[str, ...]]
    numbered: bool
    methods: Sequence[str]
    explained: int
    seconds: float
    shown: int
    images: int
    trained: Sequence[int] = ()  # images of each class, where they are imbalanced, which is said
    imbalance: str = ""


def mistakes(context: Context) -> Mistakes:
    """The test images by true and predicted class, with why. Of a classifier."""
    assert context.evaluation is not None
    predictions = context.evaluation.predictions
    matrix = confusion(predictions, context.classes)
    members = cell_members(predictions)
    numbered = len(context.classes) <= MAX_NUMBERED
    if not numbered:
        members = {
            (true, predicted): members[true, predicted] for true, predicted, _ in matrix.pairs(MAX_CELLS)
        }
    counts_K = context.loaded.class_counts()
    if counts_K is not None and not is_imbalanced(counts_K):
        counts_K = None
    order = take_turns(members, per_cell=MAX_OF_CELL, limit=MAX_IMAGES)
    shown, methods = _shown(context, order, predictions)
    cells = {
        (true, predicted): Cell(
            true,
            predicted,
            int(matrix.counts_KK[true, predicted]),
            [shown[index] for index in indices if index in shown],
        )
        for (true, predicted), indices in members.items()
    }
    return Mistakes(
        counts=matrix.counts_KK.tolist(),
        shares=np.round(matrix.shares, 3).tolist(),
        cells=cells,
        scores=[matrix.texts(label) for label in range(len(context.classes))],
        numbered=numbered,
        methods=methods,
        explained=sum(bool(image.maps) for image in shown.values()),
        seconds=context.seconds,
        shown=len(shown),
        images=len(predictions),
        trained=() if counts_K is None else counts_K.tolist(),
        imbalance="" if counts_K is None else describe_imbalance(counts_K, context.classes),
    )


def _shown(
    context: Context, order: Sequence[int], predictions: Predictions
) -> tuple[dict[int, Shown], list[str]]:
    """Those images with maps, by position, and titles of the methods."""
    explained, methods = explained_images(context, order, predictions.predicted)
    files = context.split("test").files
    return {
        index: Shown(files[index], float(predictions.confidence[index]), image.photo, image.maps)
        for index, image in explained.items()
    }, methods
