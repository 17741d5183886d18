"""The loggers of a run: from a checkpoint on without what was logged after it, to the last word.

One that fails costs a warning, and no training.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter

from pellucid.errors import first_line, without_secrets
from pellucid.logger.service import Service
from pellucid.run.folder import Run
from pellucid.system.files import read_text, write_atomically, write_csv

log = logging.getLogger(__name__)
GUARDED = ("log_hyperparams", "log_metrics", "log_image", "save", "finalize", "finish")
MAX_FAILURES = 3  # in a row, after which a logger gets nothing more


def names_in_services(run: Run, name: str | None, sweep: str | None) -> dict[str, str | None]:
    """What a run is called among others: its ``name``, or else its folder's, and the ``sweep`` around it.

    A trial's is that of the sweep and of its folders in it, ``lr_3`` or ``lr_3_seed_1``.
    """
    if sweep is None:
        return {"run_name": name or run.folder.name, "group": None}
    parts = run.folder.parts
    after = parts[parts.index(sweep) + 1 :] if sweep in parts else parts[-1:]
    return {"run_name": "_".join((sweep, *after)), "group": sweep}


def guard(logger: Logger) -> None:
    """Let no error of a logger but TensorBoard's and CSV files end a training: it is told once."""
    if isinstance(logger, TensorBoardLogger | CSVLogger):  # of the run's folder, as all else
        return
    guarded = _Guard(type(logger).__name__)
    for name in GUARDED:
        if callable(method := getattr(logger, name, None)):
            setattr(logger, name, guarded.of(method))


class _Guard:
    """What is asked of a logger, as long as it does not fail again and again."""

    def __init__(self, name: str) -> None:
        self.name, self.failures, self.told = name, 0, False

    def of(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if self.failures >= MAX_FAILURES:
                return None
            try:
                given = method(*args, **kwargs)
            except Exception as error:  # whatever a package and its server may raise
                self._note(error)
                return None
            self.failures = 0
            return given

        return guarded

    def _note(self, error: Exception) -> None:
        self.failures += 1
        if not self.told:
            self.told = True
            reason = without_secrets(f"{type(error).__name__}: {first_line(error)}")
            log.warning(
                "The logger %s has failed (%s). Training goes on; after %d failures in a row it gets nothing "
                "more.",
                *(self.name, reason, MAX_FAILURES),
            )


def log_start(loggers: Sequence[Logger], hyperparameters: Mapping[str, Any]) -> None:
    """Log hyperparameters, flat, to all but TensorBoard, whose HPARAMS get them with the final metrics."""
    for logger in loggers:
        if not isinstance(logger, TensorBoardLogger):
            logger.log_hyperparams(dict(hyperparameters))


def finish(loggers: Sequence[Logger], status: str) -> None:
    """Tell services that the run has ended."""
    for logger in loggers:
        if isinstance(logger, Service):
            logger.finish(status)


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
    """Log what the best checkpoint has reached, of validation by ``best/…``.

    ``step``: behind the training, so that a run that goes on from its last checkpoint hides them.
    """
    metrics = {f"best/{k}" if k.startswith("val/") else k: v for k, v in final.items()}
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.log_hyperparams(dict(hyperparameters), metrics, step)
            logger.finalize("success")
        else:
            logger.log_metrics(metrics, step=step)
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
