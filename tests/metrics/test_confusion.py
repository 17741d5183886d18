"""Confusion counts and scores of classes, by hand and as scikit-learn has them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from pellucid.metrics.confusion import class_scores, confused_pairs, count_confusion


def test_confusion_by_hand() -> None:
    true, said = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 0, 1])
    counts = count_confusion(true, said, 4)
    assert counts.tolist() == [[1, 2, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    scores = class_scores(counts)
    assert scores.recall_K[:3].tolist() == pytest.approx([1 / 3, 1 / 2, 0])
    assert scores.precision_K[:2].tolist() == pytest.approx([1 / 2, 1 / 4])
    assert scores.f1_K[:3].tolist() == pytest.approx([2 / 5, 2 / 6, 0])
    assert np.isnan(scores.precision_K[2]), "never predicted"
    assert np.isnan(scores.recall_K[3]), "no images"
    assert confused_pairs(counts, 2) == [(0, 1, 2), (1, 0, 1)]
    assert confused_pairs(np.diag([3, 4]), 5) == []


@pytest.mark.parametrize(("images", "classes"), [(3, 5), (60, 50), (1000, 10)])
def test_as_scikit_learn_has_them(images: int, classes: int) -> None:
    true, predicted = np.random.default_rng(0).integers(0, classes, (2, images))
    counts = count_confusion(true, predicted, classes)
    assert np.array_equal(counts, confusion_matrix(true, predicted, labels=range(classes)))
    known = precision_recall_fscore_support(true, predicted, labels=range(classes), zero_division=np.nan)
    scores = class_scores(counts)
    own = (scores.precision_K, scores.recall_K, scores.f1_K, scores.images_K)
    assert all(np.array_equal(*pair, equal_nan=True) for pair in zip(own, known, strict=True))
