"""An offline experiment of Comet, read back from its archives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.logger.read import comet_runs
from tests.logger.runs import check_metrics, check_parameters, expected_pictures, together, train_twice

pytest.importorskip("comet_ml")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of Comet's own sockets
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_run_that_goes_on_has_its_metrics_pictures_and_options(tmp_path: Path) -> None:
    train_twice(tmp_path, "comet")
    runs = comet_runs(tmp_path)
    assert len(runs) == 2
    key = json.loads((tmp_path / "loggers.json").read_text())["comet"]
    assert all(path.name.startswith(key) for path in tmp_path.glob("comet/*.zip")), "one experiment"
    seen = together(runs)
    check_metrics(tmp_path, seen.metrics)
    check_parameters(seen.parameters)
    assert sorted(seen.pictures) == expected_pictures(tmp_path)
    assert (seen.name, seen.status) == ("deeper", "finished")
