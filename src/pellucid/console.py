"""The one console, and the log that goes both there and into the run folder."""

import logging
from pathlib import Path

from rich.console import Console

console = Console(highlight=False, markup=False)  # names of users stay as they are


class ConsoleHandler(logging.Handler):
    """Log records through the console, which knows of a progress bar that is showing."""

    def emit(self, record: logging.LogRecord) -> None:
        style = {logging.WARNING: "yellow", logging.ERROR: "red"}.get(record.levelno)
        console.print(self.format(record), style=style, markup=False, soft_wrap=True)


def start_logging(file: Path | None, *, console_level: int | None = logging.INFO) -> None:
    """Send our log to the console (None: not there) and to ``file``; Lightning's only if it warns."""
    stop_logging()
    ours = logging.getLogger("pellucid")
    ours.setLevel(logging.INFO)
    ours.propagate = False
    if console_level is not None:
        ours.addHandler(ConsoleHandler(console_level))
    if file is not None:
        handler = logging.FileHandler(file, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        ours.addHandler(handler)
    for name in ("lightning.pytorch", "lightning.fabric", "pytorch_lightning"):
        logging.getLogger(name).setLevel(logging.WARNING)


def is_quiet() -> bool:
    """Whether the console shows warnings only, as for a trial of a sweep."""
    handlers = logging.getLogger("pellucid").handlers
    return not any(isinstance(h, ConsoleHandler) and h.level <= logging.INFO for h in handlers)


def stop_logging() -> None:
    """Close what ``start_logging`` opened."""
    ours = logging.getLogger("pellucid")
    for handler in list(ours.handlers):
        ours.removeHandler(handler)
        handler.close()
