"""The page's curves, by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pellucid.report.run.curves import HEIGHT, WIDTH, panels
from pellucid.run.folder import Run
from pellucid.view.curves import curves


def test_curves_are_drawn_where_they_belong(tmp_path: Path) -> None:
    rows = [{"epoch": e, "train/loss": 2.0 / e, "val/loss": 3.0 / e} for e in (1.0, 2.0, 3.0, 4.0)]
    (panel,) = panels(curves(rows), 2)
    assert panel.name == "loss"
    assert [line.stage for line in panel.lines] == ["train", "val"]
    xs = [point[0] for point in panel.lines[0].points]
    assert xs == pytest.approx([0, WIDTH / 3, 2 * WIDTH / 3, WIDTH], abs=0.1)
    assert panel.best == pytest.approx(WIDTH / 3, abs=0.1)
    low, high = (float(panel.y_ticks[place][1]) for place in (0, -1))
    for _, y, _, value in panel.lines[1].points:
        assert y == pytest.approx(HEIGHT * (high - value) / (high - low), abs=0.1)
    assert Run(tmp_path / "none").rows() == []


def test_a_single_epoch_and_values_that_are_no_numbers(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,val/loss\n1,nan\n2,1.5\n")
    rows = Run(tmp_path).rows()
    assert rows == [{"epoch": 1}, {"epoch": 2, "val/loss": 1.5}]
    (panel,) = panels(curves(rows), 1)
    assert len(panel.lines[0].points) == 1


def test_ticks_of_prices_and_of_wavelengths_are_short() -> None:
    for size, texts in (
        (1e7, "1e7 2e7 3e7 4e7"),
        (1e-7, "1e−7 2e−7 3e−7 4e−7"),
        (1e35, "1e35 2e35 3e35 4e35"),
    ):
        rows: Any = [{"epoch": epoch, "val/mae": epoch * size} for epoch in (1, 2, 3, 4)]
        (panel,) = panels(curves(rows), 1)
        assert texts in " ".join(text for _, text in panel.y_ticks)


@pytest.mark.parametrize(
    ("value", "ticks"),
    [(1.0, "0.950 0.975 1.000 1.025 1.050"), (0.0, "−0.060 −0.040 −0.020 0.000 0.020 0.040 0.060")],
)
def test_a_value_that_stays_the_same_has_ticks_that_can_be_read(value: float, ticks: str) -> None:
    rows: Any = [{"epoch": epoch, "val/accuracy": value} for epoch in (1, 2)]
    (panel,) = panels(curves(rows), 1)
    texts = " ".join(text for _, text in panel.y_ticks)
    assert texts == ticks
    assert {y for _, y, *_ in panel.lines[0].points} == {115.0}, "in the middle"
