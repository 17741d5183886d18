"""A run as a trial of a sweep: quiet, pruned where the sweep says so, and its folder stays when it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from pellucid.data.image_cache import ImageCache
from pellucid.engine.session import train
from pellucid.engine.trial import TrialContext
from pellucid.errors import UserError
from tests.helpers import compose, metrics


def test_a_trial_that_fails_before_it_trains_keeps_its_folder(tmp_path: Path) -> None:
    trial = TrialContext({"optimizer.lr": -1}, "val/accuracy", ImageCache(), None)
    with pytest.raises(UserError, match="refused its options"):
        train(compose("model=dnn", "optimizer.lr=-1"), tmp_path / "0", trial=trial)
    assert metrics(tmp_path / "0")["status"] == "failed"
    assert "refused its options" in metrics(tmp_path / "0")["error"]
    assert "Traceback" in (tmp_path / "0" / "train.log").read_text()


def test_a_pruned_trial_is_not_tested_and_says_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked: list[int] = []

    def should_stop(epoch: int, value: float) -> bool:
        asked.append(epoch)
        return epoch == 2

    trial = TrialContext({}, "val/accuracy", ImageCache(), should_stop)
    config = compose("model=dnn", "model.hidden=[4]", "trainer.max_epochs=4", "report=true")
    config["sweep"] = {"pruner": {"_target_": "optuna.pruners.NopPruner"}}
    result = train(config, tmp_path / "0", trial=trial)
    assert (result["status"], result["epochs"], asked) == ("pruned", 2, [1, 2])
    assert "test/accuracy" not in result
    assert not (tmp_path / "0" / "report.html").exists()
    assert capfd.readouterr().out == ""
