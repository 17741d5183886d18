"""Predicted against true numbers."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.draw import numbers as module
from pellucid.draw.numbers import MAX_PANELS, _power, draw_numbers
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


def test_long_numbers_are_counted_in_powers_of_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    plotted: list[list[float]] = []
    monkeypatch.setattr(module, "_points", lambda axes, x_N, y_N: plotted.append([*x_N, *y_N]))
    drawn(np.array([[4e7, 2e-6]]), np.array([[6e7, 5e-6]]))
    assert np.allclose(plotted, [[60, 40], [60, -20], [5, 2], [5, -3]])
    assert [_power(np.array([value])) for value in (0, 0.05, 2024.0, -9e4, 1e6, np.inf)] == [0, 0, 0, 0, 6, 0]
