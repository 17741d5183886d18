"""Units of a layer, a row each: the filter, an image made to excite it, and the photos that excite it most.

Axes: I inputs, N photos, H × W pixels, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from pellucid.draw.maps import enlarged
from pellucid.draw.sheet import (
    DEAD,
    DIVERGING,
    DPI,
    FAINT,
    WRONG,
    Picture,
    Sheet,
    colourise,
    crossed,
    mosaic,
    square_columns,
)
from pellucid.system.number_text import number

INPUTS = 9  # of a filter that are drawn
LEFT, PANEL, GAP = 1.7, 1.6, 0.06  # inches
FRAME, OUTSIDE = "#ffb000", (208, 222, 240)  # what is outside is no grey: images may be grey
Box = Sequence[int]  # top, left, bottom, right, the last two behind the edge


@dataclass(frozen=True)
class UnitRow:
    """What is known of a unit. ``filter_IHW`` None: no single filter makes it. ``excited_HWC`` None: nothing
    excites it. ``boxes`` are the exciting patches of the photos, ``captions`` and
    ``excited_note`` have a line or two.
    """

    name: str
    notes: Sequence[str]
    dead: bool
    filter_IHW: np.ndarray | None
    excited_HWC: np.ndarray | None
    excited_box: Box
    excited_note: str
    photos_NHWC: np.ndarray
    boxes: Sequence[Box]
    captions: Sequence[str]


def filter_tile(filter_IHW: np.ndarray, *, colours: bool) -> np.ndarray:
    """RGB in [0, 1], on the filter's own scale: three inputs that are ``colours`` as one tile, 0 is grey;
    else a tile an input, of many the strongest, and vectors (kernels of one pixel) as a square, row by row.
    """
    limit = float(np.abs(filter_IHW).max()) or 1.0
    inputs, height, width = filter_IHW.shape
    if colours and inputs == 3:
        return enlarged(np.clip(filter_IHW / (2 * limit) + 0.5, 0, 1).transpose(1, 2, 0))
    if height * width == 1:
        side = square_columns(inputs)
        values = np.zeros(side * -(-inputs // side))
        values[:inputs] = filter_IHW.ravel()
        tile = colourise(values.reshape(-1, side), -limit, limit, DIVERGING)
        tile.reshape(-1, 3)[inputs:] = DEAD
        return tile
    tiles = [enlarged(colourise(filter_IHW[i], -limit, limit, DIVERGING)) for i in strongest(filter_IHW)]
    return mosaic(tiles, square_columns(len(tiles)))


def strongest(filter_IHW: np.ndarray) -> list[int]:
    """The inputs with the greatest weights, by the sum of squares, the greatest first; at most nine."""
    order: list[int] = np.argsort(-(filter_IHW**2).sum(axis=(1, 2)), kind="stable")[:INPUTS].tolist()
    return order


def filter_caption(filter_IHW: np.ndarray, *, colours: bool) -> str:
    """What ``filter_tile`` draws."""
    inputs, height, width = filter_IHW.shape
    size = f"{height} × {width}"
    if colours and inputs == 3:
        return f"{size}, in its own red, green and blue; grey: 0"
    if height * width == 1:
        return f"the weights of its {inputs:,} inputs, row by row; red: above 0, blue: below"
    inputs_shown = f"its {INPUTS} strongest inputs of {inputs:,}, each" if inputs > INPUTS else f"{inputs} ×"
    return (
        f"{inputs_shown} {size}; red: above 0, blue: below"
        if inputs > 1
        else f"{size}; red: above 0, blue: below"
    )


def marked(photo_HWC: np.ndarray, box: Box, side: int) -> np.ndarray:
    """A uint8 photo at ``side`` pixels with a frame around the patch."""
    height, width = photo_HWC.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.BOX
    page = Image.fromarray(photo_HWC).resize(size, how)
    if (box[0], box[1], box[2], box[3]) != (0, 0, height, width):
        top, left, bottom, right = (round(edge * scale) for edge in box)
        draw = ImageDraw.Draw(page)
        draw.rectangle((left - 3, top - 3, right + 2, bottom + 2), outline="black")
        draw.rectangle((left - 2, top - 2, right + 1, bottom + 1), outline=FRAME, width=2)
    return np.asarray(page)


def patch(photo_HWC: np.ndarray, box: Box, size: tuple[int, int]) -> np.ndarray:
    """The patch as uint8 RGB of ``size``, pale blue where it would lie outside of the photo."""
    height, width = size
    cut = photo_HWC[box[0] : box[2], box[1] : box[3]]
    page = np.full((height, width, 3), OUTSIDE, dtype=np.uint8)
    top = height - cut.shape[0] if box[0] == 0 else 0
    left = width - cut.shape[1] if box[1] == 0 else 0
    page[top : top + cut.shape[0], left : left + cut.shape[1]] = cut
    return page


def unit_sheet(
    rows: Sequence[UnitRow], *, colours: bool, size: tuple[int, int], title: str, note: str, of: str
) -> Picture:
    """``size``: height and width in pixels of the largest patch. ``of``: whose filters they are."""
    whole_photos = bool(rows) and size == rows[0].photos_NHWC.shape[1:3]
    cell, height = (1.0, PANEL) if whole_photos else (PANEL / 2, PANEL + 0.04)
    photos = max((len(row.photos_NHWC) for row in rows), default=0)
    first_filter = next((row.filter_IHW for row in rows if row.filter_IHW is not None), None)
    panels = [LEFT + index * (PANEL + 0.12) for index in range(1 if first_filter is None else 2)]
    right = panels[-1] + PANEL + 0.22
    step = height + 0.5
    sheet = Sheet(max(right + photos * (cell + GAP) + 0.1, 9.0), 0.88 + len(rows) * step)
    filters = "no single layer's weights make these units"
    if first_filter is not None:
        filters = f"{filter_caption(first_filter, colours=colours)} (of {of})"
    below = "" if whole_photos else "what the unit sees of each (pale blue: outside), "
    images = f"below each image {below}the activation, the true class if known"
    sheet.title(title, f"{note}\nfilter: {filters}\n{images}")
    if first_filter is not None:
        sheet.text("filter", panels[0], 0.6, size=8, colour=FAINT)
    sheet.text("made to excite it", panels[-1], 0.6, size=8, colour=FAINT)
    sheet.text("the images that excite it most", right, 0.6, size=8, colour=FAINT)
    for index, row in enumerate(rows):
        y = 0.8 + index * step
        _row(sheet, row, y, panels, right, cell=cell, whole_photos=whole_photos, colours=colours, size=size)
    return sheet.picture()


def _row(
    sheet: Sheet,
    row: UnitRow,
    y: float,
    panels: Sequence[float],
    right: float,
    *,
    cell: float,
    whole_photos: bool,
    colours: bool,
    size: tuple[int, int],
) -> None:
    sheet.text(row.name, 0.12, y, width=LEFT - 0.2, size=9.5, bold=True)
    for line, text in enumerate(row.notes):
        colour = WRONG if row.dead and line == 0 else FAINT
        sheet.text(text, 0.12, y + 0.24 + 0.16 * line, width=LEFT - 0.2, size=7, colour=colour)
    if row.filter_IHW is not None:
        sheet.image(filter_tile(row.filter_IHW, colours=colours), panels[0], y, PANEL, PANEL)
        text = f"full colour ±{number(float(np.abs(row.filter_IHW).max()))}"
        sheet.text(text, panels[0], y + PANEL + 0.05, width=PANEL, size=6.5, colour=FAINT)
    if row.excited_HWC is None:
        sheet.image(crossed(64, 64), panels[-1], y, PANEL, PANEL)
    else:
        excited = patch(row.excited_HWC, row.excited_box, size)
        sheet.image(excited, panels[-1], y, PANEL, PANEL)
    for line, text in enumerate(row.excited_note.split("\n")):
        sheet.text(text, panels[-1], y + PANEL + 0.05 + 0.13 * line, width=PANEL, size=6.5, colour=FAINT)
    if not len(row.photos_NHWC):
        sheet.text("none: all give the same", right, y + 0.1, colour=FAINT)
    pixels = round(cell * DPI)
    for index, (photo_HWC, box) in enumerate(zip(row.photos_NHWC, row.boxes, strict=True)):
        x = right + index * (cell + GAP)
        sheet.image(marked(photo_HWC, box, pixels), x, y, cell, cell)
        top = y + cell + 0.05
        if not whole_photos:
            sheet.image(patch(photo_HWC, box, size), x, top - 0.01, cell, cell)
            top += cell + 0.04
        for line, text in enumerate(row.captions[index].split("\n")):
            sheet.text(text, x, top + 0.13 * line, width=cell, size=6.5, colour=FAINT)
