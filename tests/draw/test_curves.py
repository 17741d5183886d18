"""Curves of the metrics."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.draw.curves import _apart, draw_curves


@pytest.mark.parametrize("epochs", [1, 100])
def test_curves(epochs: int) -> None:
    loss = {"train": [(e, 1 / e) for e in range(1, epochs + 1)]}
    loss |= {"val": loss["train"][1:]} if epochs > 1 else {}  # an epoch without validation
    picture = draw_curves({"loss": loss}, title="t", lr=[(e, 1e-3) for e in range(1, epochs + 1)])
    assert (picture[:, -1] == 255).all()


@pytest.mark.parametrize("values", [[1.0], [1, 2, 3], [0, 0, 0], [0, 0.1, 0.2, 5], [0, 0.9, 1.0, 1.1, 2.0]])
def test_labels_are_kept_apart(values: list[float]) -> None:
    places = _apart(values, 0.5)
    assert min(np.diff(places), default=0.5) >= 0.5 - 1e-9
    assert np.mean(places) == pytest.approx(np.mean(values))
    assert _apart([0.0, 1.0, 2.0], 0.5) == [0, 1, 2], "those that are apart stay"
