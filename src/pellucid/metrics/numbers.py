"""Errors of a regression, number by number.

Axes: N images, K numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.system.number_text import number


@dataclass(frozen=True)
class NumberScores:
    """Of each number: mean absolute error, root of the mean squared one and mean error (predicted less true)
    in its own units; R², at most 1, NaN where all images have the same.
    """

    names: Sequence[str]
    mae_K: np.ndarray
    rmse_K: np.ndarray
    bias_K: np.ndarray
    r2_K: np.ndarray

    heads = ("MAE", "RMSE", "mean error", "R²")

    @property
    def columns(self) -> tuple[np.ndarray, ...]:
        """The four, (K,) each."""
        return self.mae_K, self.rmse_K, self.bias_K, self.r2_K

    def texts(self, index: int) -> tuple[str, str, str, str]:
        """The four as a table shows them."""
        mae, rmse, bias, r2 = (float(values_K[index]) for values_K in self.columns)
        return number(mae, digits=4), number(rmse, digits=4), number(bias, sign="+"), _share(r2)


def number_scores(numbers_NK: np.ndarray, targets_NK: np.ndarray, names: Sequence[str]) -> NumberScores:
    """Of predicted and of true numbers."""
    errors_NK = numbers_NK.astype(np.float64) - targets_NK
    squares_K = np.square(errors_NK).mean(axis=0)
    variance_K = targets_NK.astype(np.float64).var(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        r2_K = np.where(variance_K > 0, 1 - squares_K / variance_K, np.nan)
    return NumberScores(
        names, np.abs(errors_NK).mean(axis=0), np.sqrt(squares_K), errors_NK.mean(axis=0), r2_K
    )


def _share(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}".replace("-", "−")
