"""Even spreads by hand."""

from __future__ import annotations

from pellucid.metrics.spread import evenly_spread


def test_first_and_last_are_among_them() -> None:
    assert evenly_spread(5, 3) == [0, 2, 4]
    assert evenly_spread(10, 4) == [0, 3, 6, 9]
    assert evenly_spread(3, 10) == [0, 1, 2]
    assert evenly_spread(3, 1) == [0]
    assert evenly_spread(0, 3) == evenly_spread(3, 0) == []
