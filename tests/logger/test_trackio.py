"""Runs in a database of Trackio, read back by its own storage."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.logger.read import trackio_runs
from tests.logger.runs import check_metrics, check_parameters, expected_pictures, train_twice

LACKING = "Trackio wants an older Pillow, so it is not among the tests' packages"


@pytest.mark.skipif(find_spec("trackio") is None, reason=LACKING)  # it reads its folder when imported
@pytest.mark.slow
def test_a_run_that_goes_on_is_one_with_its_metrics_pictures_and_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "outputs" / "dnn_digits" / "run"
    train_twice(folder, "trackio")
    (seen,) = trackio_runs(tmp_path / "outputs" / "trackio")
    assert seen.name == "run"
    check_metrics(folder, seen.metrics)
    check_parameters(seen.parameters)
    assert sorted(seen.pictures) == expected_pictures(folder)
    assert "Trackio" not in capsys.readouterr().out
