"""Paired tests, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.metrics.significance import mcnemar


def test_mcnemar_by_hand() -> None:
    one = np.array([1] * 6 + [0] * 1 + [1] * 3 + [0] * 2, dtype=bool)
    other = np.array([0] * 6 + [1] * 1 + [1] * 3 + [0] * 2, dtype=bool)
    first, second, p = mcnemar(one, other)
    assert (first, second) == (6, 1)
    assert p == pytest.approx(2 * (7 + 1) / 2**7)
    assert mcnemar(one, one) == (0, 0, 1.0)
