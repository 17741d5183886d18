"""One image through the epochs of a training.

Axes: E epochs, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.draw.explanations import map_picture, strength
from pellucid.draw.sheet import DIVERGING, FAINT, Picture, Sheet, colourise, crossed, judged, rgb, wrapped

CELL, GAP = 1.15, 0.08  # inches
LABEL, LABEL_SIZE = 1.0, 7.5  # inches, points
MAX_FRAMES = 10


@dataclass(frozen=True)
class Frame:
    """One epoch: RGB ``pictures`` by row name, of one or two lines; ``right`` is None where nothing is."""

    epoch: int
    caption: str
    right: bool | None
    pictures: Mapping[str, np.ndarray]


def film_strip(photo_HWC: np.ndarray, frames: Sequence[Frame], *, title: str, note: str) -> Picture:
    """A column an epoch, a row for each kind of picture; the image itself stands before them."""
    rows = list(frames[0].pictures)
    sheet = Sheet(max(2.55 + len(frames) * (CELL + GAP), 5.6), 1.05 + len(rows) * (CELL + GAP) + 0.05)
    sheet.title(title, note)
    sheet.image(photo_HWC, 0.12, 1.0, CELL, CELL)
    for line, name in enumerate(rows):
        width = LABEL + (0.12 + CELL) * (line > 0)  # below the image there is more room
        parts = [piece for part in name.split("\n") for piece in _at_dots(part, width)]
        y = 1.0 + line * (CELL + GAP) + CELL / 2 - 0.06 - 0.08 * max(0, len(parts) - 2)
        for index, part in enumerate(parts):
            sheet.text(
                part, 2.35, y + 0.16 * index, width=width, size=LABEL_SIZE, colour=FAINT, align="right"
            )
    for index, frame in enumerate(frames):
        x = 2.45 + index * (CELL + GAP)
        caption, colour = judged(frame.caption, frame.right)
        sheet.text(f"epoch {frame.epoch}", x + CELL / 2, 0.62, size=7.5, align="center")
        sheet.text(caption, x + CELL / 2, 0.79, width=CELL, size=7, colour=colour, align="center")
        for line, name in enumerate(rows):
            sheet.image(frame.pictures[name], x, 1.0 + line * (CELL + GAP), CELL, CELL)
    return sheet.picture()


def _at_dots(name: str, width: float) -> list[str]:
    """A layer's name in lines broken at its dots, as the names of layers often differ in the middle alone."""
    kept = name.replace(" ", "\N{NO-BREAK SPACE}").replace(".", ". ")
    lines = wrapped(kept, width, LABEL_SIZE)
    return [line.replace(" ", "").replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def row_name(key: str) -> str:
    """What a row of pictures is called, in one or two lines."""
    return key.partition("/")[2].replace(" map ", "\nmap ").replace(" at ", "\nat ")


def row_pictures(key: str, values: np.ndarray) -> list[np.ndarray]:
    """The epochs' arrays of one row, (E, …), as RGB with one scale for all."""
    kind = key.partition("/")[0]
    if kind == "image":
        return [rgb(image) for image in values]
    if kind == "map":
        high = float(np.abs(values).max())
        return [colourise(array, -high, high, DIVERGING) for array in values]
    unit = strength(values)
    return [
        map_picture(array, signed=kind == "signed", unit=unit) if array.any() else crossed(*array.shape)
        for array in values
    ]
