"""Lightning's loggers, made to go on from a checkpoint, without what was logged after it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger, Logger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter

from pellucid.system.files import read_text, write_atomically, write_csv


def continued(node: Mapping[str, Any], last_step: int) -> Mapping[str, Any]:
    """A logger's node; TensorBoard is told to hide what was logged after ``last_step``, -1: all."""
    if str(node["_target_"]).endswith(".TensorBoardLogger"):
        return {**node, "purge_step": last_step + 1}
    return node


def keep_rows(loggers: Sequence[Logger], last_step: int) -> None:
    """Let a CSV logger, which would begin its file anew, go on with the rows up to ``last_step``."""
    for logger in loggers:
        if isinstance(logger, CSVLogger):
            logger._experiment = _Rows(logger.log_dir, last_step)


class _Rows(ExperimentWriter):
    """Its file is whole at every moment but for a last line."""

    def __init__(self, log_dir: str, last_step: int) -> None:
        self.last_step = last_step
        super().__init__(log_dir=log_dir)

    def _check_log_dir_exists(self) -> None:
        path = Path(self.metrics_file_path)
        kept = [row for row in _rows(path) if int(row["step"]) <= self.last_step]
        if kept:
            self.metrics_keys = list(kept[0])
            write_csv(path, kept)
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
    whole = text[: text.rfind("\n") + 1]
    rows = csv.DictReader(io.StringIO(whole))
    return [row for row in rows if None not in row and str(row.get("step")).isdigit()]
