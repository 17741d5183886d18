"""Images and those that are nearest to them.

Axes: K neighbours, H × W pixels, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.draw.sheet import FAINT, INK, LINE, Picture, Sheet, judged

CELL, GAP, BETWEEN = 1.15, 0.13, 0.42  # inches
LINES = 0.15  # a line of text


@dataclass(frozen=True)
class Neighbour:
    """uint8 RGB pixels; ``right``: whether its class is that of the query, None where that is not known."""

    pixels_HWC: np.ndarray
    caption: str
    note: str
    file: str
    right: bool | None


@dataclass(frozen=True)
class QueryRow:
    """An image, what is said of it in a few lines, and its neighbours, the nearest first."""

    pixels_HWC: np.ndarray
    lines: Sequence[str]
    right: bool | None
    neighbours: Sequence[Neighbour]


def neighbours(queries: Sequence[QueryRow], *, title: str, note: str, columns: int = 12) -> Picture:
    """A row for each query: the image on the left, its neighbours beside it, from left to right."""
    longest = max(len(query.neighbours) for query in queries)
    columns = min(columns, longest)
    line = CELL + 3 * LINES + 0.16
    left = 0.12 + CELL + BETWEEN
    heights = [
        max(-(-len(query.neighbours) // columns) * line, CELL + LINES * len(query.lines) + 0.16)
        for query in queries
    ]
    sheet = Sheet(max(left + columns * (CELL + GAP) + 0.1, 5.2), 0.66 + sum(heights) + 0.12 * len(heights))
    sheet.title(title, note)
    y = 0.66
    for query, height in zip(queries, heights, strict=True):
        sheet.image(query.pixels_HWC, 0.12, y, CELL, CELL)
        for index, text in enumerate(query.lines):
            line_text, colour = (
                judged(text, query.right) if index == 1 else (text, INK if index == 0 else FAINT)
            )
            top = y + CELL + 0.07 + LINES * index
            sheet.text(line_text, 0.12, top, width=CELL + 0.2, size=7.5 if index < 2 else 6.5, colour=colour)
        _rule(sheet, left - BETWEEN / 2 + 0.04, y, height - 0.1)
        for index, neighbour in enumerate(query.neighbours):
            x, top = left + index % columns * (CELL + GAP), y + index // columns * line
            _neighbour(sheet, neighbour, x, top)
        y += height + 0.12
    return sheet.picture()


def _neighbour(sheet: Sheet, neighbour: Neighbour, x: float, y: float) -> None:
    caption, colour = judged(neighbour.caption, neighbour.right)
    sheet.image(neighbour.pixels_HWC, x, y, CELL, CELL, frame=None if neighbour.right is None else colour)
    texts = ((caption, 7.5, colour), (neighbour.note, 7, INK), (neighbour.file, 6.5, FAINT))
    for index, (text, size, ink) in enumerate(texts):
        sheet.text(text, x, y + CELL + 0.07 + LINES * index, width=CELL, size=size, colour=ink)


def _rule(sheet: Sheet, x: float, y: float, height: float) -> None:
    axes = sheet.axes(x, y, 0.01, height)
    axes.set(xlim=(0, 1), xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.axvline(0.5, color=LINE, linewidth=0.8)
