"""The curve of a range test: loss over the learning rate, smoothed, and the rate that it chooses."""

from __future__ import annotations

import numpy as np

from pellucid.draw.sheet import COLOURS, FAINT, INK, LINE, RIGHT, Picture, Sheet
from pellucid.metrics.learning_rate import RULES, RangeTest

ROOM = 0.12  # of the fall, above and below it


def draw_range_test(test: RangeTest, *, title: str, note: str = "") -> Picture:
    """Losses as points, smoothed as a line, both over the rate on a logarithmic axis; the chosen rate."""
    width, height = 5.2, 2.9
    sheet = Sheet(width + 1.0, height + 1.35)
    sheet.title(title, note)
    axes = sheet.axes(0.75, 0.85, width, height)
    axes.set_xscale("log")
    axes.plot(test.lr_S, test.loss_S, ".", color=LINE, markersize=4)
    axes.plot(test.lr_S, test.smooth_S, color=COLOURS[0], linewidth=1.8)
    before = test.loss_S[: int(test.smooth_S.argmin()) + 1]  # it grows without bound after that
    room = ROOM * float(before.max() - before.min())
    axes.set_ylim(before.min() - room, before.max() + 2 * room)
    axes.set_xlim(test.lr_S[0], test.lr_S[-1])
    axes.minorticks_off()
    axes.grid(axis="y", color="#ececec", linewidth=0.7)
    x, y = float(test.lr_S[test.index]), float(test.smooth_S[test.index])
    axes.axvline(x, color=RIGHT, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.plot([x], [y], "o", color=RIGHT, markersize=6)
    left = np.log(x / test.lr_S[0]) > 0.8 * np.log(test.lr_S[-1] / test.lr_S[0])
    axes.annotate(
        f"{test.chosen:g}",
        (x, y),
        (-8 if left else 8, 6),
        textcoords="offset points",
        ha="right" if left else "left",
        size=9,
        color=RIGHT,
        weight="bold",
        bbox={"boxstyle": "square,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
    )
    axes.set_xlabel("learning rate", fontsize=8, color=FAINT)
    axes.set_ylabel("loss of a training step", fontsize=8, color=FAINT)
    sheet.text(f"chosen: {test.chosen:g}, {RULES[test.rule]}", 0.75, 0.58, size=7.5, colour=INK)
    return sheet.picture()
