"""Runs in a database of MLflow, read back by its own client."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pellucid.errors import UserError
from tests.logger.read import mlflow_runs
from tests.logger.runs import check_metrics, check_parameters, expected_pictures, train_twice

pytest.importorskip("mlflow")


@pytest.mark.slow
def test_a_run_that_goes_on_is_one_with_its_metrics_pictures_and_options(tmp_path: Path) -> None:
    folder = tmp_path / "outputs" / "dnn_digits" / "run"
    train_twice(folder, "mlflow")
    experiments = mlflow_runs(tmp_path / "outputs" / "mlflow.db")
    (seen,) = experiments["pellucid"]
    assert (seen.name, seen.status) == ("deeper", "FINISHED")
    check_metrics(folder, seen.metrics)
    check_parameters(seen.parameters)
    assert sorted(seen.pictures) == expected_pictures(folder)


@pytest.mark.slow
def test_a_sweep_is_an_experiment_and_files_go_nowhere_else(tmp_path: Path) -> None:
    from pellucid.logger.mlflow import MLflow

    folder = tmp_path / "run"
    folder.mkdir()
    logger = MLflow(save_dir=str(folder), run_name="lr_0", group="lr")
    logger.log_hyperparams({"seed": 0})
    logger.log_hyperparams({"seed": 1, "more": 2})  # MLflow changes none
    logger.log_image("maps/a", [np.zeros((4, 4, 3), np.uint8)], step=3)
    logger.finish("interrupted")
    (seen,) = mlflow_runs(tmp_path / "mlflow.db")["lr"]
    assert (seen.name, seen.status, seen.parameters) == ("lr_0", "KILLED", {"seed": "0", "more": "2"})
    assert seen.pictures == [("maps/a", 3)]
    again = MLflow(save_dir=str(folder))
    again._files = (tmp_path / "elsewhere").as_uri()
    with pytest.raises(UserError, match=r"the run's files would go to .*mlartifacts"):
        _ = again.experiment
