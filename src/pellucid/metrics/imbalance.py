"""Imbalance of classes, and figures that weigh classes alike.

Axes: N images, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.metrics.confusion import class_scores, count_confusion

RATIO = 3  # of the largest class to the smallest, above which accuracy hides the small ones
MACRO = ("macro_f1", "balanced_accuracy")


def is_imbalanced(counts_K: np.ndarray) -> bool:
    """Whether the largest class has over three times the images of the smallest."""
    return bool(len(counts_K) > 1 and counts_K.max() > RATIO * counts_K.min())


def describe_imbalance(counts_K: np.ndarray, classes: Sequence[str]) -> str:
    """The largest and the smallest class in a sentence."""
    most, least = int(counts_K.argmax()), int(counts_K.argmin())
    return (
        f"The classes are imbalanced: {counts_K[most]:,} training images of {classes[most]}, "
        f"{counts_K[least]:,} of {classes[least]}. Macro F1 and balanced accuracy, the mean recall, count "
        "each class alike."
    )


@dataclass(frozen=True)
class MacroFigure:
    """Macro F1 or balanced accuracy of N images, and of others drawn from them, in [0, 1].

    As scikit-learn has them: the means of F1 and recall over the classes, without those of which they are
    undefined, as no image is of the class (for F1: nor predicted so).
    """

    name: str
    labels_N: np.ndarray
    predicted_N: np.ndarray
    classes: int

    def value(self, index_N: np.ndarray | None = None) -> float:
        """The figure of those images, or of all."""
        index = slice(None) if index_N is None else index_N
        counts_KK = count_confusion(self.labels_N[index], self.predicted_N[index], self.classes)
        scores = class_scores(counts_KK)
        return float(np.nanmean({"macro_f1": scores.f1_K, "balanced_accuracy": scores.recall_K}[self.name]))
