"""Mistakes of a classifier: the most confident ones, and the images in the cells of the confusion matrix.

Axes: N images.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.metrics.predictions import Predictions
from pellucid.view.predictions import PredictedImages, name_classes

Cell = tuple[int, int]  # true and predicted class


@dataclass(frozen=True)
class Mistakes:
    """Some of the ``total`` mistakes, the most confident first: positions in the split, and what was said."""

    index_N: Tensor
    images: PredictedImages
    total: int


def mistakes(predictions: Predictions, classes: Sequence[str], count: int) -> Mistakes:
    """The ``count`` most confident mistakes."""
    worst = predictions.worst_mistakes(count)
    return Mistakes(worst.index_N, name_classes(worst, classes), int((~predictions.right()).sum()))


def cell_members(predictions: Predictions) -> dict[Cell, list[int]]:
    """The images of each cell that has some: the most confident mistakes first, the least confident right
    answers first.
    """
    members: dict[Cell, list[int]] = defaultdict(list)
    true_N, predicted_N = predictions.labels_N.tolist(), predictions.predicted.tolist()
    order_N = torch.argsort(predictions.confidence, descending=True, stable=True)
    for index in order_N.tolist():
        members[true_N[index], predicted_N[index]].append(index)
    return {
        cell: indices[::-1] if cell[0] == cell[1] else indices for cell, indices in sorted(members.items())
    }


def take_turns(members: Mapping[Cell, Sequence[int]], *, per_cell: int, limit: int) -> list[int]:
    """At most ``limit`` images, ``per_cell`` of each: one of every cell in turn, those of mistakes first."""
    cells = sorted(members, key=lambda cell: (cell[0] == cell[1], -len(members[cell])))
    turns = [members[cell][turn] for turn in range(per_cell) for cell in cells if turn < len(members[cell])]
    return turns[:limit]
