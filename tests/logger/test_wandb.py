"""An offline run of Weights & Biases, read back from its files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pellucid.logger.wandb import Wandb
from tests.logger.read import wandb_runs
from tests.logger.runs import check_metrics, check_parameters, expected_pictures, together, train_twice

pytest.importorskip("wandb")


@pytest.mark.slow
def test_a_run_that_goes_on_has_its_metrics_pictures_and_options(tmp_path: Path) -> None:
    train_twice(tmp_path, "wandb")
    runs = wandb_runs(tmp_path)
    assert [seen.name for seen in runs] == ["deeper", "deeper"]
    assert len({path.name.split("-")[-1] for path in tmp_path.glob("wandb/offline-run-*")}) == 1, "one id"
    seen = together(runs)
    check_metrics(tmp_path, seen.metrics)
    check_parameters(seen.parameters)
    assert sorted(seen.pictures) == expected_pictures(tmp_path)
    assert seen.status == "finished"


def test_the_id_is_kept_and_nothing_is_begun_before_something_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loggers.json").write_text(json.dumps({"wandb": "abcd1234"}))
    monkeypatch.delenv("WANDB_ERROR_REPORTING", raising=False)
    logger = Wandb(save_dir=str(tmp_path), run_name="a", group="lr")
    assert os.environ["WANDB_ERROR_REPORTING"] == "false"
    assert logger.version == "abcd1234"
    assert logger.name == "pellucid"
    assert logger.where() == f"wandb sync {tmp_path}/wandb/offline-run-*"
    logger.finish("finished")
    assert [path.name for path in tmp_path.iterdir()] == ["loggers.json"]
