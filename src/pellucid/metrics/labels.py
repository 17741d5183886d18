"""Scores of a multi-label classifier: thresholds, and average precision and F1 of each label.

Axes: N images, K labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LabelScores:
    """Of each label: images that have it, average precision, precision, recall and F1 in [0, 1] (NaN where
    undefined), and the ``thresholds_K`` of its probability, where they are known.
    """

    labels: Sequence[str]
    images_K: np.ndarray
    average_precision_K: np.ndarray
    precision_K: np.ndarray
    recall_K: np.ndarray
    f1_K: np.ndarray
    thresholds_K: np.ndarray | None

    def texts(self, label: int) -> tuple[str, ...]:
        """Average precision, F1, precision, recall, threshold and number of images as a table shows them."""
        columns = [self.average_precision_K, self.f1_K, self.precision_K, self.recall_K]
        columns += [] if self.thresholds_K is None else [self.thresholds_K]
        shares = (float(values_K[label]) for values_K in columns)
        return *("–" if np.isnan(share) else f"{share:.3f}" for share in shares), f"{self.images_K[label]}"

    @property
    def heads(self) -> tuple[str, ...]:
        """Names of the columns of ``texts``."""
        threshold = () if self.thresholds_K is None else ("threshold",)
        return ("AP", "F1", "precision", "recall", *threshold, "images")


def label_scores(
    scores_NK: np.ndarray,
    has_NK: np.ndarray,
    targets_NK: np.ndarray,
    labels: Sequence[str],
    thresholds_K: np.ndarray | None = None,
) -> LabelScores:
    """Of predicted probabilities, of which labels they give each image, and of those that it has."""
    hits_K = (has_NK & targets_NK).sum(axis=0).astype(float)
    predicted_K, images_K = has_NK.sum(axis=0), targets_NK.sum(axis=0)
    with np.errstate(invalid="ignore"):
        precision_K, recall_K = hits_K / predicted_K, hits_K / images_K
        f1_K = 2 * hits_K / (predicted_K + images_K)
    precisions = [average_precision(*pair) for pair in zip(scores_NK.T, targets_NK.T, strict=True)]
    return LabelScores(labels, images_K, np.array(precisions), precision_K, recall_K, f1_K, thresholds_K)


def average_precision(scores_N: np.ndarray, targets_N: np.ndarray) -> float:
    """The mean over the positive images of the precision where each is found; NaN without any."""
    hits_M, counts_M, _ = _cuts(scores_N, targets_N)
    if not targets_N.any():
        return float("nan")
    return float((np.diff(hits_M, prepend=0) * hits_M / counts_M).sum() / targets_N.sum())


def best_thresholds(scores_NK: np.ndarray, targets_NK: np.ndarray) -> np.ndarray:
    """The threshold of each label, (K,) float32, at or above which its F1 is the highest.

    In the middle of two scores; 0.5 for a label that no image has.
    """
    pairs = zip(scores_NK.T, targets_NK.T, strict=True)
    return np.array([_best_threshold(*pair) for pair in pairs], dtype=np.float32)


def _best_threshold(scores_N: np.ndarray, targets_N: np.ndarray) -> float:
    if not targets_N.any():
        return 0.5
    hits_M, counts_M, scores_M = _cuts(scores_N.astype(np.float32), targets_N)
    best = int((2 * hits_M / (counts_M + targets_N.sum())).argmax())
    upper = scores_M[best]
    lower = scores_M[best + 1] if best + 1 < len(scores_M) else np.float32(0)
    middle = (upper + lower) / 2
    return float(middle if middle > lower else upper)  # of two neighbours there is none


def _cuts(scores_N: np.ndarray, targets_N: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each of M different scores, the highest first: hits and images at or above it, and itself."""
    order_N = np.argsort(-scores_N, kind="stable")
    sorted_N = scores_N[order_N]
    last_M = np.flatnonzero(np.append(np.diff(sorted_N) != 0, True))
    return np.cumsum(targets_N[order_N])[last_M].astype(float), last_M + 1, sorted_N[last_M]
