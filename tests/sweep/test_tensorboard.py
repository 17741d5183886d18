"""TensorBoard's HPARAMS tab over a sweep's folder, looked at in a browser."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.browser import browser, chromium, tensorboard
from tests.sweep.conftest import Sweep, rows

pytestmark = pytest.mark.slow


def test_every_trial_with_its_metric(sweep: Sweep, tmp_path: Path) -> None:
    chromium()
    prunes = ["+sweep.pruner._target_=optuna.pruners.SuccessiveHalvingPruner", "+sweep.pruner.min_resource=1"]
    ended = sweep(
        *("optimizer.lr=1e-2,1e-3,1e-5", "data.batch_size=choice(32)", "sweep.name=a", "logger=tensorboard"),
        *("trainer.max_epochs=2", *prunes, "+sweep.pruner.reduction_factor=2"),
    )
    assert ended.code == 0, ended.err
    assert [row["state"] for row in rows("a")][2] == "pruned"
    folder = Path("outputs", "sweeps", "a").absolute()
    with tensorboard(folder, tmp_path / "log") as address, browser(tmp_path / "profile") as page:
        page.open(f"{address}/#hparams")
        shown = [f"{float(row['val/accuracy']):.5g}" for row in rows("a")]
        page.wait_for_text("Trial ID", "optimizer.lr", "data.batch_size", "best/val/accuracy", *shown)
        assert "model.hidden" not in page.text()  # only what differs
        page.screenshot(Path(os.environ.get("PELLUCID_ARTEFACTS") or tmp_path) / "sweep_hparams.png")
        assert page.errors() == []
