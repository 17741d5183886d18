"""Errors of a regression by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.metrics.numbers import number_scores


def test_errors_by_hand() -> None:
    true = np.array([[1, 7], [3, 7], [5, 7]], np.float32)
    predicted = np.array([[2, 8], [3, 8], [3, 8]], np.float32)
    scores = number_scores(predicted, true, ("a", "b"))
    assert scores.mae_K == pytest.approx(np.array([1, 1]))
    assert scores.rmse_K == pytest.approx(np.array([np.sqrt(5 / 3), 1]))
    assert scores.bias_K == pytest.approx(np.array([-1 / 3, 1]))
    assert scores.r2_K[0] == pytest.approx(1 - 5 / 8)
    assert np.isnan(scores.r2_K[1]), "nothing varies"
    assert scores.texts(0) == ("1", "1.291", "−0.333", "0.375")
    assert scores.texts(1)[-1] == "–"
