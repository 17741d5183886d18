"""Where a sweep's trials are kept: Optuna's journal in the sweep's folder, or any storage of Optuna's."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from pellucid.errors import UserError, first_line
from pellucid.lock import FileLock
from pellucid.sweep.folder import SweepFolder
from pellucid.system.files import write_atomically

log = logging.getLogger(__name__)
CREATE_STUDY, CREATE_TRIAL = 0, 4  # among the operations of Optuna's journal


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
        lock = JournalLock(folder.journal, folder.lock("journal"))
        mend(folder.journal, lock)
        return JournalStorage(JournalFileBackend(str(folder.journal), lock_obj=lock))
    try:
        return optuna.storages.get_storage(_impatient(url))
    except Exception as error:  # SQLAlchemy's kinds, those of a driver, a driver that is not there
        reason = first_line(error).rstrip(".")
        raise UserError(
            f"sweep.storage={without_password(url)} cannot be opened: {reason}. Expected a URL such as "
            "sqlite:///sweeps.db or postgresql://user@host/database, with its server running and its driver "
            "installed."
        ) from error


def _impatient(url: str) -> str:
    """The URL with a limit on the time to reach a server, where it has none."""
    from sqlalchemy.engine import make_url

    parsed = make_url(url)
    if not parsed.drivername.startswith("postgresql") or "connect_timeout" in parsed.query:
        return url
    return parsed.update_query_dict({"connect_timeout": "20"}).render_as_string(hide_password=False)


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url


def mend(journal: Path, lock: JournalFileOpenLock) -> None:
    """Leave out entries that cannot be read, and say so; the damaged file is kept beside it."""
    if not journal.exists():
        return
    lock.acquire()
    try:
        lines = journal.read_bytes().splitlines(keepends=True)
        bad = [number for number, line in enumerate(lines) if not _readable(line)]
        if not bad:
            return
        kept = journal.with_suffix(".damaged")
        shutil.copyfile(journal, kept)
        good = [line for number, line in enumerate(lines) if number not in set(bad)]
        if not _consistent(good):
            good = lines[: bad[0]]
        write_atomically(journal, b"".join(good))
        log.warning(
            "%s is damaged: %d of its %d entries could not be read or used; the sweep goes on with the "
            "others. The damaged file is kept as %s.",
            journal,
            len(lines) - len(good),
            len(lines),
            kept.name,
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
        whole = content.rfind(b"\n") + 1
        file.truncate(whole)
        return len(content) - whole


def _readable(line: bytes) -> bool:
    try:
        entry: Any = json.loads(line)
    except ValueError:
        return False
    return isinstance(entry, dict) and "op_code" in entry and line.endswith(b"\n")


def _consistent(lines: list[bytes]) -> bool:
    """Whether no trial's beginning is among those missing: it would shift the numbers of the others."""
    entries = [json.loads(line) for line in lines]
    begun = sum(entry["op_code"] == CREATE_TRIAL for entry in entries)
    named = [entry["trial_id"] for entry in entries if "trial_id" in entry]
    return any(entry["op_code"] == CREATE_STUDY for entry in entries) and max(named, default=-1) < begun
