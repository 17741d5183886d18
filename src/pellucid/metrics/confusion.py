"""Confusion matrix of a classifier, and precision, recall and F1 of each class.

Axes: N images, K classes; rows are the true class, columns the predicted one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ClassScores:
    """Of each class: precision, recall and F1 in [0, 1] (NaN where undefined), and its number of images."""

    precision_K: np.ndarray
    recall_K: np.ndarray
    f1_K: np.ndarray
    images_K: np.ndarray


@dataclass(frozen=True)
class Confusion:
    """Counts (K, K) of the images of each class by what was predicted of them, and scores by class."""

    classes: Sequence[str]
    counts_KK: np.ndarray
    scores: ClassScores

    @property
    def shares(self) -> np.ndarray:
        """The counts as shares of their row, in [0, 1]."""
        shares_KK: np.ndarray = self.counts_KK / np.maximum(self.counts_KK.sum(axis=1, keepdims=True), 1)
        return shares_KK

    def pairs(self, limit: int) -> list[tuple[int, int, int]]:
        """(true, predicted, count) of the most frequent mistakes, the most frequent first."""
        return confused_pairs(self.counts_KK, limit)

    def texts(self, label: int) -> tuple[str, str, str, str]:
        """Precision, recall, F1 and number of images of a class as a table shows them."""
        scores = self.scores
        shares = (scores.precision_K[label], scores.recall_K[label], scores.f1_K[label])
        precision, recall, f1 = ("–" if np.isnan(share) else f"{share:.3f}" for share in shares)
        return precision, recall, f1, f"{scores.images_K[label]}"


def count_confusion(true_N: np.ndarray, predicted_N: np.ndarray, classes: int) -> np.ndarray:
    """Counts (K, K): row the true class, column the predicted one."""
    # scikit-learn's, as its scores, take half a second to import, and warn where there is but one class.
    counts_KK = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts_KK, (true_N, predicted_N), 1)
    return counts_KK


def class_scores(counts_KK: np.ndarray) -> ClassScores:
    """Precision is undefined for a class that was never predicted, recall for one without images."""
    hits_K = np.diag(counts_KK).astype(float)
    predicted_K, images_K = counts_KK.sum(axis=0), counts_KK.sum(axis=1)
    with np.errstate(invalid="ignore"):
        precision_K, recall_K = hits_K / predicted_K, hits_K / images_K
        f1_K = 2 * hits_K / (predicted_K + images_K)
    return ClassScores(precision_K, recall_K, f1_K, images_K)


def confused_pairs(counts_KK: np.ndarray, limit: int) -> list[tuple[int, int, int]]:
    """(true, predicted, count) of the most frequent mistakes, the most frequent first."""
    wrong_KK = counts_KK.copy()
    np.fill_diagonal(wrong_KK, 0)
    order = np.argsort(-wrong_KK, axis=None, kind="stable")[:limit]
    pairs = [divmod(int(index), len(counts_KK)) for index in order]
    return [
        (true, predicted, int(wrong_KK[true, predicted]))
        for true, predicted in pairs
        if wrong_KK[true, predicted]
    ]
