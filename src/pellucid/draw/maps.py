"""Feature maps of one layer: what each map shows, and how strongly.

Axes: N images, M maps, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.draw.sheet import (
    DEAD,
    DIVERGING,
    FAINT,
    SEQUENTIAL,
    Picture,
    Sheet,
    colourise,
    crossed,
    mosaic,
    square_columns,
)
from pellucid.metrics.maps import dead_maps, flat_maps, limits
from pellucid.system.number_text import number

TILE = 28  # pixels of a tile's longer side, at least: a cross needs some


def own_scale(maps_MHW: np.ndarray, dead_M: np.ndarray) -> np.ndarray:
    """A grid of the maps, each from its own minimum to its own maximum: their shapes. RGB in [0, 1].

    A map that is flat in this image is grey, one that is dead in all is crossed too.
    """
    tiles = []
    for map_HW, dead, flat in zip(maps_MHW, dead_M, flat_maps(maps_MHW), strict=True):
        tile = enlarged(colourise(map_HW, map_HW.min(), map_HW.max(), SEQUENTIAL))
        if flat and map_HW.size > 1:
            tile[:] = DEAD
        tiles.append(crossed(*tile.shape[:2]) if dead else tile)
    return mosaic(tiles, square_columns(len(tiles)))


def shared_scale(maps_MHW: np.ndarray, low: float, high: float) -> np.ndarray:
    """A grid of the maps, all between the same limits: their strengths. RGB in [0, 1]."""
    colours = DIVERGING if low < 0 else SEQUENTIAL
    tiles = [enlarged(colourise(map_HW, low, high, colours)) for map_HW in maps_MHW]
    return mosaic(tiles, square_columns(len(tiles)))


def enlarged(tile_HWC: np.ndarray) -> np.ndarray:
    """Each pixel of a small tile as a square of several."""
    times = -(-TILE // max(tile_HWC.shape[:2]))
    return tile_HWC.repeat(times, axis=0).repeat(times, axis=1)


def draw_feature_maps(
    photos_NHWC: np.ndarray,
    names: Sequence[str],
    maps_NMHW: np.ndarray,
    *,
    shown: int,
    title: str,
    about: str = "",
) -> Picture:
    """One row an image: the photo, its first ``shown`` maps each on its own scale, and all on one scale.

    The scale is shared by all images. Below each row the minimum and maximum of all M maps, and how many of
    them are flat in this image; above all the share that is dead in every image, and what is said ``about``
    the photos.
    """
    count, total, height, width = maps_NMHW.shape
    shown = min(shown, total)
    grid = 2.6
    row = grid + 0.42
    sheet = Sheet(1.75 + 2 * (grid + 0.2), 0.85 + count * row + 0.35)
    dead_M = dead_maps(maps_NMHW)
    dead = int(dead_M.sum())
    note = f"maps 0–{shown - 1} of {total}, each {height} × {width}"
    note += f"; dead (the same in all of these images): {dead} of {total}, {dead / total:.0%}"
    sheet.title(title, f"{note}; {about}" if about else note)
    left, right = 1.7, 1.7 + grid + 0.2
    sheet.text("each on its own scale: shape", left, 0.6, size=7.5, colour=FAINT)
    sheet.text("all on one scale: strength", right, 0.6, size=7.5, colour=FAINT)
    low, high = limits(maps_NMHW[:, :shown])
    for index in range(count):
        y = 0.8 + index * row
        maps_MHW = maps_NMHW[index]
        flat = int(flat_maps(maps_MHW).sum()) if height * width > 1 else 0
        sheet.image(photos_NHWC[index], 0.12, y, 1.4, 1.4)
        sheet.text(names[index], 0.82, y + 1.46, width=1.5, align="center")
        sheet.image(own_scale(maps_MHW[:shown], dead_M[:shown]), left, y, grid, grid)
        sheet.image(shared_scale(maps_MHW[:shown], low, high), right, y, grid, grid)
        caption = f"minimum {number(maps_MHW.min())}, maximum {number(maps_MHW.max())}"
        caption += f"; flat: {flat} of {total}"
        sheet.text(caption, left, y + grid + 0.06, size=7, colour=FAINT)
    y = 0.85 + count * row
    sheet.scale(right, y, grid, low, high, DIVERGING if low < 0 else SEQUENTIAL)
    return sheet.picture()
