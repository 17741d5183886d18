"""Feature maps of one layer: which say nothing, and the limits of their values.

Axes: N images, M maps, H × W pixels.
"""

from __future__ import annotations

import numpy as np

FLAT = 1e-3  # of the layer's range: a map that varies less shows noise when it is stretched


def flat_maps(maps_MHW: np.ndarray) -> np.ndarray:
    """For each map of one image whether it is the same everywhere, or nearly so beside the others."""
    flat: np.ndarray = np.ptp(maps_MHW, axis=(1, 2)) <= FLAT * float(np.ptp(maps_MHW))
    return flat


def dead_maps(maps_NMHW: np.ndarray) -> np.ndarray:
    """For each map whether it is the same everywhere in all of the images: nothing moves it."""
    ranges_M = np.ptp(maps_NMHW, axis=(0, 2, 3))
    dead: np.ndarray = ranges_M <= FLAT * float(np.ptp(maps_NMHW))
    if maps_NMHW[:, 0].size == 1:  # one pixel of one image cannot tell
        dead = np.zeros_like(dead)
    return dead


def limits(maps: np.ndarray) -> tuple[float, float]:
    """Limits of a shared scale: symmetric about 0 where there are values below 0, else from 0."""
    low, high = float(maps.min()), float(maps.max())
    if low < 0:
        bound = max(-low, high)
        return -bound, bound
    return 0.0, high
