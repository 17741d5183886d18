"""The run folder as a unit: create, record, load."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from pellucid.errors import UserError, first_line
from pellucid.lock import FileLock

FORMAT = 1  # of the run folder and of what a checkpoint holds of ours
OURS = (".hydra", "checkpoints", "tensorboard", "csv", "figures")
OUR_FILES = ("metrics.csv", "metrics.json", "train.log")


class Run:
    """One run's folder and the names in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkpoints = folder / "checkpoints"
        self.log = folder / "train.log"

    @property
    def best(self) -> Path:
        return self.checkpoints / "best.ckpt"

    @property
    def last(self) -> Path:
        return self.checkpoints / "last.ckpt"

    @classmethod
    def open(cls, folder: str | Path) -> Run:
        """A run that exists. Raises UserError for a folder that is none."""
        run = cls(Path(folder).expanduser().absolute())
        if not (run.folder / ".hydra" / "config.yaml").is_file():
            found = "is no run folder" if run.folder.is_dir() else "does not exist"
            raise UserError(
                f"{folder}: this folder {found}. Expected the folder of a run, "
                "outputs/<model>_<data>/<date>_<time>_…, with its .hydra/config.yaml."
            )
        made = run.metrics().get("format", 1)  # the first versions did not say
        if isinstance(made, int) and made > FORMAT:
            raise UserError(f"{folder} was written by a newer pellucid (format {made}). Update.")
        return run

    def config(self) -> dict[str, Any]:
        """The run's configuration as plain containers, interpolations resolved."""
        path = self.folder / ".hydra" / "config.yaml"
        try:
            config = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
        except (OmegaConfBaseException, YAMLError, OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read: {first_line(error)}.") from error
        if not isinstance(config, dict) or not {"model", "data", "task"} <= config.keys():
            raise UserError(f"{path} is not the configuration of a run: it names no model and data.")
        return config  # type: ignore[return-value]

    def choices(self) -> dict[str, str]:
        """What was chosen from each config group, e.g. model: cnn."""
        path = self.folder / ".hydra" / "hydra.yaml"
        if not path.is_file():
            return {}
        return dict(OmegaConf.select(OmegaConf.load(path), "hydra.runtime.choices") or {})

    def save_config(self, config: Mapping[str, Any]) -> None:
        write_atomically(self.folder / ".hydra" / "config.yaml", OmegaConf.to_yaml(config).encode())

    def metrics(self) -> dict[str, Any]:
        """The content of ``metrics.json``; empty before anything was recorded."""
        try:
            found = json.loads((self.folder / "metrics.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):  # a damaged one is written anew
            return {}
        return found if isinstance(found, dict) else {}

    def record(self, values: Mapping[str, Any]) -> None:
        """Set keys of ``metrics.json``; the others stay."""
        text = json.dumps({**self.metrics(), **values}, indent=2, default=str)
        write_atomically(self.folder / "metrics.json", text.encode())

    def write_rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """``metrics.csv`` anew: one row an epoch, a column for every key of any row."""
        write_csv(self.folder / "metrics.csv", rows)

    def kept_checkpoints(self) -> list[Path]:
        """Every checkpoint of the run, those of epochs first, then last and best."""
        epochs = sorted(self.checkpoints.glob("epoch_*.ckpt"))
        return [*epochs, *(path for path in (self.last, self.best) if path.is_file())]

    def lock(self) -> None:
        """Hold the run until this process ends. Raises UserError where another one holds it."""
        lock = FileLock(self.folder)
        if not lock.acquire(wait=False):
            raise UserError(
                f"{self.folder}: another process is training this run now. Wait until it has ended, "
                "or end it, then resume."
            )
        self._lock = lock

    def unlock(self) -> None:
        if hasattr(self, "_lock"):
            self._lock.release()

    def discard(self) -> None:
        """Remove what a run that never trained left; files of others stay."""
        for name in OURS:
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for name in OUR_FILES:
            (self.folder / name).unlink(missing_ok=True)
        for folder in (self.folder, *self.folder.parents[:3]):
            if folder == Path.cwd() or folder.name == "outputs" or any(folder.iterdir()):
                break
            folder.rmdir()


def check_new_folder(folder: Path) -> None:
    """Raise UserError where a new run could not be written to ``folder``."""
    if (folder / "metrics.json").exists() or (folder / ".hydra").exists():
        raise UserError(
            f"{folder} holds a run already. Continue it by resume={folder}, or choose another folder."
        )
    check_writable(folder, f"The run folder {folder}", "hydra.run.dir=<folder>")


def check_writable(folder: Path, what: str, option: str) -> None:
    """Raise UserError where ``folder``, told as ``what``, cannot be made; ``option`` names another one."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise UserError(
            f"{what} cannot be made: {place} is not a folder that you may write to. "
            f"Choose another one by {option}."
        )


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> None:
    """Write rows as a table, ``columns`` and then one for every other key of any row; whole or not at all."""
    columns = list(dict.fromkeys((*columns, *(key for row in rows for key in row))))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode(errors="surrogateescape"))


def write_atomically(path: Path, content: bytes) -> None:
    """Write the whole file or nothing: the old one stays until the new one is complete on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)  # as any file; mkstemp's own is for the owner alone
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
