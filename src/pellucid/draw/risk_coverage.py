"""Risk–coverage curve: how often a net is wrong when it answers only where it is sure.

Axes: N images, P points.
"""

from __future__ import annotations

import numpy as np

from pellucid.draw.sheet import COLOURS, FAINT, INK, LINE, Picture, Sheet
from pellucid.metrics.selective import RiskCoverage

MAX_POINTS = 2000  # of a line: a page of vectors would grow with the images
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)  # marked where they fall
FIRST = 0.03  # coverage of the first: the name of the axis stands before it
APART = 0.055  # of the width, that the names of two thresholds are at least apart


def draw_risk_coverage(curve: RiskCoverage, *, title: str, note: str) -> Picture:
    """Selective risk against coverage with its 95 % intervals, some thresholds on it, and below it what the
    best order of the same errors would give.
    """
    width, height = 4.6, 3.2
    sheet = Sheet(width + 1.1, height + 1.75)
    sheet.title(title, note)
    caption = f"area under the curve (AURC) {curve.aurc:.4f}, of the best order {curve.least_aurc:.4f}"
    sheet.text(caption, 0.72, 0.56, size=7.5, colour=INK)
    legend = "band: 95 % intervals; dashed: all answered; dotted: best order of the same errors"
    sheet.text(legend, 0.72, 0.72, width=width + 0.3, size=7, colour=FAINT)
    axes = sheet.axes(0.72, 1.22, width, height)
    index_P = _points(len(curve.risk_N))
    coverage_P, risk_P = curve.coverage_N[index_P], curve.risk_N[index_P]
    top = _top(curve)
    axes.fill_between(
        coverage_P, curve.low_N[index_P], curve.high_N[index_P], color=COLOURS[0], alpha=0.18, linewidth=0
    )
    axes.plot(coverage_P, curve.least_risk_N[index_P], color=FAINT, linewidth=0.9, linestyle=(0, (1, 2)))
    axes.axhline(curve.error, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.plot(coverage_P, risk_P, color=COLOURS[0], linewidth=1.6)
    axes.set(xlim=(0, 1), ylim=(0, top))
    axes.set_xlabel("coverage: share of images that get an answer", fontsize=8)
    axes.set_ylabel("risk: share of answers that are wrong", fontsize=8)
    sheet.text("threshold", 0.64, 1.04, size=6.5, colour=FAINT, align="right")
    placed: list[float] = []
    for threshold in THRESHOLDS:
        coverage, risk = curve.coverage_at(threshold), curve.risk_at(threshold)
        if not FIRST < coverage < 1 or any(abs(coverage - other) < APART for other in placed):
            continue
        placed.append(coverage)
        axes.plot([coverage, coverage], [risk, top], color=LINE, linewidth=0.7, zorder=1)
        axes.plot([coverage], [risk], "o", color=COLOURS[0], markersize=4, clip_on=False)
        sheet.text(f"{threshold:g}", 0.72 + width * coverage, 1.04, size=6.5, colour=INK, align="center")
    return sheet.picture()


def _points(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, MAX_POINTS)).astype(int))


def _top(curve: RiskCoverage) -> float:
    """Of the axis: above the error of all, or more where the curve itself goes higher; its wide intervals at
    few images may leave the picture.
    """
    few = min(len(curve.risk_N), 5)  # whose risk jumps between 0 and 1
    return float(min(1.02, max(1.4 * curve.error, 1.15 * curve.risk_N[few - 1 :].max(), 0.01)))
