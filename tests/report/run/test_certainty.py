"""What the page says of temperature and test-time augmentation."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pellucid.engine import temperature as temperatures
from pellucid.engine.loaded_run import LoadedRun, restore
from pellucid.report.run.certainty import certainty
from pellucid.run.folder import Run
from tests.commands.runs import temperature_of


@pytest.fixture
def loaded(trained: Path, tmp_path: Path) -> LoadedRun:
    """A run whose files lie in a folder of the test's own."""
    return replace(restore(trained, accelerator="cpu"), run=Run(tmp_path))


def test_nothing_is_said_where_nothing_was_asked(loaded: LoadedRun) -> None:
    assert certainty(loaded) == {}


def test_a_temperature_of_these_weights_is_said(loaded: LoadedRun, trained: Path) -> None:
    found = temperature_of(trained, "flip")
    temperatures.save(loaded.folder, found)
    temperatures.save(loaded.folder, replace(found, tta="none", weights="others"))
    assert certainty(loaded) == {
        "temperature, tta=flip": "2.5, fitted on 100 validation images (figures above are without)"
    }


def test_what_was_evaluated_is_said_while_it_is_of_this_epoch(loaded: LoadedRun) -> None:
    folder = loaded.folder / "evaluation" / "best_test_flip_calibrated"
    folder.mkdir(parents=True)
    facts = {
        "checkpoint": "best.ckpt",
        "epoch": loaded.epoch,
        "tta": "flip",
        "plain_metrics": {"accuracy": 0.5, "loss": 1.0},
        "gains": {"accuracy": 0.25, "loss": -0.1},
        "gain_intervals": {"accuracy": [-0.01, 0.5], "loss": None},
        "calibration": {"ece": {"before": 0.2, "after": 0.1}, "nll": {"before": 0.9, "after": 0.8}},
    }
    (folder / "metrics.json").write_text(json.dumps(facts))
    assert certainty(loaded) == {
        "test accuracy, tta=flip": "0.7500, +0.2500 (95 % interval −0.0100 to +0.5000)",
        "test calibration error, tta=flip": "0.1000, 0.2000 without temperature",
        "test negative log-likelihood, tta=flip": "0.8000, 0.9000 without temperature",
    }
    for text in (json.dumps({**facts, "epoch": loaded.epoch + 1}), "{}", "no JSON"):
        (folder / "metrics.json").write_text(text)
        assert certainty(loaded) == {}
