"""Two runs in one picture.

Axes: P and Q layers of two nets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.ticker import MaxNLocator

from pellucid.draw.curves import metrics_of
from pellucid.draw.sheet import COLOURS, FAINT, INK, Picture, Sheet, fit

RUNS = (COLOURS[0], COLOURS[2])
STYLES = {"val": "-", "train": (0, (2, 1.5))}


def compared_curves(
    runs: Sequence[Sequence[Mapping[str, float]]], names: Sequence[str], *, title: str
) -> Picture:
    """A panel for each metric: validation of both runs as lines, training dotted."""
    panels = list(dict.fromkeys(name for rows in runs for name in metrics_of(rows)))
    width, height, gap = 3.0, 2.4, 0.75
    sheet = Sheet(max(0.3 + len(panels) * (width + gap), 6.2), height + 1.5)
    sheet.title(title, "lines: validation, dotted: training")
    for place, (name, colour) in enumerate(zip(names, RUNS, strict=True)):
        sheet.text(
            f"● {fit(name, sheet.width / 2 - 0.4, 7.5)}",
            0.12 + place * sheet.width / 2,
            0.52,
            size=7.5,
            colour=colour,
        )
    for place, metric in enumerate(panels):
        axes = sheet.axes(0.6 + place * (width + gap), 0.92, width, height)
        axes.set_title(metric, fontsize=8.5, color=INK, loc="left")
        axes.set_xlabel("epoch", fontsize=8, color=FAINT)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
        axes.grid(axis="y", color="#ececec", linewidth=0.7)
        for rows, colour in zip(runs, RUNS, strict=True):
            for stage, style in STYLES.items():
                key = f"{stage}/{metric}"
                points = [(row["epoch"], row[key]) for row in rows if key in row]
                if points:
                    epochs, values = zip(*points, strict=True)
                    mark = "o" if len(points) == 1 else ""
                    axes.plot(epochs, values, color=colour, linewidth=1.5, linestyle=style, marker=mark)
    return sheet.picture()


def likeness_map(
    values_PQ: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    names: Sequence[str],
    *,
    title: str,
    note: str,
) -> Picture:
    """How alike each layer of the first net is to each of the second: 0 dark, 1 light; no number, hatched."""
    cell = float(np.clip(4.2 / max(values_PQ.shape), 0.16, 0.42))
    height, width = (size * cell for size in values_PQ.shape)
    left, top = 1.75, 0.75
    sheet = Sheet(max(left + width + 0.9, 5.2), top + height + 1.45)
    sheet.title(title, note)
    axes = sheet.axes(left, top, width, height)
    axes.set_facecolor("#d9d9d9")
    axes.imshow(
        np.ma.masked_invalid(values_PQ), cmap="magma", vmin=0, vmax=1, aspect="auto", interpolation="nearest"
    )
    size = float(np.clip(cell * 22, 4.5, 7))
    axes.set_yticks(range(len(rows)), [fit(name, 1.2, size) for name in rows], size=size, parse_math=False)
    axes.set_xticks(
        range(len(columns)),
        [fit(name, 1.0, size) for name in columns],
        size=size,
        rotation=90,
        parse_math=False,
    )
    axes.set_ylabel(fit(names[0], height, 7), fontsize=7, parse_math=False)
    axes.set_xlabel(fit(names[1], width + 1, 7), fontsize=7, parse_math=False)
    if cell >= 0.3:
        for (row, column), value in np.ndenumerate(values_PQ):
            if np.isfinite(value):
                ink = "black" if value > 0.6 else "white"
                axes.text(column, row, f"{value:.2f}", ha="center", va="center", size=5.5, color=ink)
    sheet.scale(left, top + height + 1.1, 1.6, 0, 1, "magma", "alike")
    return sheet.picture()
