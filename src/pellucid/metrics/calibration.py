"""Calibration: whether a net is right as often as it is confident.

Axes: N images, M bins of confidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.metrics.intervals import wilson

BINS = 15


@dataclass(frozen=True)
class Calibration:
    """Of each of M bins of confidence, equally wide: images in it, their mean confidence and accuracy, with
    the ends of the accuracy's 95 % interval (Wilson 1927).

    NaN where a bin is empty. ``ece``: the expected calibration error, the mean over images of the gap between
    the two, in [0, 1] (Guo et al., "On calibration of modern neural networks", 2017).
    """

    images_M: np.ndarray
    confidence_M: np.ndarray
    accuracy_M: np.ndarray
    low_M: np.ndarray
    high_M: np.ndarray
    ece: float


def calibration(confidence_N: np.ndarray, right_N: np.ndarray, bins: int = BINS) -> Calibration:
    """Whether the net is right as often as it is confident. Confidences in (0, 1]."""
    bin_N = np.clip(np.ceil(confidence_N * bins).astype(int) - 1, 0, bins - 1)  # (low, high], as torchmetrics
    images_M = np.bincount(bin_N, minlength=bins)
    with np.errstate(invalid="ignore", divide="ignore"):
        confidence_M = np.bincount(bin_N, confidence_N, minlength=bins) / images_M
        accuracy_M = np.bincount(bin_N, right_N, minlength=bins) / images_M
        low_M, high_M = wilson(accuracy_M, images_M)
    gaps_M = np.nan_to_num(np.abs(accuracy_M - confidence_M))
    ece = float((gaps_M * images_M).sum() / images_M.sum())
    return Calibration(images_M, confidence_M, accuracy_M, low_M, high_M, ece)
