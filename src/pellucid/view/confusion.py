"""Which classes are taken for which: the confusion matrix of predictions.

Axes: K classes; rows are the true class, columns the predicted one.
"""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.metrics.confusion import Confusion, class_scores, count_confusion
from pellucid.metrics.predictions import Predictions


def confusion(predictions: Predictions, classes: Sequence[str]) -> Confusion:
    """The matrix of what was predicted, with precision, recall and F1 of each class."""
    labels_N, predicted_N = predictions.labels_N.numpy(), predictions.predicted.numpy()
    counts_KK = count_confusion(labels_N, predicted_N, len(classes))
    return Confusion(tuple(classes), counts_KK, class_scores(counts_KK))
