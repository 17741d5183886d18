"""The one console, and the log that goes both there and into the run folder.

Neither may decide over what is done: what cannot be written is left unwritten. Names of users come without
what would command a terminal.
"""

from __future__ import annotations

import codecs
import copy
import errno
import io
import logging
import os
import sys
import textwrap
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from rich.console import (
    Console,
    ConsoleOptions,
    ConsoleRenderable,
    JustifyMethod,
    OverflowMethod,
    RenderHook,
    RenderResult,
)
from rich.segment import Segment

from pellucid.errors import plain, without_secrets
from pellucid.system.files import descriptor

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table

T = TypeVar("T")
log = logging.getLogger(__name__)

FILE_ONLY = {"file_only": True}  # extra= of what a log file keeps and the console does not show
OF_FILES = ("file", "image", "picture", "checkpoint", "run")  # heads of columns with names to copy
MAX_COLUMNS = 10_000  # more than any table has
NEAREST = str.maketrans("×−–—✓✗→…≤·│─", "x---+x>.<.|-")


class _Plain(RenderHook):
    """All that is shown, line by line without control signs."""

    def __init__(self, *parts: ConsoleRenderable) -> None:
        self.parts = parts

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Plain(*renderables)]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for part in self.parts:
            for text, style, control in console.render(part, options):
                yield Segment(text if control else lines_of(text), style, control)


class _Kept(io.StringIO):
    """A text that is shown later."""


class _Console(Console):
    @property
    def is_terminal(self) -> bool:
        """A text and a cell of a notebook are none, whatever the environment says: bars would stay in them,
        line by line.
        """
        kept = isinstance(self.file, _Kept) or type(self.file).__module__.startswith("ipykernel")
        return super().is_terminal and not kept

    def table(
        self,
        title: str,
        heads: Iterable[str],
        *,
        left: Collection[str] | None = None,
        overflow: OverflowMethod = "ellipsis",
        no_wrap: bool = False,
        **options: Any,
    ) -> Table:
        """An empty table; columns in ``left`` (None: all) hold texts, the others numbers, at the right.

        Names of files, in columns with such a head, are never broken: ``print`` lets the table be wider.
        """
        from rich.table import Table

        table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", **options)
        for head in heads:
            side: JustifyMethod = "left" if left is None or head in left else "right"
            whole = no_wrap or head.split(" ")[0] in OF_FILES
            table.add_column(head, justify=side, overflow=overflow, no_wrap=whole)
        return table

    def print_table(self, table: Table) -> None:
        """The table, wider than the console where it could only be shown with names that are broken; above it
        its title, of any length.
        """
        from rich.cells import cell_len
        from rich.measure import Measurement
        from rich.text import Text

        if table.title:
            self.print(Text(str(table.title), "bold"), soft_wrap=True)
            table.title = None

        for column in table.columns:
            if column.no_wrap:
                column.min_width = max(cell_len(str(cell)) for cell in (column.header, *column.cells))
        least = Measurement.get(self, self.options.update(width=MAX_COLUMNS), table).minimum
        if least > self.width:
            table.width = least
        self.print(table, crop=False)

    def rows(self, rows: Sequence[Sequence[str]], *, wrap: bool = True) -> None:
        """Print rows of texts in columns; the last goes on below itself where a line is full, if it may.

        No word is broken, so that a path stays whole; one with spaces where it may not ``wrap``.
        """
        from rich.text import Text

        widths = [max(map(len, column)) for column in zip(*(row[:-1] for row in rows), strict=True)]
        indent = sum(widths) + 2 * len(widths)
        for row in rows:
            head = "".join(f"{text:{width}}  " for text, width in zip(row, widths, strict=False))
            last = textwrap.wrap(
                row[-1],
                max(self.width - indent, indent) if wrap else MAX_COLUMNS,
                break_long_words=False,
                break_on_hyphens=False,
            )
            lines = f"\n{' ' * indent}".join(last)
            first = len(row[0])
            self.print(
                Text.assemble((head[:first], "dim"), f"{head[first:]}{lines}".rstrip()), soft_wrap=True
            )

    def track(
        self, sequence: Iterable[T], text: str, total: int | None = None, *, shown: bool = True
    ) -> Iterable[T]:
        """The sequence, with a progress bar on a terminal while it is gone through."""
        from rich.progress import track

        if not (shown and self.is_terminal):
            return sequence
        return track(sequence, text, total=total, console=self, transient=True)

    def progress(self) -> Progress:
        """Progress bars on a terminal, for what ``track`` cannot count."""
        from rich.progress import Progress

        if not self.is_terminal:  # rich 14 ends one that is not shown by an empty line
            return Progress(console=Console(file=io.StringIO()), disable=True)
        return Progress(console=self, transient=True)


# Names of users stay as they are; a notebook, too, gets lines, not a display for each.
ON_STDERR = "PELLUCID_ON_STDERR"  # set in the environment: standard output is for what is found alone
console = _Console(stderr=ON_STDERR in os.environ, highlight=False, markup=False, force_jupyter=False)
console.push_render_hook(_Plain())


@contextmanager
def captured() -> Iterator[io.StringIO]:
    """Within, what is shown on the console, without bars and colours, goes into the text that is given."""
    before, text = console._file, _Kept()  # none: whatever standard output is then
    console.file = text
    try:
        yield text
    finally:
        console._file = before


def lines_of(text: str) -> str:
    """The text without control signs but ends of lines, and without secrets."""
    return "\n".join(plain(line) for line in without_secrets(text).split("\n"))


def _nearest(error: UnicodeError) -> tuple[str, int]:
    """For what an encoding lacks a sign like it, as wide, so that tables stay in line, else an escape."""
    assert isinstance(error, UnicodeEncodeError)
    lacked = error.object[error.start : error.end].translate(NEAREST)
    return lacked.encode("ascii", "backslashreplace").decode("ascii"), error.end


codecs.register_error("pellucid.nearest", _nearest)


class _Nowhere(io.TextIOBase):
    def write(self, text: str) -> int:
        return len(text)


class _Steady:
    """A stream that never raises: where it cannot be written, what is written to it is lost."""

    def __init__(self, stream: TextIO) -> None:
        self._stream: TextIO | _Nowhere = stream
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="pellucid.nearest")

    def write(self, text: str) -> int:
        self._try(lambda: self._stream.write(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        self.write("".join(lines))

    def flush(self) -> None:
        self._try(self._stream.flush)

    def _try(self, action: Any) -> None:
        try:
            action()
        except (OSError, ValueError) as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """From now on into nothing: also what is still waiting, which Python would try again at its end."""
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
        except (OSError, ValueError):  # no file of the system's, or a closed one
            self._stream = _Nowhere()
            return
        if getattr(error, "errno", None) != errno.EPIPE:  # a reader that has seen enough is told nothing
            print(f"The console cannot be written ({error}); going on without.", file=sys.stderr)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def steady_streams() -> None:
    """Make this process's output one that cannot fail."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, _Steady):
            setattr(sys, name, _Steady(stream))


class _Formatter(logging.Formatter):
    """What is filled into a message is one line."""

    def format(self, record: logging.LogRecord) -> str:
        record = copy.copy(record)
        if isinstance(record.args, tuple):
            record.args = tuple(plain(a) if isinstance(a, str | Path | Exception) else a for a in record.args)
        return lines_of(super().format(record))


class ConsoleHandler(logging.Handler):
    """Log records through the console, which knows of a progress bar that is showing."""

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "file_only", False):
            return
        style = {logging.WARNING: "yellow", logging.ERROR: "red"}.get(record.levelno)
        console.print(self.format(record), style=style, markup=False, soft_wrap=True)


def open_log(path: Path) -> io.TextIOWrapper:
    """A log file to add to. Raises OSError, also for a link, which may lead anywhere, and for a pipe."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    return open(descriptor(path, flags), "a", encoding="utf-8", errors="backslashreplace")  # noqa: PTH123


def add_to_log(path: Path, text: str) -> None:
    """Add a traceback, say, as it is but for secrets. Raises as ``open_log``."""
    with open_log(path) as file:
        file.write(without_secrets(text))


class _LogFile(logging.FileHandler):
    def _open(self) -> io.TextIOWrapper:
        return open_log(Path(self.baseFilename))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's own name
        """The first time it cannot be written it is told, and given up."""
        logging.getLogger("pellucid").removeHandler(self)
        message = "The log file %s cannot be written (%s); going on without."
        log.warning(message, self.baseFilename, sys.exc_info()[1])


def start_logging(file: Path | None, *, console_level: int | None = logging.INFO) -> None:
    """Send our log to the console (None: not there) and to ``file``; Lightning's only if it warns."""
    stop_logging()
    ours = logging.getLogger("pellucid")
    ours.setLevel(logging.INFO)
    ours.propagate = False
    if console_level is not None:
        to_console = ConsoleHandler(console_level)
        to_console.setFormatter(_Formatter())
        ours.addHandler(to_console)
    quiet_lightning()
    # That a process of several has died, as the others end with it.
    logging.getLogger("lightning.fabric.strategies.launchers.subprocess_script").setLevel(logging.INFO)
    if file is None:
        return
    try:
        to_file = _LogFile(file)
    except OSError as error:
        log.warning("The log file %s cannot be opened (%s); going on without.", file, error.strerror)
        return
    to_file.setFormatter(_Formatter("%(asctime)s %(levelname)s %(message)s"))
    ours.addHandler(to_file)


def quiet_lightning() -> None:
    """Let Lightning only warn. It sets its own level when it is imported, which may be later than our log."""
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
        with suppress(OSError):  # a full disk
            handler.close()
