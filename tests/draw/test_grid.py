"""Grids of images."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.draw.grid import image_grid, paired_grid


@pytest.mark.parametrize("count", [0, 1, 7])
def test_grids(count: int) -> None:
    images = np.zeros((count, 4, 4, 3), np.uint8)
    captions = ["a very long caption that must not reach its neighbour"] * count
    picture = image_grid(images, captions, title="t", right=[True] * count, files=["file.png"] * count)
    assert (picture[:, -1] == 255).all()
    if count:
        assert paired_grid(images, images, captions, title="t", note="n", sides=("a", "b")).ndim == 3
