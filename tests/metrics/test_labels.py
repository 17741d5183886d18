"""Thresholds and average precision by hand, and as scikit-learn has them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from pellucid.metrics.labels import average_precision, best_thresholds, label_scores


def test_a_threshold_by_hand() -> None:
    scores = np.array([[0.9], [0.8], [0.6], [0.4], [0.2]], np.float32)
    has = np.array([[True], [False], [True], [False], [False]])
    # F1 of the first 1, 2, 3 … images: 2/3, 2/4, 4/5, 4/6, 4/7; between 0.6 and 0.4 it is best.
    assert best_thresholds(scores, has) == pytest.approx(np.array([0.5]))
    assert best_thresholds(scores, ~has) == pytest.approx(np.array([0.1])), "all of them: 6/8"
    assert best_thresholds(scores, np.zeros_like(has)) == 0.5, "no image has it"


def test_a_threshold_lies_between_two_scores() -> None:
    upper = np.float32(0.5)
    lower = np.nextafter(upper, np.float32(0))
    (threshold,) = best_thresholds(np.array([[upper], [lower]]), np.array([[True], [False]]))
    assert lower < threshold <= upper
    tied = best_thresholds(np.full((4, 1), 0.25, np.float32), np.array([[True], [False], [False], [False]]))
    assert 0 < tied < 0.25, "alike scores are on one side"


def test_no_other_threshold_is_better() -> None:
    random = np.random.default_rng(0)
    scores = random.random((80, 3)).round(1).astype(np.float32)
    has = random.random((80, 3)) < scores
    for label, threshold in enumerate(best_thresholds(scores, has)):
        best = f1_score(has[:, label], scores[:, label] >= threshold)
        others = [f1_score(has[:, label], scores[:, label] >= cut) for cut in np.linspace(0, 1, 101)]
        assert best == pytest.approx(max(others))


def test_scores_by_label() -> None:
    random = np.random.default_rng(0)
    scores = random.random((50, 3)).round(1)
    targets = random.random((50, 3)) < scores
    targets[:, 2] = False
    found = label_scores(scores, scores >= 0.5, targets, ("a", "b", "c"), np.array([0.5, 0.5, 0.5]))
    for label in (0, 1):
        expected = average_precision_score(targets[:, label], scores[:, label])
        assert found.average_precision_K[label] == pytest.approx(expected)
        assert found.f1_K[label] == pytest.approx(f1_score(targets[:, label], scores[:, label] >= 0.5))
    assert found.images_K.tolist() == [*targets[:, :2].sum(axis=0), 0]
    assert found.texts(2) == ("–", "0.000", "0.000", "–", "0.500", "0")
    assert found.heads == ("AP", "F1", "precision", "recall", "threshold", "images")


def test_average_precision_by_hand() -> None:
    scores, has = np.array([0.9, 0.8, 0.7, 0.7]), np.array([True, False, True, False])
    assert average_precision(scores, has) == pytest.approx((1 / 1 + 2 / 4) / 2), "of alike scores the last"
