"""Evenly spread choices."""

from __future__ import annotations

import numpy as np


def evenly_spread(count: int, most: int) -> list[int]:
    """Indices of at most ``most`` of ``count`` things, rising, the first and last among them."""
    return sorted({round(index) for index in np.linspace(0, count - 1, min(most, count))})
