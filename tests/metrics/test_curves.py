"""The metrics that learning curves have."""

from __future__ import annotations

from pellucid.metrics.curves import metrics_of


def test_curves_leave_out_a_metric_that_is_the_loss() -> None:
    rows = [
        {"epoch": e, "train/loss": 1 / e, "train/mse": 1 / e, "val/loss": 2.0, "val/mse": 2.0} for e in (1, 2)
    ]
    assert metrics_of(rows) == ["mse"]
    rows[1]["val/mse"] = 3.0
    assert metrics_of(rows) == ["loss", "mse"]
