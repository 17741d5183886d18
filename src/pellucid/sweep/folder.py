"""A sweep's folder: the configuration files of its beginning, its definition, a folder a trial."""

from __future__ import annotations

import dataclasses
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pellucid.config.command_line import CommandLine, compose_line
from pellucid.errors import UserError
from pellucid.lock import FileLock
from pellucid.run import check_new_folder, write_atomically


class SweepFolder:
    """``outputs/sweeps/<name>`` and the names in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.conf = folder / "conf"
        self.user_conf = folder / "conf_of_user"  # what --config-dir named
        self.journal = folder / "journal.log"
        self.definition_file = folder / "sweep.json"

    @classmethod
    def open(cls, folder: str | Path) -> SweepFolder:
        """A sweep that exists. Raises UserError for a folder that is none."""
        found = cls(Path(folder).expanduser().absolute())
        if not found.definition_file.is_file():
            kind = "is no sweep's folder" if found.folder.is_dir() else "does not exist"
            raise UserError(
                f"{folder}: this folder {kind}. Expected outputs/sweeps/<name>, with its sweep.json."
            )
        return found

    def trial(self, number: int) -> Path:
        return self.folder / str(number)

    def run(self, number: int, seed: int | None) -> Path:
        """The run's folder; ``seed`` None where each trial is one run."""
        return self.trial(number) if seed is None else self.trial(number) / f"seed_{seed}"

    def lock(self, name: str = "sweep") -> FileLock:
        """One of the sweep's locks: ``sweep``, ``report``, or a trial's number."""
        locks = self.folder / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        return FileLock(locks / name)

    def definition(self) -> dict[str, Any]:
        """What the sweep was defined as; empty before its beginning."""
        try:
            return dict(json.loads(self.definition_file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise UserError(f"{self.definition_file} cannot be read: {error}.") from error

    def define(self, definition: Mapping[str, Any]) -> None:
        write_atomically(self.definition_file, json.dumps(definition, indent=2, default=str).encode())

    def freeze(self, conf: Path, user_conf: Path | None) -> None:
        """Copy the configuration files, whole or not at all; those of the beginning stay."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for source, target in ((user_conf, self.user_conf), (conf, self.conf)):
            if source is None or target.exists():
                continue
            with tempfile.TemporaryDirectory(dir=self.folder, prefix=".conf.") as temporary:
                copy = Path(temporary) / "conf"
                shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
                try:
                    copy.rename(target)
                except OSError:  # another process was first
                    if not target.is_dir():
                        raise

    def discard(self) -> None:
        """Remove what a sweep that never began has made."""
        for folder in (self.conf, self.user_conf, self.folder / ".locks"):
            shutil.rmtree(folder, ignore_errors=True)
        self.journal.unlink(missing_ok=True)
        for folder in (self.folder, self.folder.parent):
            if folder.is_dir() and folder.name != "outputs" and not any(folder.iterdir()):
                folder.rmdir()


def given_folder(line: CommandLine) -> Path | None:
    """The sweep's folder as far as the line itself says it."""
    name, given = line.value("sweep.name"), line.value("hydra.sweep.dir")
    if given is not None:
        return Path(given).absolute()
    return None if name is None else (Path("outputs") / "sweeps" / str(name)).absolute()


def frozen_line(line: CommandLine, conf: Path) -> tuple[CommandLine, Path]:
    """The line and its configuration files, those of the beginning where the sweep has begun."""
    given = given_folder(line)
    if given is None or not (folder := SweepFolder(given)).definition_file.is_file():
        return line, conf
    return line.with_config_dir(folder.user_conf), folder.conf


def begin(line: CommandLine, conf: Path) -> tuple[CommandLine, Path]:
    """Make the sweep's folder for a line that was found right; the line that names it, and its files."""
    config = compose_line(line, conf)
    name = config["sweep"]["name"]
    path = given_folder(line)
    if path is None:
        path = Path(config["hydra"]["sweep"]["dir"]) if name is None else Path("outputs/sweeps") / str(name)
    folder = SweepFolder(path.absolute())
    if not folder.definition_file.is_file():
        check_new_folder(path)
    folder.freeze(conf, Path(line.config_dir) if line.config_dir else None)
    line = line.with_config_dir(folder.user_conf)
    quoted = str(folder.folder).replace("'", "\\'")
    kept = [text for text in line.overrides if not text.startswith("hydra.sweep.dir=")]
    return dataclasses.replace(line, overrides=[*kept, f"hydra.sweep.dir='{quoted}'"]), folder.conf
