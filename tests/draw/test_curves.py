"""Curves of the metrics."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.draw.curves import _apart, draw_curves, epoch_axes
from pellucid.draw.sheet import Sheet


@pytest.mark.parametrize("epochs", [1, 100])
def test_curves(epochs: int) -> None:
    loss = {"train": [(e, 1 / e) for e in range(1, epochs + 1)]}
    loss |= {"val": loss["train"][1:]} if epochs > 1 else {}  # an epoch without validation
    picture = draw_curves({"loss": loss}, title="t", lr=[(e, 1e-3) for e in range(1, epochs + 1)])
    assert (picture[:, -1] == 255).all()


def test_ticks_of_large_numbers_leave_the_title_free() -> None:
    axes = epoch_axes(Sheet(4, 4), 1, 1, 2, 2, "mae")
    axes.plot([1, 2], [1.5e7, 4e7])
    axes.get_tightbbox()
    assert "4e7" in [label.get_text() for label in axes.get_yticklabels()]
    assert axes.yaxis.get_offset_text().get_text() == ""


@pytest.mark.parametrize("values", [[1.0], [1, 2, 3], [0, 0, 0], [0, 0.1, 0.2, 5], [0, 0.9, 1.0, 1.1, 2.0]])
def test_labels_are_kept_apart(values: list[float]) -> None:
    places = _apart(values, 0.5)
    assert min(np.diff(places), default=0.5) >= 0.5 - 1e-9
    assert np.mean(places) == pytest.approx(np.mean(values))
    assert _apart([0.0, 1.0, 2.0], 0.5) == [0, 1, 2], "those that are apart stay"
