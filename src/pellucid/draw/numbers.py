"""Predicted numbers against true ones.

Axes: N images, K numbers.
"""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes

from pellucid.draw.sheet import COLOURS, FAINT, INK, Picture, Sheet, fit
from pellucid.metrics.numbers import NumberScores

MAX_PANELS, COLUMNS = 6, 3  # numbers that are drawn, and how many side by side
HEAD, SIDE, FOOT, GAP = 0.52, 3.0, 0.85, 0.85  # inches
MAX_POINTS = 5000
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def draw_numbers(
    predicted_NK: np.ndarray, true_NK: np.ndarray, scores: NumberScores, *, title: str, note: str
) -> Picture:
    """Of each number, of many the first, predicted against true with both on one scale and the line where
    they are equal; below it the residuals, predicted less true.
    """
    count = min(predicted_NK.shape[1], MAX_PANELS)
    if count < predicted_NK.shape[1]:
        note += f"; the first {count} of {predicted_NK.shape[1]} numbers"
    columns = min(count, COLUMNS)
    row = HEAD + SIDE + FOOT + 0.75
    sheet = Sheet(0.25 + columns * (SIDE + GAP), 0.62 + -(-count // columns) * row)
    sheet.title(title, note)
    chosen = np.linspace(0, len(true_NK) - 1, min(len(true_NK), MAX_POINTS)).astype(int)
    for number in range(count):
        x, y = 0.85 + number % columns * (SIDE + GAP), 0.62 + number // columns * row
        mae, rmse, bias, r2 = scores.texts(number)
        sheet.text(scores.names[number], x, y, width=SIDE, size=8.5, bold=True)
        for line, text in enumerate((f"MAE {mae}, RMSE {rmse}", f"mean error {bias}, R² {r2}")):
            sheet.text(text, x, y + 0.17 + 0.14 * line, width=SIDE, size=7, colour=INK)
        power = _power(true_NK[chosen, number])
        unit = f" (10{str(power).translate(RAISED)})" if power else ""
        true_N, predicted_N = (v[chosen, number] / 10.0**power for v in (true_NK, predicted_NK))
        low, high = _limits(true_N, predicted_N)
        upper = sheet.axes(x, y + HEAD, SIDE, SIDE)
        upper.plot([low, high], [low, high], color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
        _points(upper, true_N, predicted_N)
        upper.set(xlim=(low, high), ylim=(low, high))
        upper.set_xticklabels([])
        upper.set_ylabel(f"predicted{unit}", fontsize=8)
        lower = sheet.axes(x, y + HEAD + SIDE + 0.1, SIDE, FOOT)
        lower.axhline(0, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
        _points(lower, true_N, predicted_N - true_N)
        reach = 1.08 * float(np.abs(predicted_N - true_N).max()) or 1.0
        lower.set(xlim=(low, high), ylim=(-reach, reach))
        lower.set_xlabel(
            fit(f"true {scores.names[number]}", SIDE - 0.5, 8) + unit, fontsize=8, parse_math=False
        )
        lower.set_ylabel(f"residual{unit}", fontsize=8)
    return sheet.picture()


def _power(values_N: np.ndarray) -> int:
    """The power of ten, a multiple of three, that axes count in; 0 of numbers that are short anyway."""
    largest = float(np.abs(values_N).max())
    power = 3 * math.floor(math.log10(largest) / 3) if largest > 0 and math.isfinite(largest) else 0
    return 0 if -3 <= power <= 3 else power


def _limits(*values: np.ndarray) -> tuple[float, float]:
    """The same for both axes, with a margin."""
    low, high = min(float(v.min()) for v in values), max(float(v.max()) for v in values)
    margin = 0.04 * (high - low) or 1.0
    return low - margin, high + margin


def _points(axes: Axes, x_N: np.ndarray, y_N: np.ndarray) -> None:
    size = float(np.clip(6000 / max(len(x_N), 1), 4, 22))
    axes.scatter(x_N, y_N, s=size, c=COLOURS[0], alpha=0.65, linewidths=0.25, edgecolors="white")
