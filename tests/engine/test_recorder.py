"""The rows of a run: of whole epochs, with what each of them has measured."""

from __future__ import annotations

from pathlib import Path

from pellucid.engine.recorder import Recorder
from pellucid.run.folder import Run
from tests.engine.runs import rows, run
from tests.helpers import same, weights


def test_an_unvalidated_epoch_never_replaces_the_best(tmp_path: Path) -> None:
    odd = ["model=dnn", "+trainer.check_val_every_n_epoch=2", "optimizer.lr=0.01"]
    run(tmp_path, *odd, "trainer.max_epochs=2")
    assert run(tmp_path, *odd, "trainer.max_epochs=3", resume=True)["best/epoch"] == 2


def test_an_epoch_that_the_budget_cuts_is_done_again_on_resuming(tmp_path: Path) -> None:
    line = ["model=dnn", "recipe=plain", "trainer.max_epochs=2"]  # a schedule would be of 60 steps
    run(tmp_path / "whole", *line)
    cut = run(tmp_path / "cut", *line, "+trainer.max_steps=60")
    assert cut["epochs"] == 1
    assert len(rows(tmp_path / "cut" / "metrics.csv")) == 1
    run(tmp_path / "cut", *line, resume=True)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))


def test_an_epoch_without_validation_has_no_validation_figures(tmp_path: Path) -> None:
    run(tmp_path, "model=dnn", "trainer.max_epochs=4", "+trainer.check_val_every_n_epoch=2")
    kept = rows(tmp_path / "metrics.csv")
    assert [bool(row["val/accuracy"]) for row in kept] == [False, True, False, True]
    assert all(row["train/accuracy"] for row in kept)


def test_the_account_of_all_epochs(tmp_path: Path) -> None:
    recorder = Recorder(run=Run(tmp_path), config={}, spec={}, log_every=0)
    assert recorder.account() == {"epochs": 0}
    recorder.load_state_dict(
        {"rows": [{"epoch": n, "seconds/train": s} for n, s in enumerate((9.0, 1.0, 2.00004), 1)]}
    )
    assert recorder.account() == {"epochs": 3, "seconds/train_epoch": 2.0}, "the median: the first is slow"
    assert recorder.state_dict()["rows"] == recorder.rows
