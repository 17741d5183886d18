"""Whether predictions are better than guessing: by how often guesses would be right, not by a fixed bar.

Axes: N images, K labels or numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.metrics.intervals import Z, wilson


@dataclass(frozen=True)
class ClassChance:
    """Of predicted classes: the shares of right images, in [0, 1], that were found and that guessing gives.

    ``agreement``: what the same answers would get in any other order, Σ p·q over the classes with p of the
    images and q of the answers (Cohen 1960). ``majority``: what the commonest class, ``commonest``, alone
    would get. ``only``: the one class that every image is called, where it is one.
    """

    accuracy: float
    images: int
    agreement: float
    majority: float
    commonest: int
    only: int | None

    @property
    def is_chance(self) -> bool:
        """Whether the 95 % interval of the accuracy (Wilson's) covers the agreement, or lies below it.

        A net that finds rare classes, at the cost of accuracy, is above it: it agrees more than by chance.
        """
        (low,), _ = wilson(np.array([self.accuracy]), np.array([self.images]))
        return bool(low <= self.agreement)


def class_chance(predicted_N: np.ndarray, true_N: np.ndarray) -> ClassChance:
    """Of at least one image; classes as whole numbers from 0."""
    count = max(int(predicted_N.max()), int(true_N.max())) + 1
    answers_K, images_K = (np.bincount(labels_N, minlength=count) for labels_N in (predicted_N, true_N))
    images = len(true_N)
    return ClassChance(
        accuracy=float((predicted_N == true_N).mean()),
        images=images,
        agreement=float(answers_K @ images_K) / images**2,
        majority=float(images_K.max()) / images,
        commonest=int(images_K.argmax()),
        only=int(answers_K.argmax()) if (answers_K > 0).sum() == 1 else None,
    )


def label_chance(scores_NK: np.ndarray, targets_NK: np.ndarray) -> tuple[float, float] | None:
    """The mean area under the ROC curve of several labels, and up to where it is chance; None where all
    images, or none, have each label.

    Guessing gives 0.5 with the standard error of Mann and Whitney (1947), √((P + Q + 1) / 12PQ) of P images
    with a label and Q without; of the mean it is at most the mean of theirs, however labels hang together.
    """
    areas, errors = [], []
    for scores_N, has_N in zip(scores_NK.T, targets_NK.T.astype(bool), strict=True):
        positive, negative = int(has_N.sum()), int((~has_N).sum())
        if positive and negative:
            _, group_N = np.unique(scores_N, return_inverse=True)
            counts_G = np.bincount(group_N)
            rank_N = (np.cumsum(counts_G) - (counts_G - 1) / 2)[group_N]  # from 1, the middle one of ties
            areas.append((rank_N[has_N].sum() / positive - (positive + 1) / 2) / negative)
            errors.append(np.sqrt((positive + negative + 1) / (12 * positive * negative)))
    return (float(np.mean(areas)), 0.5 + Z * float(np.mean(errors))) if areas else None


def correlates(numbers_NK: np.ndarray, targets_NK: np.ndarray) -> bool:
    """Whether any predicted number rises with the true one, by more than chance gives (Fisher 1921)."""
    images = len(numbers_NK)
    if images < 4:
        return False
    for numbers_N, targets_N in zip(numbers_NK.T, targets_NK.T, strict=True):
        if numbers_N.std() > 0 and targets_N.std() > 0:
            correlation = float(np.corrcoef(numbers_N, targets_N)[0, 1])
            if np.arctanh(min(correlation, 1 - 1e-12)) * np.sqrt(images - 3) > Z:
                return True
    return False
