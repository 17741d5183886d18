"""What loggers hold of a run, also of one that was resumed."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from lightning.pytorch.loggers import CSVLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pellucid.engine.loggers import go_on, log_final
from tests.engine.runs import run
from tests.helpers import metrics


def test_tensorboard_holds_curves_hyperparameters_and_the_source(trained: Path) -> None:
    tags: dict[str, set[str]] = {"scalars": set(), "tensors": set()}
    events = EventAccumulator(str(trained / "tensorboard")).Reload()
    for kind in tags:
        tags[kind] |= set(events.Tags()[kind])
    for name in ("train/loss", "train/accuracy", "val/loss", "val/accuracy"):
        assert len(events.Scalars(name)) >= 4, name
    assert events.Scalars("test/accuracy")[-1].value == pytest.approx(metrics(trained)["test/accuracy"])
    assert {"model/summary/text_summary", "data/source/text_summary"} <= tags["tensors"]
    plugin = events.SummaryMetadata("_hparams_/session_start_info").plugin_data
    assert plugin.plugin_name == "hparams"
    assert b"optimizer.lr" in plugin.content
    assert "hp_metric" not in tags["scalars"]


def test_resuming_hides_what_was_logged_after_the_last_checkpoint(tmp_path: Path) -> None:
    options = ["model=dnn", "logger=tensorboard", "trainer.max_epochs=2"]
    run(tmp_path, *options)
    run(tmp_path, *options[:2], "trainer.max_epochs=4", resume=True)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    steps = [event.step for event in events.Scalars("val/loss") if event.step < 10**6]
    assert steps == sorted(set(steps)), "no epoch stands twice"
    assert len(steps) == 4


def test_a_csv_file_goes_on_from_the_last_step_and_from_its_last_whole_line(tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path, name="csv", version="", flush_logs_every_n_steps=1)
    path = Path(logger.log_dir) / "metrics.csv"
    path.parent.mkdir()
    path.write_text("step,val/loss\n1,0.5\n2,0.25\n3,0.1\n4,0.")
    go_on([logger], 2)
    assert path.read_text().split() == ["step,val/loss", "1,0.5", "2,0.25"]
    logger.log_metrics({"val/loss": 0.125}, step=3)
    logger.log_metrics({"train/loss": 1.0}, step=4)
    logger.save()
    kept = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["step"] for row in kept] == ["1", "2", "3", "4"]
    assert [row["val/loss"] for row in kept] == ["0.5", "0.25", "0.125", ""]
    assert kept[-1]["train/loss"] == "1.0"


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"step,val/loss\n9,0.5\n"])
def test_a_csv_file_without_rows_of_before_begins_anew(content: bytes | None, tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path, name="csv", version="")
    path = Path(logger.log_dir) / "metrics.csv"
    if content is not None:
        path.parent.mkdir()
        path.write_bytes(content)
    go_on([logger], 2)
    assert not path.exists()


def test_at_the_end_figures_of_the_test_and_in_tensorboard_the_best_of_validation(tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path, name="csv", version="")
    log_final([logger], {"val/loss": 0.5, "test/loss": 0.25}, {"seed": 0}, step=7)
    (row,) = csv.DictReader((Path(logger.log_dir) / "metrics.csv").read_text().splitlines())
    assert row == {"step": "7", "test/loss": "0.25"}
