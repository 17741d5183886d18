"""Epochs that fit into minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from pellucid.engine.budget import Pace, Stopwatch, epochs_within, measure_pace, tell_epochs
from pellucid.run.folder import Run
from tests.engine.runs import run
from tests.helpers import compose


def test_epochs_by_hand() -> None:
    pace = Pace(train_seconds=0.1, val_seconds=0.05, train_batches=80, val_batches=40)
    assert pace.epoch == pytest.approx(10)
    # 0.9 × (60 × 2 − 20) = 90 seconds, of which pictures take a tenth of 10 an epoch more.
    assert epochs_within(2, pace, spent=20, share=None) == 9
    assert epochs_within(2, pace, spent=20, share=0.1) == 8
    assert epochs_within(0.01, pace, spent=20, share=None) == 1


def test_the_pace_is_the_median_behind_the_first_batches() -> None:
    watch = Stopwatch()
    watch.ends = {"train": [0.0, 9.0, 18.0, 27.0, 27.5, 28.0, 60.0], "val": [1.0, 1.25]}
    watch.batches = {"train": 7, "val": 2}
    assert watch.pace() == Pace(0.5, 0.25, 7, 2)


def test_a_pace_is_of_whole_epochs_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pace = measure_pace(compose("model=dnn", "data=digits", "trainer=cpu", "data.batch_size=20"))
    assert (pace.train_batches, pace.val_batches) == (63, 9)  # 1,259 and 179 images
    assert 0 < pace.train_seconds < 5
    assert not list(tmp_path.iterdir())


def test_an_epoch_that_takes_longer_than_what_is_left_is_told(caplog: pytest.LogCaptureFixture) -> None:
    tell_epochs(1, 1.0, Pace(train_seconds=1.0, val_seconds=0.0, train_batches=45, val_batches=1), spent=30)
    assert "longer than what is left of it, 0.75 minutes of 0.5" in caplog.text


def test_a_run_has_as_many_epochs_as_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pace = Pace(train_seconds=1.0, val_seconds=0.0, train_batches=10, val_batches=1)
    monkeypatch.setattr("pellucid.engine.training.measure_pace", lambda config, images: pace)
    run(tmp_path, "model=dnn", "minutes=0.6")
    assert Run(tmp_path).config()["trainer"]["max_epochs"] == 3  # 0.9 × (36 − what was spent) / 10
    assert len(Run(tmp_path).rows()) == 3
    assert "3 epochs of 10 s each" in capfd.readouterr().out
