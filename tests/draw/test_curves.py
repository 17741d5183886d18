"""Curves of the metrics."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.draw.curves import _apart, curves


@pytest.mark.parametrize("epochs", [1, 100])
def test_curves(epochs: int) -> None:
    rows = [{"epoch": e, "train/loss": 1 / e, "lr": 1e-3, "val/loss": 0.5} for e in range(1, epochs + 1)]
    del rows[0]["val/loss"]  # an epoch without validation
    picture = curves(rows, title="t")
    assert (picture[:, -1] == 255).all()


@pytest.mark.parametrize("values", [[1.0], [1, 2, 3], [0, 0, 0], [0, 0.1, 0.2, 5], [0, 0.9, 1.0, 1.1, 2.0]])
def test_labels_are_kept_apart(values: list[float]) -> None:
    places = _apart(values, 0.5)
    assert min(np.diff(places), default=0.5) >= 0.5 - 1e-9
    assert np.mean(places) == pytest.approx(np.mean(values))
    assert _apart([0.0, 1.0, 2.0], 0.5) == [0, 1, 2], "those that are apart stay"
