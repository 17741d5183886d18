"""The storage of a sweep's trials: Optuna's journal in the sweep's folder, or any storage of Optuna's."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import BaseJournalBackend, JournalFileBackend, JournalFileOpenLock

from pellucid.errors import UserError, counted, first_line
from pellucid.sweep.folder import SweepFolder
from pellucid.system.files import write_atomically
from pellucid.system.lock import FileLock

log = logging.getLogger(__name__)
CREATE_TRIAL = 4  # among the operations of Optuna's journal


class JournalLock(JournalFileOpenLock):
    """Freed at once when its process is killed, where Optuna's own would hold the others up for 30 s."""

    def __init__(self, journal: Path, lock: FileLock) -> None:
        self.journal, self.lock = journal, lock

    def acquire(self) -> bool:
        """Wait for the lock; what a killed writer left of a line is cut before the next line is added."""
        self.lock.acquire()
        try:
            if cut := cut_incomplete(self.journal):
                log.warning(
                    "%s ended in the middle of an entry, which is left out (%d bytes).", self.journal, cut
                )
        except BaseException:
            self.lock.release()
            raise
        return True

    def release(self) -> None:
        self.lock.release()


def open_storage(folder: SweepFolder, url: str | None) -> BaseStorage:
    """The sweep's storage. Raises UserError where there is none to reach."""
    if url is None:
        if folder.journal.is_symlink():  # the end of the file that it leads to might be cut
            raise UserError(f"{folder.journal} is a link. Bring the sweep's own journal back.")
        lock = JournalLock(folder.journal, folder.lock("journal"))
        mend(folder.journal, lock)
        return JournalStorage(JournalFileBackend(str(folder.journal), lock_obj=lock))
    try:
        return optuna.storages.get_storage(_with_defaults(url))
    except Exception as error:  # SQLAlchemy's kinds, those of a driver, a driver that is not there
        reason = first_line(error).rstrip(".")
        raise UserError(
            f"sweep.storage={without_password(url)} cannot be opened: {reason}. Expected a URL such as "
            "sqlite:///sweeps.db or postgresql://user@host/database, with its server running and its driver "
            "installed."
        ) from error


def _with_defaults(url: str) -> str:
    """The URL with our driver of PostgreSQL and a limit on the time to reach it, where it names none."""
    from sqlalchemy.engine import make_url

    parsed = make_url(url)
    if not parsed.drivername.startswith("postgresql"):
        return url
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")  # SQLAlchemy 2.0 would look for psycopg2
    if "connect_timeout" not in parsed.query:
        parsed = parsed.update_query_dict({"connect_timeout": "20"})
    return parsed.render_as_string(hide_password=False)


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url


def read_storage(folder: SweepFolder, url: str | None) -> BaseStorage:
    """The sweep's storage to read from: its journal is neither locked nor mended. Raises as open_storage."""
    if url is not None:
        return open_storage(folder, url)
    if not folder.journal.is_file():
        raise UserError(f"{folder.journal} is gone, and with it which trials there were.")
    replayed = Replayed(folder.journal.read_bytes())
    if replayed.lost:
        log.warning("%s is damaged: %s.", folder.journal, replayed.loss())
    return replayed.storage


class _Memory(BaseJournalBackend):
    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def read_logs(self, log_number_from: int) -> list[dict[str, Any]]:
        return self.entries[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self.entries += logs


class Replayed:
    """The usable part of a journal: ``lines``, and a ``storage`` in memory; ``lost`` entries cannot be.

    A trial's number is how many began before it: where a beginning is lost, so is all that came after.
    """

    def __init__(self, content: bytes) -> None:
        lines = content.splitlines(keepends=True)
        if lines and not lines[-1].endswith(b"\n"):  # it is being written
            lines.pop()
        self.total, first_bad = len(lines), self._replay(lines)
        begun = sum(entry["op_code"] == CREATE_TRIAL for entry in self.entries)
        highest_id = max((entry["trial_id"] for entry in self.entries if "trial_id" in entry), default=-1)
        if first_bad is not None and not (self.storage.get_all_studies() and highest_id < begun):
            self._replay(lines[:first_bad])
        self.lost = self.total - len(self.lines)

    def _replay(self, lines: list[bytes]) -> int | None:
        """The number of the first line that Optuna cannot use, if there is one."""
        memory, first_bad = _Memory(), None
        self.lines, self.entries = list[bytes](), list[dict[str, Any]]()
        self.storage = JournalStorage(memory)
        for number, line in enumerate(lines):
            try:
                entry = json.loads(line)
                if type(entry.get("trial_id", 0)) is not int:
                    raise TypeError("no trial's number")
                memory.append_logs([entry])
                self.storage.get_all_studies()  # which replays it
                self.lines.append(line)
                self.entries.append(entry)
            except Exception:  # Optuna raises whatever half an entry makes it stumble over
                first_bad = number if first_bad is None else first_bad
        return first_bad

    def loss(self) -> str:
        return f"{self.lost} of its {counted(self.total, 'entry')} could not be read or used"


def mend(journal: Path, lock: JournalFileOpenLock) -> None:
    """Leave out entries that cannot be used, and say so; the damaged file is kept beside it."""
    if not journal.exists():
        return
    lock.acquire()
    try:
        content = journal.read_bytes()
        replayed = Replayed(content)
        if not replayed.lost:
            return
        damaged = journal.with_suffix(".damaged")
        write_atomically(damaged, content)
        write_atomically(journal, b"".join(replayed.lines))
        log.warning(
            "%s is damaged: %s; the sweep goes on with the others. The damaged file is kept as %s.",
            journal,
            replayed.loss(),
            damaged.name,
        )
    finally:
        lock.release()


def cut_incomplete(path: Path) -> int:
    """Cut what stands after the last end of a line; how many bytes."""
    if not path.exists() or path.stat().st_size == 0:
        return 0
    with path.open("r+b") as file:
        file.seek(-1, 2)
        if file.read(1) == b"\n":
            return 0
        file.seek(0)
        content = file.read()
        end = content.rfind(b"\n") + 1
        file.truncate(end)
        return len(content) - end
