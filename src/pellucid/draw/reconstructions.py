"""Images and what an autoencoder makes of them.

Axes: N images, H × W pixels, C channels, in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pellucid.draw.sheet import FAINT, Picture, Sheet, colourise, number, rgb

ERRORS, MOST_ERROR = "inferno", 0.5  # the same limits in every epoch
CELL, GAP = 1.0, 0.07  # inches


def reconstructions(
    originals_NHWC: np.ndarray, redrawn_NHWC: np.ndarray, captions: Sequence[str], *, title: str, note: str
) -> Picture:
    """Originals above their reconstructions, the mean squared error of each below."""
    count = len(originals_NHWC)
    sheet = Sheet(max(1.2 + count * (CELL + GAP), 3.6), 0.62 + 2 * (CELL + GAP) + 0.5)
    sheet.title(title, note)
    errors_N = ((originals_NHWC - redrawn_NHWC) ** 2).mean(axis=(1, 2, 3))
    for line, (name, images) in enumerate((("original", originals_NHWC), ("redrawn", redrawn_NHWC))):
        y = 0.62 + line * (CELL + GAP)
        sheet.text(name, 1.0, y + CELL / 2 - 0.06, size=7.5, colour=FAINT, align="right")
        for place in range(count):
            sheet.image(rgb(images[place]), 1.1 + place * (CELL + GAP), y, CELL, CELL)
    y = 0.62 + 2 * (CELL + GAP)
    sheet.text("MSE", 1.0, y + 0.19, size=7, colour=FAINT, align="right")
    for place in range(count):
        x = 1.1 + CELL / 2 + place * (CELL + GAP)
        sheet.text(captions[place], x, y, width=CELL, size=7, align="center")
        sheet.text(number(errors_N[place]), x, y + 0.18, size=7, colour=FAINT, align="center")
    return sheet.picture()


def extremes(
    groups: Mapping[str, tuple[np.ndarray, np.ndarray, Sequence[str]]], *, title: str, note: str
) -> Picture:
    """For each group (best, median, worst): originals, reconstructions and absolute errors below them."""
    count = max(len(originals) for originals, _, _ in groups.values())
    block = count * (CELL + GAP)
    height = 3 * (CELL + GAP)
    sheet = Sheet(max(0.95 + len(groups) * (block + 0.3), 3.7), 0.85 + height + 0.75)
    sheet.title(title, note)
    for line, name in enumerate(("original", "redrawn", "error")):
        y = 0.85 + line * (CELL + GAP) + CELL / 2 - 0.06
        sheet.text(name, 0.78, y, size=7.5, colour=FAINT, align="right")
    for group, (name, (originals, redrawn, captions)) in enumerate(groups.items()):
        left = 0.88 + group * (block + 0.3)
        sheet.text(name, left, 0.6, size=8.5, bold=True)
        for place in range(len(originals)):
            x = left + place * (CELL + GAP)
            error_HW = np.abs(originals[place] - redrawn[place]).mean(axis=-1)
            shown = (rgb(originals[place]), rgb(redrawn[place]), colourise(error_HW, 0, MOST_ERROR, ERRORS))
            for line, picture in enumerate(shown):
                sheet.image(picture, x, 0.85 + line * (CELL + GAP), CELL, CELL)
            sheet.text(captions[place], x, 0.87 + height, width=CELL, size=6.5)
            mse = ((originals[place] - redrawn[place]) ** 2).mean()
            sheet.text(f"MSE {number(mse)}", x, 1.01 + height, size=6.5, colour=FAINT)
    sheet.text("absolute error, mean over channels:", 0.12, 1.3 + height, size=7, colour=FAINT)
    sheet.scale(2.2, 1.31 + height, 1.2, 0, MOST_ERROR, ERRORS)
    return sheet.picture()


def traversal(decoded_DSHWC: np.ndarray, values_DS: np.ndarray, *, title: str, note: str) -> Picture:
    """A row for each latent dimension D, a column for each of S steps along it; the values below."""
    dimensions, steps = values_DS.shape
    row = CELL + 0.2
    sheet = Sheet(max(0.95 + steps * (CELL + GAP), 3.6), 0.65 + dimensions * row + 0.05)
    sheet.title(title, note)
    for dimension in range(dimensions):
        y = 0.62 + dimension * row
        sheet.text(f"latent {dimension}", 0.78, y + CELL / 2 - 0.06, size=7.5, colour=FAINT, align="right")
        for step in range(steps):
            x = 0.88 + step * (CELL + GAP)
            sheet.image(rgb(decoded_DSHWC[dimension, step]), x, y, CELL, CELL)
            value = number(values_DS[dimension, step])
            sheet.text(value, x + CELL / 2, y + CELL + 0.02, size=6.5, colour=FAINT, align="center")
    return sheet.picture()
