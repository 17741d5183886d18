"""Limits of feature maps by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.metrics.maps import limits


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0, 1, 3], (0, 3)), ([-1, 0, 3], (-3, 3)), ([-5, -1, 0], (-5, 5)), ([2], (0, 2))],
)
def test_limits(values: list[float], expected: tuple[float, float]) -> None:
    assert limits(np.array(values, dtype=float)) == expected
