"""The chart of layers."""

from __future__ import annotations

from pellucid.draw.layers import LayerRow, layer_chart


def test_layers() -> None:
    rows = [LayerRow("a", 0.0, 1.0, 0.9, 10, 0.1), LayerRow("b" * 90, 1.0, 0.0, 0.0, 3, None)]
    assert layer_chart(rows, title="t", note="n").ndim == 3
    assert layer_chart([LayerRow("a", 0.0, 1.0, 1.0, 10, 0.0)], title="t", note="n").ndim == 3
