"""Images in named rows, some tables of them side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pellucid.draw.sheet import FAINT, INK, Picture, Sheet

CELL, GAP, LINE = 0.72, 0.05, 0.14  # inches
SIZES = 7.5, 6.5  # points of a name's lines
LETTER = 0.0076  # inches a point of a letter's width, of wide ones


def image_rows(
    tables: Mapping[str, Mapping[str, np.ndarray]], *, title: str, note: str = "", cell: float = CELL
) -> Picture:
    """Tables of rows by their headings, each row a name with its uint8 RGB images, (N, H, W, 3); a name may
    have a second line, which is fainter.
    """
    top = 0.58 + 0.2 * any(tables)
    sheet_width, starts, labels = 0.12, [], []
    for table in tables.values():
        labels.append(max((_width(name) for name in table), default=0) + 0.16)
        starts.append(sheet_width + labels[-1])
        count = max((len(images) for images in table.values()), default=0)
        sheet_width = starts[-1] + count * (cell + GAP) + 0.12
    sheet = Sheet(max(sheet_width, 4.2), top + 0.08 + max(map(len, tables.values())) * (cell + GAP))
    sheet.title(title, note)
    for (heading, table), start, label in zip(tables.items(), starts, labels, strict=True):
        sheet.text(heading, start, top - 0.2, size=8, colour=INK)
        for row, (name, images_NHWC) in enumerate(table.items()):
            y = top + row * (cell + GAP)
            lines = name.split("\n")
            for line, text in enumerate(lines):
                middle = y + cell / 2 + LINE * (line - len(lines) / 2) - 0.01
                size, colour = SIZES[line > 0], FAINT if line else INK
                sheet.text(text, start - 0.08, middle, width=label, size=size, colour=colour, align="right")
            for column, image_HWC in enumerate(images_NHWC):
                sheet.image(image_HWC, start + column * (cell + GAP), y, cell, cell)
    return sheet.picture()


def _width(name: str) -> float:
    """Of the longest line, in inches, about."""
    return max(len(line) * LETTER * SIZES[index > 0] for index, line in enumerate(name.split("\n")))
