"""Predicted numbers beside true ones.

Axes: N images, K numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.metrics.numbers import NumberScores, number_scores
from pellucid.metrics.predictions import Predictions


@dataclass(frozen=True)
class Numbers:
    """Predicted and true numbers (N, K) by name, and how far they are apart."""

    predicted_NK: np.ndarray
    true_NK: np.ndarray
    scores: NumberScores


def numbers(predictions: Predictions, names: Sequence[str]) -> Numbers:
    """Of a regression."""
    predicted_NK, true_NK = predictions.values["numbers"].numpy(), predictions.targets.numpy()
    return Numbers(predicted_NK, true_NK, number_scores(predicted_NK, true_NK, names))
