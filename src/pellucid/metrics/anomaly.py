"""Anomaly scores: the images that score highest, and how well a score tells anomalies (ROC).

Axes: N images, B of a batch, M kept, T thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid.metrics.intervals import auroc_interval


class HighestScores:
    """The ``count`` images of the highest scores among those shown batch by batch, the highest first.

    Of equal ones the earlier. ``index_M`` numbers them as they came, from 0; ``images_M`` are what was shown.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.scores_M, self.images_M = torch.empty(0), torch.empty(0)
        self.index_M = torch.empty(0, dtype=torch.int64)
        self._seen = 0

    def update(self, scores_B: Tensor, images_B: Tensor) -> None:
        """Let the next images take part; ``images_B`` of any shape (B, ...)."""
        index_B = torch.arange(self._seen, self._seen + len(scores_B))
        self._seen += len(scores_B)
        scores, index = torch.cat([self.scores_M, scores_B]), torch.cat([self.index_M, index_B])
        order_M = torch.argsort(scores, descending=True, stable=True)[: self.count]
        images = torch.cat([self.images_M, images_B]) if len(self.images_M) else images_B
        self.scores_M, self.index_M, self.images_M = scores[order_M], index[order_M], images[order_M]


@dataclass(frozen=True)
class Roc:
    """ROC curve, rates in [0, 1], the area under it and the 95 % interval of that; 0.5 is by chance."""

    false_T: np.ndarray
    true_T: np.ndarray
    area: float
    interval: tuple[float, float]


def roc(scores_N: np.ndarray, anomalous_N: np.ndarray, *, seed: int) -> Roc:
    """How well a higher score tells anomalies from the rest. Raises ValueError for a side without images."""
    from sklearn.metrics import roc_auc_score, roc_curve

    interval = auroc_interval(scores_N, anomalous_N, seed=seed)
    false_T, true_T, _ = roc_curve(anomalous_N, scores_N)
    return Roc(false_T, true_T, float(roc_auc_score(anomalous_N, scores_N)), interval)
