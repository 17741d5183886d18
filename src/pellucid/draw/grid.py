"""Images in rows, each with a line or two below it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.draw.sheet import FAINT, Picture, Sheet, judged

CELL, GAP = 1.4, 0.14  # inches


def image_grid(
    images_NHWC: np.ndarray,
    captions: Sequence[str],
    *,
    title: str,
    note: str = "",
    right: Sequence[bool | None] | None = None,
    files: Sequence[str] | None = None,
    columns: int = 6,
) -> Picture:
    """uint8 RGB images; ``right`` frames them in green or red. Captions may have several lines, by line
    breaks; ``files`` are fainter last lines.
    """
    count = len(images_NHWC)
    columns = min(columns, max(count, 1))
    broken = 1 + max((caption.count("\n") for caption in captions), default=0)
    lines = 0.08 + 0.15 * (broken + (files is not None))
    rows = -(-count // columns)
    top = 0.58
    sheet = Sheet(max(0.24 + columns * (CELL + GAP), 4.2), top + 0.04 + (rows * (CELL + lines + GAP) or 0.25))
    sheet.title(title, note)
    if count == 0:
        sheet.text("none", 0.12, top + 0.02, colour=FAINT)
    for index in range(count):
        x = 0.12 + GAP / 2 + index % columns * (CELL + GAP)
        y = top + index // columns * (CELL + lines + GAP)
        good = None if right is None else right[index]
        caption, colour = judged(captions[index], good)
        sheet.image(images_NHWC[index], x, y, CELL, CELL, frame=None if good is None else colour)
        texts = [(line, 7.5, colour) for line in caption.split("\n")]
        if files is not None:
            texts.append((files[index], 6.5, FAINT))
        for row, (text, size, ink) in enumerate(texts):
            line = y + CELL + 0.05 + 0.15 * row
            sheet.text(text, x + CELL / 2, line, width=CELL, size=size, colour=ink, align="center")
    return sheet.picture()


def paired_grid(
    upper_NHWC: np.ndarray,
    lower_NHWC: np.ndarray,
    captions: Sequence[str],
    *,
    title: str,
    note: str,
    sides: tuple[str, str],
    columns: int = 8,
) -> Picture:
    """uint8 RGB images in pairs, one above the other; ``sides`` name the upper and the lower ones."""
    count = len(upper_NHWC)
    columns = min(columns, count)
    cell, pair = 1.1, 2.55
    rows = -(-count // columns)
    sheet = Sheet(max(1.15 + columns * (cell + 0.06), 4.2), 0.6 + rows * pair)
    sheet.title(title, note)
    for index in range(count):
        x, y = 1.05 + index % columns * (cell + 0.06), 0.58 + index // columns * pair
        sheet.image(upper_NHWC[index], x, y, cell, cell)
        sheet.image(lower_NHWC[index], x, y + cell + 0.06, cell, cell)
        sheet.text(captions[index], x + cell / 2, y + 2 * cell + 0.1, width=cell + 0.05, align="center")
        if index % columns == 0:
            for line, side in enumerate(sides):
                middle = y + cell / 2 + line * (cell + 0.06) - 0.06
                sheet.text(side, 0.98, middle, width=0.9, size=7.5, colour=FAINT, align="right")
    return sheet.picture()
