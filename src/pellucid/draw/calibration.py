"""Reliability diagram: whether a net is right as often as it is confident.

Axes: M bins of confidence.
"""

from __future__ import annotations

import numpy as np

from pellucid.draw.sheet import COLOURS, FAINT, INK, Picture, Sheet
from pellucid.metrics.calibration import Calibration

BARS = "#94a4a2"


NAMES = ("confidence of the predicted class", "accuracy")


def draw_calibration(
    calibration: Calibration, *, title: str, note: str, names: tuple[str, str] = NAMES
) -> Picture:
    """Accuracy against confidence, with its intervals; below it how many images. ``names``: of the axes."""
    side, foot = 3.2, 0.7
    sheet = Sheet(side + 1.0, side + foot + 1.35)
    sheet.title(title, note)
    filled = calibration.images_M > 0
    accuracy_M, confidence_M = calibration.accuracy_M[filled], calibration.confidence_M[filled]
    axes = sheet.axes(0.72, 0.78, side, side)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.vlines(
        confidence_M, calibration.low_M[filled], calibration.high_M[filled], color=COLOURS[0], linewidth=1.4
    )
    axes.plot(confidence_M, accuracy_M, "o", color=COLOURS[0], markersize=4.5)
    axes.set(xlim=(0, 1.01), ylim=(0, 1.01))
    axes.set_xticklabels([])
    axes.set_ylabel(names[1], fontsize=8)
    caption = f"expected calibration error {calibration.ece:.3f}; bars: 95 % intervals"
    sheet.text(caption, 0.72, 0.56, size=7.5, colour=INK)
    below = sheet.axes(0.72, 0.78 + side + 0.1, side, foot)
    width = 1 / len(filled)
    below.bar(
        np.arange(len(filled)) * width,
        calibration.images_M,
        width,
        align="edge",
        color=BARS,
        edgecolor="white",
    )
    below.set(xlim=(0, 1.01), yscale="log", ylim=(0.7, None))
    below.minorticks_off()
    below.set_xlabel(names[0], fontsize=8)
    below.set_ylabel("images", fontsize=8)
    return sheet.picture()
