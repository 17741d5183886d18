"""Points with a colour and a marker for each class.

Axes: N points, D = 1, 2 or 3 dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from pellucid.draw.sheet import (
    FAINT,
    INK,
    LINE,
    SEQUENTIAL,
    Picture,
    Sheet,
    colour_of,
    colourise,
    fit,
    marker_of,
)

MAX_NAMED = 50  # classes that colours and markers can tell apart
UNKNOWN = "#b4b4b4"


def scatter(
    points_ND: np.ndarray,
    labels_N: np.ndarray,
    classes: Sequence[str],
    *,
    title: str,
    note: str,
    axes_names: Sequence[str],
    values_N: np.ndarray | None = None,
) -> Picture:
    """A scatter with class legend: a plane, in 3-D for D = 3, along a line (classes apart) for D = 1.

    ``values_N``: numbers that points are coloured by, from the lowest to the highest, in place of classes.

    An axis with an empty name shows no numbers, as its values mean nothing. Points of a label below 0 are
    grey: their class is not known.
    """
    side, top = 5.2, 0.65
    legend_columns = 1 if len(classes) <= 26 else 2
    legend_width = 1.6 * legend_columns if len(classes) <= MAX_NAMED else 1.6
    sheet = Sheet(side + 0.9 + legend_width, side + top + 0.6)
    sheet.title(title, note)
    dimensions = points_ND.shape[1]
    options: dict[str, Any] = {"projection": "3d"} if dimensions == 3 else {}
    axes = sheet.axes(0.65, top, side, side, **options)
    if dimensions == 1:
        jitter_N = np.random.default_rng(0).uniform(-0.3, 0.3, len(points_ND))
        points_ND = np.column_stack([points_ND[:, 0], labels_N + jitter_N])
        axes.set(yticks=[])
    _points(axes, points_ND, labels_N, values_N)
    _name_axes(axes, axes_names)
    if values_N is not None:
        low, high = float(values_N.min()), float(values_N.max())
        sheet.scale(side + 0.85, top + 0.1, 1.4, low, high, SEQUENTIAL)
        return sheet.picture()
    _legend(sheet, labels_N, classes, x=side + 0.85, y=top, columns=legend_columns, height=side)
    return sheet.picture()


def _points(
    axes: Axes, points_ND: np.ndarray, labels_N: np.ndarray, values_N: np.ndarray | None = None
) -> None:
    size = float(np.clip(9000 / max(len(points_ND), 1), 5, 26))
    options: dict[str, Any] = {"depthshade": False} if points_ND.shape[1] == 3 else {}
    if values_N is not None:
        colours = list(colourise(values_N[None], float(values_N.min()), float(values_N.max()), SEQUENTIAL)[0])
        axes.scatter(  # type: ignore[misc]
            *points_ND.T, s=size, c=colours, alpha=0.8, linewidths=0.25, edgecolors="white", **options
        )
        return
    for label in np.unique(labels_N):
        members_N = points_ND[labels_N == label]
        axes.scatter(  # type: ignore[misc]
            *members_N.T,
            s=size,
            c=colour_of(int(label)) if label >= 0 else UNKNOWN,
            marker=marker_of(int(label)) if label >= 0 else "o",
            alpha=0.8,
            linewidths=0.25,
            edgecolors="white",
            **options,
        )


def _name_axes(axes: Axes, names: Sequence[str]) -> None:
    for letter, name in zip("xyz", names, strict=False):
        if name:
            getattr(axes, f"set_{letter}label")(name, fontsize=8, color=INK, parse_math=False)
        else:
            getattr(axes, f"set_{letter}ticks")([])
            for spine in axes.spines.values():
                spine.set(visible=True, color="#e4e4e4")
    if axes.name == "3d":
        axes.set_box_aspect(None, zoom=0.95)  # type: ignore[call-arg]
        axes.tick_params(labelsize=6, colors=FAINT, pad=0)
        for letter in "xyz":
            axis = getattr(axes, f"{letter}axis")
            axis.set_pane_color((0.97, 0.97, 0.97, 1))
            axis._axinfo["grid"].update(color=LINE, linewidth=0.5)


def _legend(
    sheet: Sheet,
    labels_N: np.ndarray,
    classes: Sequence[str],
    *,
    x: float,
    y: float,
    columns: int,
    height: float,
) -> None:
    if len(classes) > MAX_NAMED:
        sheet.text(f"{len(classes)} classes:", x, y, size=7.5, colour=FAINT)
        sheet.text("too many to name,", x, y + 0.16, size=7.5, colour=FAINT)
        sheet.text("colours repeat", x, y + 0.32, size=7.5, colour=FAINT)
        return
    rows = -(-len(classes) // columns)
    step = min(0.22, height / max(rows, 1))
    axes = sheet.axes(x, y, 1.5 * columns, rows * step)
    axes.set(xlim=(0, 1.5 * columns), ylim=(max(rows, 1), 0), xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
    present = set(labels_N.tolist())
    if min(present, default=0) < 0:
        axes.text(0.06, rows + 0.6, "grey: class not known", size=7, color=FAINT, va="center", clip_on=False)
    for label, name in enumerate(classes):
        left, middle = 1.5 * (label // rows), label % rows + 0.5
        axes.scatter([left + 0.1], [middle], s=22, c=colour_of(label), marker=marker_of(label), linewidths=0)
        colour = INK if label in present else FAINT
        axes.text(
            left + 0.22, middle, fit(name, 1.25, 8), size=8, color=colour, va="center", parse_math=False
        )
