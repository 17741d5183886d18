"""Mistakes and cells of the confusion matrix by hand."""

from __future__ import annotations

import torch

from pellucid.metrics.predictions import Predictions
from pellucid.view.mistakes import cell_members, mistakes, take_turns

PREDICTIONS = Predictions(
    index_N=torch.arange(6),
    labels_N=torch.tensor([0, 0, 0, 0, 1, 1]),
    values={
        "predicted": torch.tensor([0, 0, 1, 1, 1, 1]),
        "confidence": torch.tensor([0.9, 0.6, 0.7, 0.8, 0.5, 0.99]),
    },
)


def test_cells_take_turns_and_mistakes_come_first() -> None:
    members = cell_members(PREDICTIONS)
    assert members == {(0, 0): [1, 0], (0, 1): [3, 2], (1, 1): [4, 5]}
    assert take_turns(members, per_cell=8, limit=96) == [3, 1, 4, 2, 0, 5]
    assert take_turns(members, per_cell=1, limit=96) == [3, 1, 4]
    assert take_turns(members, per_cell=8, limit=2) == [3, 1]


def test_the_most_confident_mistakes_with_their_captions() -> None:
    worst = mistakes(PREDICTIONS, ("cat", "dog"), 1)
    assert worst.index_N.tolist() == [3]
    assert worst.images.captions == ["dog 0.80\n(cat)"]
    assert worst.images.right == [False]
    assert worst.total == 2
