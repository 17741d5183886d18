"""Per-image predictions of a split.

Axes: N images, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

TOLERANCE = 1e-4  # of a sum of probabilities


def are_probabilities(values_BK: Tensor) -> bool:
    """Whether each row is one, as a net that ends in a softmax gives it: none below 0, their sum 1."""
    return bool((values_BK >= 0).all()) and bool(((values_BK.sum(dim=1) - 1).abs() < TOLERANCE).all())


@dataclass(frozen=True)
class Predictions:
    """What a task's ``predict_step`` gave of N images, on the CPU, in the split's order.

    ``index_N`` are positions in the split, ``values`` have a row for each image by name: ``loss``; of tasks
    with classes ``predicted`` and its ``confidence``, and ``probabilities`` (N, K) where they were kept; with
    several labels an image their probabilities ``scores`` (N, K) and ``has``, bool; with numbers ``numbers``
    (N, K). ``targets_NK``: what is known of images that have no class, and ``UNKNOWN`` for a label;
    ``thresholds_K``: those of the scores.
    """

    index_N: Tensor
    labels_N: Tensor
    values: Mapping[str, Tensor]
    targets_NK: Tensor | None = None
    thresholds_K: Tensor | None = None

    def __len__(self) -> int:
        return len(self.index_N)

    @property
    def has_classes(self) -> bool:
        """Whether a class was predicted of each image."""
        return "predicted" in self.values

    @property
    def has_labels(self) -> bool:
        """Whether several labels were predicted of each image."""
        return "scores" in self.values and self.targets_NK is not None

    @property
    def has_numbers(self) -> bool:
        """Whether numbers were predicted of each image."""
        return "numbers" in self.values and self.targets_NK is not None

    @property
    def targets(self) -> Tensor:
        """What is known of images that have no class, (N, K)."""
        assert self.targets_NK is not None
        return self.targets_NK

    @property
    def predicted(self) -> Tensor:
        """The predicted classes, int64. Raises KeyError where there are none."""
        return self.values["predicted"]

    @property
    def confidence(self) -> Tensor:
        """The probability of the predicted class. Raises KeyError where there are none."""
        return self.values["confidence"]

    def right(self) -> Tensor:
        """Whether each image was recognised."""
        return self.predicted == self.labels_N

    def accuracy(self) -> float:
        """The share of images that were recognised, in [0, 1]."""
        return float(self.right().float().mean())

    def subset(self, rows: Tensor) -> Predictions:
        """Those rows."""
        values = {name: value[rows] for name, value in self.values.items()}
        targets_NK = None if self.targets_NK is None else self.targets_NK[rows]
        return Predictions(self.index_N[rows], self.labels_N[rows], values, targets_NK, self.thresholds_K)

    def worst_mistakes(self, count: int) -> Predictions:
        """The wrong ones, the most confident first."""
        wrong = torch.nonzero(~self.right()).flatten()
        order = torch.argsort(self.confidence[wrong], descending=True, stable=True)
        return self.subset(wrong[order[:count]])

    def worst(self, count: int) -> Predictions:
        """Those with the largest loss, the largest first."""
        return self.subset(torch.argsort(self.values["loss"], descending=True, stable=True)[:count])
