"""The state of every layer on one page: activations, dead units, gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from pellucid.draw.sheet import COLOURS, FAINT, INK, WRONG, Picture, Sheet
from pellucid.system.number_text import number


@dataclass(frozen=True)
class LayerRow:
    """``dead`` is a share in [0, 1]; ``gradient`` the norm of the weight's gradient, None without weights."""

    name: str
    mean: float
    std: float
    dead: float
    units: int
    gradient: float | None


def layer_chart(rows: Sequence[LayerRow], *, title: str, note: str) -> Picture:
    """A line a layer, the first at the top: mean ± standard deviation, share of dead units, gradient norm."""
    step = 0.2
    height = max(len(rows), 1) * step
    sheet = Sheet(10.2, height + 1.25)
    sheet.title(title, note)
    panels = {
        "activation: mean ± standard deviation": (2.2, 3.0),
        "dead units": (5.6, 1.7),
        "gradient norm (log scale)": (7.9, 2.1),
    }
    axes = []
    for name, (x, width) in panels.items():
        panel = sheet.axes(x, 0.8, width, height)
        panel.set(ylim=(len(rows) - 0.5, -0.5), yticks=[])
        panel.set_title(name, fontsize=8, color=INK, loc="left")
        for line in range(len(rows)):
            panel.axhline(line, color="#f0f0f0", linewidth=0.6, zorder=0)
        axes.append(panel)
    _activations(axes[0], rows)
    _dead_units(axes[1], rows)
    _gradients(axes[2], rows)
    start = shared_start([row.name for row in rows])
    for line, row in enumerate(rows):
        name = ("…" if start else "") + row.name[start:]
        sheet.text(name, 2.1, 0.8 + line * step + 0.045, width=2.0, size=7.5, align="right")
    return sheet.picture()


def _activations(axes: Axes, rows: Sequence[LayerRow]) -> None:
    means, stds = np.array([row.mean for row in rows]), np.array([row.std for row in rows])
    axes.axvline(0, color="#b5b5b5", linewidth=0.7)
    axes.errorbar(
        means,
        np.arange(len(rows)),
        xerr=stds,
        fmt="o",
        markersize=3,
        color=COLOURS[0],
        elinewidth=1.2,
        capsize=0,
    )


def _dead_units(axes: Axes, rows: Sequence[LayerRow]) -> None:
    axes.barh(np.arange(len(rows)), [row.dead for row in rows], height=0.6, color=WRONG)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    if not any(row.dead for row in rows):
        axes.text(0.02, 0, "none", size=6.5, va="center", color=FAINT)
    for line, row in enumerate(rows):
        if row.dead:
            text = f"{round(row.dead * row.units)} of {row.units}"
            inside = row.dead > 0.6
            axes.text(
                row.dead + (-0.02 if inside else 0.02),
                line,
                text,
                size=6,
                va="center",
                ha="right" if inside else "left",
                color="white" if inside else FAINT,
            )


def _gradients(axes: Axes, rows: Sequence[LayerRow]) -> None:
    points = [(line, row.gradient) for line, row in enumerate(rows) if row.gradient]
    if not points:
        return
    lines, norms = zip(*points, strict=True)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(numticks=4))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.plot(norms, lines, "o", markersize=4, color=COLOURS[4])
    axes.set_xlim(min(norms) / 3, max(norms) * (max(norms) / min(norms)) ** 0.5 * 12)
    for line, norm in points:
        axes.annotate(
            number(norm),
            (norm, line),
            (5, 0),
            textcoords="offset points",
            size=6,
            va="center",
            color=FAINT,
        )


def shared_start(names: Sequence[str]) -> int:
    """How many letters make the parts of the dotted names that all begin with; 0 for a single name."""
    if len(names) < 2:
        return 0
    alike = takewhile(
        lambda parts: len(set(parts)) == 1, zip(*(name.split(".")[:-1] for name in names), strict=False)
    )
    return sum(len(parts[0]) + 1 for parts in alike)
