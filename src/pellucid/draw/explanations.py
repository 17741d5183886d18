"""Photos beside the maps that explain a class score.

Axes: N images, K methods, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.draw.sheet import DIVERGING, FAINT, WRONG, Picture, Sheet, colourise, crossed, judged
from pellucid.system.number_text import number

# Full colour, in units of the map's mean strength, the same in every epoch; smooth maps without a sign
# seldom reach twice their mean.
LIMIT, UNSIGNED_LIMIT = 4.0, 2.5
UNSIGNED = "inferno"
CELL, GAP = 1.55, 0.12  # inches


@dataclass(frozen=True)
class Column:
    """One method's maps; ``notes`` has a short text an image, which speaks against the map where it begins
    with ✗. ``signed`` maps may speak against a class.

    ``verdicts``, an image each: what speaks for or against trusting the map, and whether it is for it; None
    where neither is known.
    """

    maps_NHW: np.ndarray
    signed: bool
    notes: Sequence[str]
    verdicts: Sequence[tuple[str, bool | None]] = ()


def strength(map_HW: np.ndarray) -> float:
    """The mean of the map's absolute values: what colours are measured by."""
    return float(np.abs(map_HW).mean())


def map_picture(map_HW: np.ndarray, *, signed: bool, unit: float | None = None) -> np.ndarray:
    """A map as RGB in [0, 1], in units of its mean strength or of ``unit``; a map of zeros has no colour.

    Fixed limits in these units make pictures of different epochs comparable, whose raw gradients differ by
    orders of magnitude.
    """
    unit = strength(map_HW) if unit is None else unit
    relative = map_HW / unit if unit > 0 else np.zeros_like(map_HW)
    if signed:
        return colourise(relative, -LIMIT, LIMIT, DIVERGING)
    return colourise(relative, 0, UNSIGNED_LIMIT, UNSIGNED)


def explanations(
    photos_NHWC: np.ndarray,
    titles: Sequence[str],
    right: Sequence[bool | None],
    columns: Mapping[str, Column],
    *,
    title: str,
    explained: str = "the score before softmax",
    about: str = "",
) -> Picture:
    """One row an image: the photo, then a map by each method, with the mean strength of each below it; above
    all what is said ``about`` the photos.
    """
    count = len(photos_NHWC)
    row = CELL + (0.65 if any(column.verdicts for column in columns.values()) else 0.5)
    sheet = Sheet(max(0.24 + (1 + len(columns)) * (CELL + GAP), 5.9), 0.85 + count * row + 0.4)
    note = f"{explained} is explained; below each map its mean strength"
    sheet.title(title, f"{note}; {about}" if about else note)
    for index, name in enumerate(["image", *columns]):
        sheet.text(name, 0.12 + index * (CELL + GAP), 0.6, size=8, colour=FAINT)
    for index in range(count):
        y = 0.82 + index * row
        name, colour = judged(titles[index], right[index])
        sheet.image(photos_NHWC[index], 0.12, y + 0.2, CELL, CELL)
        sheet.text(name, 0.12, y, width=sheet.width - 0.24, size=8, colour=colour)
        for number_of, column in enumerate(columns.values(), start=1):
            x = 0.12 + number_of * (CELL + GAP)
            map_HW = column.maps_NHW[index]
            note = column.notes[index]
            against = note.startswith("✗")
            if against and not map_HW.any():
                picture = crossed(*map_HW.shape)
            else:
                picture = map_picture(map_HW, signed=column.signed)
            sheet.image(picture, x, y + 0.2, CELL, CELL)
            if not against:
                mean = f"mean {number(strength(map_HW))}" if map_HW.any() else "0 everywhere"
                note = f"{mean}; {note}" if note else mean
            colour = WRONG if against else FAINT
            sheet.text(note, x, y + 0.23 + CELL, width=CELL, size=6.5, colour=colour)
            if column.verdicts:
                verdict, colour = judged(*column.verdicts[index])
                sheet.text(verdict, x, y + 0.37 + CELL, width=CELL, size=6.5, colour=colour)
    y = 0.85 + count * row
    if any(column.signed for column in columns.values()):
        sheet.text("against the class … for it, × mean strength:", 0.12, y, size=7, colour=FAINT)
        sheet.scale(2.6, y + 0.02, 1.3, -LIMIT, LIMIT, DIVERGING)
    if not all(column.signed for column in columns.values()):
        sheet.text("for it:", 4.15, y, size=7, colour=FAINT)
        sheet.scale(4.6, y + 0.02, 1.0, 0, UNSIGNED_LIMIT, UNSIGNED)
    return sheet.picture()
