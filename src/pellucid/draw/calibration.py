"""Reliability diagram: whether a net is right as often as it is confident.

Axes: M bins of confidence.
"""

from __future__ import annotations

import numpy as np

from pellucid.draw.sheet import COLOURS, FAINT, INK, Picture, Sheet
from pellucid.metrics.calibration import Calibration

BARS = "#94a4a2"
SIDE, FOOT = 3.2, 0.7  # of a panel and of the bars below it, in inches

NAMES = ("confidence of the predicted class", "accuracy")


def draw_calibration(
    calibration: Calibration, *, title: str, note: str, names: tuple[str, str] = NAMES
) -> Picture:
    """Accuracy against confidence, with its intervals; below it how many images. ``names``: of the axes."""
    sheet = Sheet(SIDE + 1.0, SIDE + FOOT + 1.35)
    sheet.title(title, note)
    caption = f"expected calibration error {calibration.ece:.3f}; bars: 95 % intervals"
    _panel(sheet, calibration, 0.72, caption, names)
    return sheet.picture()


def draw_calibrations(
    before: Calibration,
    after: Calibration,
    *,
    title: str,
    note: str,
    captions: tuple[str, str],
    names: tuple[str, str] = NAMES,
) -> Picture:
    """The same diagram of uncalibrated and of calibrated confidences side by side, a caption above each."""
    gap = 0.75
    sheet = Sheet(2 * SIDE + gap + 1.0, SIDE + FOOT + 1.35)
    sheet.title(title, note)
    top = 2.0 * max(before.images_M.max(), after.images_M.max())
    for index, (calibration, caption) in enumerate(zip((before, after), captions, strict=True)):
        _panel(sheet, calibration, 0.72 + index * (SIDE + gap), caption, names, top=top)
    return sheet.picture()


def _panel(
    sheet: Sheet,
    calibration: Calibration,
    x: float,
    caption: str,
    names: tuple[str, str],
    *,
    top: float | None = None,
) -> None:
    """``top``: where the scale of the bars ends, the same for all panels; None: as their images need it."""
    filled = calibration.images_M > 0
    accuracy_M, confidence_M = calibration.accuracy_M[filled], calibration.confidence_M[filled]
    axes = sheet.axes(x, 0.78, SIDE, SIDE)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.vlines(
        confidence_M, calibration.low_M[filled], calibration.high_M[filled], color=COLOURS[0], linewidth=1.4
    )
    axes.plot(confidence_M, accuracy_M, "o", color=COLOURS[0], markersize=4.5)
    axes.set(xlim=(0, 1.01), ylim=(0, 1.01))
    axes.set_xticklabels([])
    axes.set_ylabel(names[1], fontsize=8)
    sheet.text(caption, x, 0.56, size=7.5, colour=INK)
    below = sheet.axes(x, 0.78 + SIDE + 0.1, SIDE, FOOT)
    width = 1 / len(filled)
    below.bar(
        np.arange(len(filled)) * width,
        calibration.images_M,
        width,
        align="edge",
        color=BARS,
        edgecolor="white",
    )
    below.set(xlim=(0, 1.01), yscale="log", ylim=(0.7, top))
    below.minorticks_off()
    below.set_xlabel(names[0], fontsize=8)
    below.set_ylabel("images", fontsize=8)
