"""Runs in one picture.

Axes: R runs, P and Q layers of two nets, N images, H × W pixels, C channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes

from pellucid.draw.curves import epoch_axes
from pellucid.draw.sheet import COLOURS, FAINT, Picture, Sheet, fit, length, rgb
from pellucid.metrics.curves import MetricPoints, Points
from pellucid.system.number_text import number

RUNS = tuple(COLOURS[index] for index in (0, 2, 1, 4, 5, 9, 8, 7, 6, 3))
LEGEND = 0.15  # inches: a line of the legend
STYLES = {"val": "-", "train": (0, (2, 1.5))}
CELL, GAP = 1.0, 0.07  # inches
NUMBERED = 0.28  # inches: in cells as large as that the number stands
Reconstructions = tuple[
    np.ndarray, np.ndarray, np.ndarray, np.ndarray
]  # originals, two reconstructions, errors (2, N)


def compared_curves(runs: Sequence[MetricPoints], names: Sequence[str], *, title: str) -> Picture:
    """A panel for each metric: validation of all runs as lines, training dotted."""
    panels = list(dict.fromkeys(metric for metrics in runs for metric in metrics))
    width, height, gap = 3.0, 2.4, 0.75
    below = LEGEND * len(runs)
    sheet = Sheet(max(0.3 + len(panels) * (width + gap), 6.2), height + 1.35 + below)
    sheet.title(title, "lines: validation, dotted: training")
    for index, (name, colour) in enumerate(zip(names, cycle(RUNS), strict=False)):
        sheet.text("●", 0.12, 0.52 + LEGEND * index, size=7.5, colour=colour)
        sheet.text(name, 0.27, 0.52 + LEGEND * index, width=sheet.width - 0.39, size=7.5)
    for index, metric in enumerate(panels):
        axes = epoch_axes(sheet, 0.6 + index * (width + gap), 0.78 + below, width, height, metric)
        for metrics, colour in zip(runs, cycle(RUNS), strict=False):
            _lines(axes, metrics.get(metric, {}), colour)
    return sheet.picture()


def _lines(axes: Axes, stages: Mapping[str, Points], colour: str) -> None:
    for stage, style in STYLES.items():
        if points := stages.get(stage):
            epochs, values = zip(*points, strict=True)
            mark = "" if len(points) > 1 else "o" if stage == "val" else "."
            axes.plot(epochs, values, color=colour, linewidth=1.5, linestyle=style, marker=mark)


def similarity_map(
    values_PQ: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    names: Sequence[str],
    *,
    title: str,
    note: str,
) -> Picture:
    """How alike each layer of the first net is to each of the second: 0 dark, 1 light; no number, grey.

    Both nets begin at the top left.
    """
    cell = float(np.clip(5.2 / max(values_PQ.shape), 0.17, 0.42))
    height, width = (size * cell for size in values_PQ.shape)
    size = float(np.clip(cell * 24, 5, 7))
    labels = [[fit(name, 1.5, size) for name in layers] for layers in (rows, columns)]
    wide, high = (max(length(label, size) for label in layers) / 72 * 1.05 + 0.15 for layers in labels)
    left, top = 0.12 + wide, 1.0
    sheet = Sheet(max(left + width + 0.3, 6.2), top + height + high + 0.55)
    sheet.title(title, note)
    for index, name in enumerate((f"rows {names[0]}", f"columns {names[1]}")):
        sheet.text(name, 0.12, 0.5 + 0.15 * index, width=sheet.width - 0.24, size=7.5)
    axes = sheet.axes(left, top, width, height)
    axes.set_facecolor("#d9d9d9")
    axes.imshow(
        np.ma.masked_invalid(values_PQ), cmap="magma", vmin=0, vmax=1, aspect="auto", interpolation="nearest"
    )
    axes.set_yticks(range(len(rows)), labels[0], size=size, parse_math=False)
    axes.set_xticks(range(len(columns)), labels[1], size=size, rotation=90, parse_math=False)
    if cell >= NUMBERED:
        for (row, column), value in np.ndenumerate(values_PQ):
            ink = "black" if value > 0.6 else "white"
            text = f"{value:.2f}".replace("-", "−") if np.isfinite(value) else ""
            axes.text(column, row, text, ha="center", va="center", size=5.5, color=ink)
    sheet.text("unlike … alike:", 0.12, sheet.height - 0.34, size=7, colour=FAINT)
    sheet.scale(1.05, sheet.height - 0.33, 1.6, 0, 1, "magma")
    return sheet.picture()


def agreement_map(values_RR: np.ndarray, names: Sequence[str], *, title: str, note: str) -> Picture:
    """The share of images of which each two runs say the same, a cell each pair; darker where more often."""
    cell, size = 0.5, 7.5
    labels = [fit(name, 2.2, size) for name in names]
    wide = max(length(label, size) for label in labels) / 72 * 1.05 + 0.25
    side = cell * len(names)
    sheet = Sheet(max(wide + side + 0.4, 5.2), 0.75 + side + 0.35)
    sheet.title(title, note)
    axes = sheet.axes(wide, 0.65, side, side)
    low = float(values_RR.min())
    axes.imshow(values_RR, cmap="Blues", vmin=low - 0.25 * (1 - low), vmax=1, interpolation="nearest")
    axes.set_yticks(range(len(names)), labels, size=size, parse_math=False)
    axes.set_xticks(range(len(names)), [str(index) for index in range(1, len(names) + 1)], size=size)
    axes.set_yticklabels([f"{label}  {index}" for index, label in enumerate(labels, start=1)])
    axes.tick_params(length=0)
    for (row, column), value in np.ndenumerate(values_RR):
        ink = "white" if value > 0.4 + 0.6 * low else "black"
        axes.text(column, row, f"{value:.3f}", ha="center", va="center", size=7, color=ink)
    return sheet.picture()


def compared_reconstructions(
    groups: Mapping[str, Reconstructions], names: Sequence[str], *, title: str
) -> Picture:
    """For each group images, and what each of two autoencoders makes of them, with their squared errors.

    Images are in [0, 1] or uint8; a group without any is left out.
    """
    groups = {name: group for name, group in groups.items() if len(group[0])}
    widths = [len(group[0]) * (CELL + GAP) + 0.3 for group in groups.values()]
    height = 3 * CELL + 2 * 0.2
    sheet = Sheet(max(0.95 + sum(widths), 5.2), 0.95 + height + 0.4)
    sheet.title(title, "below each its mean squared error")
    for index, name in enumerate(names):
        sheet.text(name, 0.12, 0.5 + 0.14 * index, width=sheet.width - 0.24, size=7)
    if not groups:
        sheet.text("nowhere", 0.12, 1.0, colour=FAINT)
    tops = [1.08, 1.08 + CELL + 0.05, 1.08 + 2 * CELL + 0.25]
    left = 0.88
    for (name, (originals, *reconstructions, errors_2N)), width in zip(groups.items(), widths, strict=True):
        sheet.text(name, left, 0.85, size=8.5, bold=True)
        for index, original in enumerate(originals):
            x = left + index * (CELL + GAP)
            for y, picture in zip(
                tops, (original, *(images[index] for images in reconstructions)), strict=True
            ):
                sheet.image(rgb(picture), x, y, CELL, CELL)
            for y, error in zip(tops[1:], errors_2N[:, index], strict=True):
                sheet.text(
                    number(error), x + CELL / 2, y + CELL + 0.03, size=6.5, colour=FAINT, align="center"
                )
        left += width
    for y, name in zip(tops, ("original", "1", "2") if groups else (), strict=False):
        sheet.text(name, 0.78, y + CELL / 2 - 0.06, size=7.5, colour=FAINT, align="right")
    return sheet.picture()
