"""Learning curves by hand."""

from __future__ import annotations

from pellucid.view.curves import best_point, curves


def test_curves_leave_out_a_metric_that_is_the_loss_and_epochs_without_a_value() -> None:
    rows = [
        {"epoch": e, "train/loss": 1 / e, "train/mse": 1 / e, "val/loss": 2.0, "val/mse": 2.0} for e in (1, 2)
    ]
    assert list(curves(rows).metrics) == ["mse"]
    rows[1] |= {"val/mse": 3.0, "lr": 0.1}
    del rows[0]["val/mse"]
    found = curves(rows)
    assert found.epochs == [1, 2]
    assert found.metrics["loss"] == {"train": [(1, 1.0), (2, 0.5)], "val": [(1, 2.0), (2, 2.0)]}
    assert found.metrics["mse"]["val"] == [(2, 3.0)]
    assert found.lr == [(2, 0.1)]
    assert best_point(rows, "val/mse", "min") == (2, 3.0)
    assert best_point(rows, "val/accuracy", "max") is None


def test_a_metric_that_names_no_stage_has_a_curve_too() -> None:
    rows = [{"epoch": e, "/loss": 1 / e, "val/loss": 2.0, "lr": 0.1, "step/s": 3.0} for e in (1, 2)]
    assert curves(rows).metrics == {"loss": {"": [(1, 1.0), (2, 0.5)], "val": [(1, 2.0), (2, 2.0)]}}
