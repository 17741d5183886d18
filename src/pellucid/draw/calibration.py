"""Whether a net is right as often as it is confident.

Axes: N images, M bins of confidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.draw.sheet import COLOURS, FAINT, INK, Picture, Sheet

BINS = 15
GAP = "#f2c9b8"


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


def reliability(found: Calibration, *, title: str, note: str) -> Picture:
    """The reliability diagram, its gaps to the diagonal, and how many images have which confidence."""
    side, foot = 3.0, 0.75
    sheet = Sheet(side + 1.1, side + foot + 1.75)
    sheet.title(title, note)
    bins = len(found.images_M)
    edges = np.arange(bins) / bins
    filled = found.images_M > 0
    axes = sheet.axes(0.72, 0.68, side, side)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.bar(
        edges[filled], found.accuracy_M[filled], 1 / bins, align="edge", color=COLOURS[0], edgecolor="white"
    )
    axes.bar(
        edges[filled],
        found.confidence_M[filled] - found.accuracy_M[filled],
        1 / bins,
        bottom=found.accuracy_M[filled],
        align="edge",
        color=GAP,
        alpha=0.75,
        edgecolor="#c4450c",
        linewidth=0.6,
    )
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_xticklabels([])
    axes.set_ylabel("accuracy", fontsize=8)
    said: dict[str, Any] = {"transform": axes.transAxes, "va": "top"}
    axes.text(0.03, 0.96, f"ECE {found.ece:.3f}", size=9, color=INK, weight="bold", **said)
    axes.text(0.03, 0.88, "orange: gap to the confidence", size=7, color=FAINT, **said)
    below = sheet.axes(0.72, 0.68 + side + 0.12, side, foot)
    share_M = found.images_M / found.images_M.sum()
    below.bar(edges, share_M, 1 / bins, align="edge", color="#94a4a2", edgecolor="white")
    below.set(xlim=(0, 1))
    below.set_xlabel("confidence of the predicted class", fontsize=8)
    below.set_ylabel("images", fontsize=8)
    below.set_yticks([])
    return sheet.picture()
