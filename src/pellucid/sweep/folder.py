"""A sweep's folder: the configuration files of its beginning, its definition, a folder a trial."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pellucid.config.command_line import CommandLine, assignment
from pellucid.config.line_check import compose_line
from pellucid.config.space import Parameter, Scalar, space_problems
from pellucid.config.trust import check_kept_files, own_packages
from pellucid.errors import UserError, first_line
from pellucid.run.folder import check_format
from pellucid.system.files import (
    check_writable,
    read_json,
    remove_leftovers,
    write_atomically,
    write_folder_atomically,
)
from pellucid.system.lock import FileLock

PARTS: dict[str, Any] = {"format": int, "id": str, "name": str, "space": dict, "options": dict, "sweep": dict}
PARTS |= {"command": str, "fixed": list, "storage": str | None, "versions": dict}
_MADE_HERE: set[Path] = set()  # folders that this process made, and may remove while no sweep has begun


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
        sweep = cls(Path(folder).expanduser().absolute())
        if not sweep.definition_file.is_file():
            kind = "is no sweep's folder" if sweep.folder.is_dir() else "does not exist"
            raise UserError(
                f"{folder}: this folder {kind}. Expected outputs/sweeps/<name>, with its sweep.json."
            )
        return sweep

    def trial(self, number: int) -> Path:
        return self.folder / str(number)

    def lock(self, name: str = "sweep") -> FileLock:
        """One of the sweep's locks: ``sweep``, ``report``, or a trial's number.

        Raises UserError where the folder is gone: nothing is made where a user has removed it.
        """
        if not self.folder.is_dir():
            raise self.is_gone()
        locks = self.folder / ".locks"
        locks.mkdir(exist_ok=True)
        return FileLock(locks / name)

    def is_gone(self) -> UserError:
        return UserError(f"The sweep's folder {self.folder} is gone; it was removed or moved away.")

    def definition(self) -> dict[str, Any]:
        """What the sweep was defined as; empty before its beginning. Raises UserError for a damaged file."""
        try:
            definition: dict[str, Any] = read_json(self.definition_file)
            if isinstance(definition, dict):
                check_format(definition.get("format"), self.folder)
            _check(definition)
        except FileNotFoundError:
            return {}
        except UserError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UserError(
                f"{self.definition_file} is damaged and does not say what the sweep is: {first_line(error)}. "
                "The runs are in the folders beside it; begin another sweep by another sweep.name."
            ) from error
        return definition

    def define(self, definition: Mapping[str, Any]) -> None:
        write_atomically(self.definition_file, json.dumps(definition, indent=2, default=str).encode())
        _MADE_HERE.discard(self.folder)

    def begin(self, conf: Path, user_conf: Path | None) -> None:
        """Copy the configuration files, whole or not at all; those of the beginning stay.

        Raises UserError where the folder holds other things, or cannot be written.
        """
        if self.folder.is_dir() and any(self.folder.iterdir()) and not self.has_begun():
            raise UserError(
                f"{self.folder} holds other files, and is no sweep's folder. Choose another sweep.name, or "
                "another hydra.sweep.dir."
            )
        try:
            if not self.conf.exists():
                _MADE_HERE.add(self.folder)
            self.folder.mkdir(parents=True, exist_ok=True)
            with self.lock():  # whose folder shows that the rest is ours
                for source, target in ((user_conf, self.user_conf), (conf, self.conf)):
                    if source is not None and not target.exists():
                        remove_leftovers(self.folder)
                        files = {str(path.relative_to(source)): path for path in source.rglob("*.yaml")}
                        write_folder_atomically(target, {n: path.read_bytes() for n, path in files.items()})
        except OSError as error:
            self.discard()
            raise UserError(
                f"The sweep's folder {self.folder} cannot be written ({error.strerror or error}). "
                "Make room, or choose another one by hydra.sweep.dir=<folder>."
            ) from error

    def has_begun(self) -> bool:
        """Whether the folder is a sweep's."""
        return self.definition_file.is_file() or (self.folder / ".locks").is_dir()

    def discard(self) -> None:
        """Remove what this process has made of a sweep that never began."""
        if self.folder not in _MADE_HERE:
            return
        for folder in (self.conf, self.user_conf, self.folder / ".locks"):
            shutil.rmtree(folder, ignore_errors=True)
        if self.journal.is_file() and self.journal.stat().st_size == 0:
            self.journal.unlink()
        parents = [folder for folder in self.folder.parents[:2] if folder.name in ("sweeps", "outputs")]
        for folder in (self.folder, *parents):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def given_folder(line: CommandLine) -> Path | None:
    """The sweep's folder as far as the line itself says it."""
    name, folder = line.value("sweep.name"), line.value("hydra.sweep.dir")
    if folder is not None:
        return Path(folder).absolute()
    return None if name is None else (Path("outputs") / "sweeps" / str(name)).absolute()


def frozen_line(line: CommandLine, conf: Path) -> tuple[CommandLine, Path]:
    """The line and its configuration files, those of the beginning where the sweep has begun."""
    path = given_folder(line)
    if path is None or not (folder := SweepFolder(path)).has_begun():
        return line, conf
    if not folder.conf.is_dir():
        if not folder.definition():
            return line, conf
        raise UserError(f"{folder.conf}: the sweep's configuration files are gone; it cannot be continued.")
    if line.config_dir and not folder.user_conf.is_dir():
        raise UserError(f"{path.name}: that sweep was begun without --config-dir; continue it without.")
    given_line = line
    packages = own_packages(line, conf, training=True)
    check_kept_files(folder.conf, conf, packages)
    if line.config_dir:
        check_kept_files(folder.user_conf, Path(line.config_dir), packages)
    line = line.with_config_dir(folder.user_conf)
    if own_packages(line, folder.conf, training=True) != packages:  # the sweep's files are not believed
        line = dataclasses.replace(line, overrides=[*line.overrides, f"packages=[{','.join(packages)}]"])
    url = _storage(line, folder.conf)
    if url and line.value("sweep.storage") is None and url != _storage(given_line, conf):
        raise UserError(f"The sweep's files keep its trials in {url}. If it is right: sweep.storage={url}")
    return line, folder.conf


def _storage(line: CommandLine, conf: Path) -> str | None:
    """None where the line is wrong, which is told by its check."""
    try:
        return compose_line(line, conf).sweep.storage  # type: ignore[no-any-return]
    except UserError:
        return None


def begin(line: CommandLine, conf: Path) -> tuple[CommandLine, Path]:
    """Make the sweep's folder for a line that was found right; the line that names it, and its files."""
    config = compose_line(line, conf)
    name = config["sweep"]["name"]
    path = given_folder(line)
    if path is None:
        path = Path(config["hydra"]["sweep"]["dir"]) if name is None else Path("outputs/sweeps") / str(name)
    folder = SweepFolder(path.absolute())
    if not folder.has_begun():
        check_writable(path, f"The sweep's folder {path}", "hydra.sweep.dir=<folder>")
    folder.begin(conf, Path(line.config_dir) if line.config_dir else None)
    line = line.with_config_dir(folder.user_conf)
    overrides = [text for text in line.overrides if not text.startswith("hydra.sweep.dir=")]
    return dataclasses.replace(
        line, overrides=[*overrides, assignment("hydra.sweep.dir", str(folder.folder))]
    ), folder.conf


def _check(definition: Any) -> None:
    """Raise ValueError and its like unless it is what ``Study`` defines a sweep by."""
    for name, kind in PARTS.items():
        if not isinstance(definition[name], kind):
            raise TypeError(f"{name} is {definition[name]!r:.60}")
    for key, parameter in definition["space"].items():
        if not _is_parameter(parameter) or parameter["key"] != key:
            raise ValueError(f"of {key} it searches {parameter!r:.60}")
    sweep = definition["sweep"]
    if not isinstance(sweep["metric"], str) or sweep["direction"] not in ("maximize", "minimize"):
        raise ValueError(f"it ranks by {sweep['metric']!r:.60}, {sweep['direction']!r:.60}")
    repeats = (sweep["seeds"], sweep.get("folds", 2))
    if not all(type(count) is int for count in repeats) or not all(
        isinstance(text, str) for text in definition["fixed"]
    ):
        raise ValueError("its seeds, folds or fixed options are none")
    if sweep.get("repeat", "seed") not in ("seed", "split"):
        raise ValueError(f"it repeats {sweep['repeat']!r:.60}")


def _is_parameter(entry: Mapping[str, Any]) -> bool:
    """Whether it is as ``Parameter.to_dict`` gives it."""
    parameter = Parameter.from_dict(entry)
    values, ends = parameter.values or (), (parameter.low, parameter.high)
    return (
        isinstance(parameter.key, str)
        and all(isinstance(end, int | float | None) for end in (*ends, parameter.step))
        and all(isinstance(value, Scalar) for value in values)
        and all(isinstance(text, str) for text in parameter.texts)
        and len(values) == len(parameter.texts)
        and (bool(values) or None not in ends)
        and not any(space_problems((parameter,), sampled=True))
    )
