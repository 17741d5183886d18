"""What loggers hold of a run, also of one that was resumed."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.logger import DummyLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pellucid.engine.loggers import (
    MAX_FAILURES,
    finish,
    go_on,
    guard,
    log_final,
    log_start,
    names_in_services,
)
from pellucid.logger.service import Service
from pellucid.run.folder import Run
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


def test_options_are_logged_at_the_start_and_figures_of_the_best_epoch_at_the_end(tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path, name="csv", version="")
    log_start([logger], {"seed": 0, "model.hidden": "[3]"})
    log_final([logger], {"val/loss": 0.5, "test/loss": 0.25}, {"seed": 0}, step=7)
    (row,) = csv.DictReader((Path(logger.log_dir) / "metrics.csv").read_text().splitlines())
    assert row == {"step": "7", "best/val/loss": "0.5", "test/loss": "0.25"}
    options = yaml.safe_load((Path(logger.log_dir) / "hparams.yaml").read_text())
    assert options == {"seed": 0, "model.hidden": "[3]"}


class Broken(Service, DummyLogger):
    """A service that is down from its second value on."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def log_metrics(self, *args: Any, **kwargs: Any) -> None:
        self.asked.append("metrics")
        if len(self.asked) > 1:
            raise ConnectionError("no route to the host\nand more")

    def log_image(self, key: str, images: list[Any], step: int | None = None) -> None:
        self.log_metrics()

    def finish(self, status: str) -> None:
        self.asked.append(status)

    def where(self) -> str:
        return ""


def test_a_logger_that_fails_costs_a_warning_and_no_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logger = Broken()
    guard(logger)
    for _ in range(6):
        logger.log_metrics({"a": 1.0}, step=1)
    assert logger.asked == ["metrics"] * (1 + MAX_FAILURES), "then it is left alone"
    (message,) = caplog.messages
    assert message.startswith("The logger Broken has failed (ConnectionError: no route to the host).")
    logger = Broken()
    guard(logger)
    logger.log_metrics({})
    logger.log_image("a", [])
    finish([logger, CSVLogger(tmp_path)], "finished")
    assert logger.asked == ["metrics", "metrics", "finished"]


def test_errors_of_the_run_s_own_files_are_told(tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path, name="csv", version="")
    guard(logger)
    Path(logger.log_dir).parent.joinpath("csv").write_text("no folder")
    with pytest.raises(OSError, match="csv"):
        logger.log_metrics({"a": 1.0}, step=1)


@pytest.mark.parametrize(
    ("folder", "name", "sweep", "expected"),
    [
        ("outputs/cnn_digits/2026_deeper", "deeper", None, ("deeper", None)),
        ("outputs/cnn_digits/2026_abc", None, None, ("2026_abc", None)),
        ("outputs/sweeps/lr/3", None, "lr", ("lr_3", "lr")),
        ("outputs/sweeps/lr/3/seed_1", None, "lr", ("lr_3_seed_1", "lr")),
    ],
)
def test_what_a_run_is_called_in_services(
    folder: str, name: str | None, sweep: str | None, expected: tuple[str, str | None]
) -> None:
    names = names_in_services(Run(Path("/home") / folder), name, sweep)
    assert (names["run_name"], names["group"]) == expected
