"""Images and what an autoencoder makes of them.

Axes: N images, H × W pixels, C channels, in [0, 1]; ``bands``: how they are shown, see ``sheet.rgb``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pellucid.draw.sheet import COLOURS, FAINT, INK, Picture, Sheet, colourise, rgb
from pellucid.system.number_text import number

ERRORS, MAX_ERROR = "inferno", 0.5  # the same limits in every epoch
MARK = COLOURS[2]
CELL, GAP = 1.0, 0.07  # inches


def reconstructions(
    originals_NHWC: np.ndarray,
    reconstructions_NHWC: np.ndarray,
    captions: Sequence[str],
    *,
    title: str,
    note: str,
    bands: Sequence[float] = (),
) -> Picture:
    """Originals above their reconstructions, the mean squared error of each below."""
    count = len(originals_NHWC)
    sheet = Sheet(max(1.2 + count * (CELL + GAP), 3.6), 0.62 + 2 * (CELL + GAP) + 0.5)
    sheet.title(title, note)
    errors_N = ((originals_NHWC - reconstructions_NHWC) ** 2).mean(axis=(1, 2, 3))
    for line, (name, images) in enumerate((("original", originals_NHWC), ("redrawn", reconstructions_NHWC))):
        y = 0.62 + line * (CELL + GAP)
        sheet.text(name, 1.0, y + CELL / 2 - 0.06, size=7.5, colour=FAINT, align="right")
        for index in range(count):
            sheet.image(rgb(images[index], bands), 1.1 + index * (CELL + GAP), y, CELL, CELL)
    y = 0.62 + 2 * (CELL + GAP)
    sheet.text("MSE", 1.0, y + 0.19, size=7, colour=FAINT, align="right")
    for index in range(count):
        x = 1.1 + CELL / 2 + index * (CELL + GAP)
        sheet.text(captions[index], x, y, width=CELL, size=7, align="center")
        sheet.text(number(errors_N[index]), x, y + 0.18, size=7, colour=FAINT, align="center")
    return sheet.picture()


def extremes(
    groups: Mapping[str, tuple[np.ndarray, np.ndarray, Sequence[str]]],
    *,
    title: str,
    note: str,
    bands: Sequence[float] = (),
) -> Picture:
    """For each group (best, median, worst): originals, reconstructions and absolute errors below them.

    There is no empty line where a group has no name, the page no note, or the images no caption.
    """
    count = max(len(originals) for originals, _, _ in groups.values())
    block = count * (CELL + GAP)
    height = 3 * (CELL + GAP)
    top = 0.38 + (0.22 if note else 0) + (0.25 if any(groups) else 0)
    sheet = Sheet(max(0.95 + len(groups) * (block + 0.3), 3.7), top + height + 0.75)
    sheet.title(title, note)
    _name_lines(sheet, top)
    for group, (name, (originals, reconstructions, captions)) in enumerate(groups.items()):
        left = 0.88 + group * (block + 0.3)
        sheet.text(name, left, top - 0.25, size=8.5, bold=True)
        for index in range(len(originals)):
            x = left + index * (CELL + GAP)
            _three(sheet, originals[index], reconstructions[index], captions[index], x, top, bands)
    _error_scale(sheet, top + 0.45 + height)
    return sheet.picture()


def ranked(
    originals_NHWC: np.ndarray,
    reconstructions_NHWC: np.ndarray,
    captions: Sequence[str],
    files: Sequence[str],
    *,
    title: str,
    note: str,
    marked: Sequence[bool] | None = None,
    columns: int = 12,
    bands: Sequence[float] = (),
) -> Picture:
    """Originals, reconstructions and absolute errors, in blocks of rows; ``marked`` ones are framed."""
    count = len(originals_NHWC)
    columns = min(columns, count)
    block = 3 * (CELL + GAP) + 0.62
    blocks = -(-count // columns)
    sheet = Sheet(max(0.95 + columns * (CELL + GAP), 4.6), 0.66 + blocks * block + 0.4)
    sheet.title(title, note)
    for index in range(count):
        x, y = 0.88 + index % columns * (CELL + GAP), 0.66 + index // columns * block
        if index % columns == 0:
            _name_lines(sheet, y)
        frame = MARK if marked is not None and marked[index] else None
        _three(sheet, originals_NHWC[index], reconstructions_NHWC[index], captions[index], x, y, bands, frame)
        below = y + 0.3 + 3 * (CELL + GAP)
        sheet.text(files[index], x, below, width=CELL, size=6, colour=FAINT)
    _error_scale(sheet, 0.66 + blocks * block + 0.04)
    return sheet.picture()


def _name_lines(sheet: Sheet, top: float) -> None:
    for line, name in enumerate(("original", "redrawn", "error")):
        y = top + line * (CELL + GAP) + CELL / 2 - 0.06
        sheet.text(name, 0.78, y, size=7.5, colour=FAINT, align="right")


def _three(
    sheet: Sheet,
    original_HWC: np.ndarray,
    reconstruction_HWC: np.ndarray,
    caption: str,
    x: float,
    y: float,
    bands: Sequence[float],
    frame: str | None = None,
) -> None:
    """An image, what became of it and the error of each pixel, below them a caption and the error."""
    error_HW = np.abs(original_HWC - reconstruction_HWC).mean(axis=-1)
    pictures = (
        rgb(original_HWC, bands),
        rgb(reconstruction_HWC, bands),
        colourise(error_HW, 0, MAX_ERROR, ERRORS),
    )
    for line, picture in enumerate(pictures):
        sheet.image(picture, x, y + line * (CELL + GAP), CELL, CELL, frame=None if line else frame)
    below = y + 3 * (CELL + GAP)
    sheet.text(caption, x, below + 0.02, width=CELL, size=6.5, colour=frame or INK)
    mse = ((original_HWC - reconstruction_HWC) ** 2).mean()
    sheet.text(f"MSE {number(mse)}", x, below + (0.16 if caption else 0.02), size=6.5, colour=FAINT)


def _error_scale(sheet: Sheet, y: float) -> None:
    sheet.text("absolute error, mean over channels:", 0.12, y, size=7, colour=FAINT)
    sheet.scale(2.2, y + 0.01, 1.2, 0, MAX_ERROR, ERRORS)


def traversal(
    decoded_DSHWC: np.ndarray,
    values_DS: np.ndarray,
    *,
    title: str,
    note: str,
    bands: Sequence[float] = (),
) -> Picture:
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
            sheet.image(rgb(decoded_DSHWC[dimension, step], bands), x, y, CELL, CELL)
            value = number(values_DS[dimension, step])
            sheet.text(value, x + CELL / 2, y + CELL + 0.02, size=6.5, colour=FAINT, align="center")
    return sheet.picture()
