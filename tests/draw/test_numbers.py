"""Predicted against true numbers."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.draw import numbers as module
from pellucid.draw.numbers import MAX_PANELS, draw_numbers
from pellucid.draw.sheet import Picture
from pellucid.metrics.numbers import number_scores


def drawn(predicted: np.ndarray, true: np.ndarray) -> Picture:
    names = tuple(f"number {index}" for index in range(true.shape[1]))
    scores = number_scores(predicted, true, names)
    return draw_numbers(predicted, true, scores, title="Predicted against true", note="")


def test_points_of_right_predictions_lie_on_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    plotted: list[tuple[list[float], ...]] = []

    def note(axes: object, x_N: np.ndarray, y_N: np.ndarray) -> None:
        plotted.append((x_N.tolist(), y_N.tolist()))

    monkeypatch.setattr(module, "_points", note)
    true = np.array([[-1.0], [3.0]])
    drawn(true, true)
    assert plotted == [([-1, 3], [-1, 3]), ([-1, 3], [0, 0])], "above the numbers, below the residuals"


def test_a_panel_a_number() -> None:
    random = np.random.default_rng(0)
    true = random.normal(size=(30, MAX_PANELS + 2))
    shapes = {count: drawn(true[:, :count] + 0.1, true[:, :count]).shape for count in (1, 2, 4, 8)}
    assert shapes[1][0] == shapes[2][0] < shapes[4][0] == shapes[8][0]
    assert shapes[1][1] < shapes[2][1] < shapes[4][1]
    assert drawn(np.ones((1, 1)), np.ones((1, 1))).size, "of one image"
