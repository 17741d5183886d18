"""Whether a net is right as often as it is confident.

Axes: N images, M bins of confidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.draw.sheet import COLOURS, FAINT, INK, Picture, Sheet

BINS = 15
BARS = "#94a4a2"


@dataclass(frozen=True)
class Calibration:
    """Of each of M bins of confidence, equally wide: images in it, their mean confidence and accuracy.

    NaN where a bin is empty. ``ece``: the expected calibration error, the mean over images of the gap between
    the two, in [0, 1] (Guo et al., "On calibration of modern neural networks", 2017).
    """

    images_M: np.ndarray
    confidence_M: np.ndarray
    accuracy_M: np.ndarray
    ece: float


def calibration(confidence_N: np.ndarray, right_N: np.ndarray, bins: int = BINS) -> Calibration:
    """Whether the net is right as often as it is confident. Confidences in (0, 1]."""
    bin_N = np.clip(np.ceil(confidence_N * bins).astype(int) - 1, 0, bins - 1)  # (low, high], as torchmetrics
    images_M = np.bincount(bin_N, minlength=bins)
    with np.errstate(invalid="ignore"):
        confidence_M = np.bincount(bin_N, confidence_N, minlength=bins) / images_M
        accuracy_M = np.bincount(bin_N, right_N, minlength=bins) / images_M
    gaps_M = np.nan_to_num(np.abs(accuracy_M - confidence_M))
    return Calibration(images_M, confidence_M, accuracy_M, float((gaps_M * images_M).sum() / images_M.sum()))


def reliability(
    found: Calibration, low_M: np.ndarray, high_M: np.ndarray, *, title: str, note: str
) -> Picture:
    """Accuracy against confidence, ``low_M`` to ``high_M`` its intervals; below it how many images."""
    side, foot = 3.2, 0.7
    sheet = Sheet(side + 1.0, side + foot + 1.35)
    sheet.title(title, note)
    filled = found.images_M > 0
    accuracy_M, confidence_M = found.accuracy_M[filled], found.confidence_M[filled]
    axes = sheet.axes(0.72, 0.78, side, side)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.vlines(confidence_M, low_M[filled], high_M[filled], color=COLOURS[0], linewidth=1.4)
    axes.plot(confidence_M, accuracy_M, "o", color=COLOURS[0], markersize=4.5)
    axes.set(xlim=(0, 1.01), ylim=(0, 1.01))
    axes.set_xticklabels([])
    axes.set_ylabel("accuracy", fontsize=8)
    said = f"expected calibration error {found.ece:.3f}; bars: 95 % intervals"
    sheet.text(said, 0.72, 0.56, size=7.5, colour=INK)
    below = sheet.axes(0.72, 0.78 + side + 0.1, side, foot)
    width = 1 / len(filled)
    below.bar(
        np.arange(len(filled)) * width, found.images_M, width, align="edge", color=BARS, edgecolor="white"
    )
    below.set(xlim=(0, 1.01), yscale="log", ylim=(0.7, None))
    below.minorticks_off()
    below.set_xlabel("confidence of the predicted class", fontsize=8)
    below.set_ylabel("images", fontsize=8)
    return sheet.picture()
