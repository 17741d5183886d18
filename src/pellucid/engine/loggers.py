"""Lightning's loggers, made to go on from a checkpoint, without what was logged after it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter

from pellucid.system.files import read_text, write_atomically, write_csv


def go_on(loggers: Sequence[Logger], last_step: int | None) -> None:
    """Let loggers forget what was logged after ``last_step``, -1: all; None: nothing was logged yet.

    Others than TensorBoard's and CSV files know of no such thing.
    """
    for logger in loggers:
        if isinstance(logger, CSVLogger):  # which would begin its file anew
            logger._experiment = _Rows(logger.log_dir, -1 if last_step is None else last_step)
        elif isinstance(logger, TensorBoardLogger) and last_step is not None:
            from tensorboard.compat.proto.event_pb2 import Event, SessionLog

            for _ in range(2):  # TensorBoard takes the first that it meets for the beginning
                start = SessionLog(status=SessionLog.START)
                logger.experiment._get_file_writer().add_event(Event(step=last_step + 1, session_log=start))


def log_final(
    loggers: Sequence[Logger], final: Mapping[str, float], hyperparameters: Mapping[str, Any], step: int
) -> None:
    """Log what the best checkpoint has reached, of validation by ``best/…`` in TensorBoard's HPARAMS.

    ``step``: behind the training, so that a run that goes on from its last checkpoint hides them.
    """
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            metrics = {f"best/{k}" if k.startswith("val/") else k: v for k, v in final.items()}
            logger.log_hyperparams(dict(hyperparameters), metrics, step)
            logger.finalize("success")
        else:
            logger.log_metrics({k: v for k, v in final.items() if k.startswith("test/")}, step=step)
            logger.save()


class _Rows(ExperimentWriter):
    """Its file is whole at every moment but for a last line."""

    def __init__(self, log_dir: str, last_step: int) -> None:
        self.last_step = last_step
        super().__init__(log_dir=log_dir)

    def _check_log_dir_exists(self) -> None:
        path = Path(self.metrics_file_path)
        rows = [row for row in _rows(path) if int(row["step"]) <= self.last_step]
        if rows:
            self.metrics_keys = list(rows[0])
            write_csv(path, rows)
        else:
            path.unlink(missing_ok=True)

    def _rewrite_with_new_header(self, fieldnames: list[str]) -> None:
        write_csv(Path(self.metrics_file_path), _rows(Path(self.metrics_file_path)), fieldnames)

    def save(self) -> None:
        if self.metrics and not Path(self.metrics_file_path).exists():
            self._record_new_keys()
            write_atomically(Path(self.metrics_file_path), f"{','.join(self.metrics_keys)}\r\n".encode())
        super().save()


def _rows(path: Path) -> list[dict[str, str]]:
    """The rows that were written whole; none where the file is none."""
    try:
        text = read_text(path)
    except (OSError, ValueError):
        return []
    complete = text[: text.rfind("\n") + 1]
    rows = csv.DictReader(io.StringIO(complete))
    return [row for row in rows if None not in row and str(row.get("step")).isdigit()]
