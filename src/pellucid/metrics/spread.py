"""Evenly spread choices."""

from __future__ import annotations

import numpy as np


def evenly_spread(count: int, limit: int) -> list[int]:
    """Indices of at most ``limit`` of ``count`` things, rising, the first and last among them."""
    return sorted({round(index) for index in np.linspace(0, count - 1, min(limit, count))})
