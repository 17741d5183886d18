"""The run folder as a unit: create, record, load."""

from __future__ import annotations

import csv
import io
import json
import logging
import math
import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pellucid.config.compose import container, load
from pellucid.config.keys import keys_of
from pellucid.config.trust import config_problem
from pellucid.errors import UserError, did_you_mean, encodable, first_line
from pellucid.system.files import (
    YAML_LOADER,
    check_writable,
    check_yaml,
    read_json,
    read_text,
    remove_leftovers,
    write_atomically,
    write_csv,
    write_folder_atomically,
)
from pellucid.system.lock import FileLock

log = logging.getLogger(__name__)

FORMAT = 2  # of the run folder and of what a checkpoint holds of ours; 1: images are split by their position
MAX_NAMED = 100  # runs among whose names the nearest is looked for
OUR_FOLDERS = (".hydra", "checkpoints", "tensorboard", "csv", "wandb", "comet", "figures")
OUR_FILES = ("loggers.json", "metrics.csv", "metrics.json", "out_of_fold.csv", "splits.npz", "train.log")
# What the entries of metrics.json are, by name or by what it begins with.
INTEGERS = ("format", "epochs", "seed", "best/epoch", "devices", "data/train", "data/val", "data/test")
NUMBERS = ("train/", "val/", "test/", "seconds/", "look/")


class Run:
    """One run's folder and the names in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkpoints = folder / "checkpoints"
        self.best, self.last = self.checkpoints / "best.ckpt", self.checkpoints / "last.ckpt"
        self.log = folder / "train.log"
        self.out_of_fold = folder / "out_of_fold.csv"  # what is predicted of the fold that it is tested on
        self.manifest = folder / "splits.npz"  # which images it was trained, validated and tested on
        self._warned = False
        self._lock: FileLock | None = None

    @classmethod
    def open(cls, folder: str | Path) -> Run:
        """A run that exists: its folder, a folder of runs for the newest in it, ``last`` for that of all, or
        the name of runs for the newest of them.

        Raises UserError for a folder that is none and has none.
        """
        path, outputs = Path(folder).expanduser().absolute(), Path("outputs").absolute()
        newest = _newest(outputs if str(folder) == "last" else path)
        if newest is None and not path.exists():
            newest = _newest_named(outputs, str(folder))
        run = cls(newest or path)
        if not _is_run(run.folder):
            state = "is no run folder and has none in it" if run.folder.is_dir() else "does not exist"
            raise UserError(
                f"{folder}: this folder {state}. Expected the folder of a run, "
                "outputs/<model>_<data>/<date>_<time>_…, with its .hydra/config.yaml; "
                "outputs/<model>_<data> for the newest in it, last for the newest in outputs, or a name of "
                f"runs.{_nearest_name(outputs, str(folder))}"
            )
        if newest:
            log.info("Run: %s", run.folder)
        check_format(run.metrics().get("format"), folder)
        return run

    @classmethod
    def begin(cls, folder: Path, config: DictConfig, hydra: DictConfig) -> Run:
        """Create a run folder with its configuration. Raises UserError where one is, or is being begun.

        ``config`` and ``hydra``, Hydra's own part under that name, are kept as they were composed: what they
        refer to may be a secret.
        """
        run = cls(folder.absolute())
        run.folder.mkdir(parents=True, exist_ok=True)
        run.lock()
        try:
            check_new_folder(folder)
            remove_leftovers(run.folder)
            parts = {"config": config, "hydra": hydra, "overrides": hydra.hydra.overrides.task}
            contents = {f"{name}.yaml": OmegaConf.to_yaml(part).encode() for name, part in parts.items()}
            write_folder_atomically(run.folder / ".hydra", contents)
        finally:
            run.unlock()
        return run

    def config(self) -> dict[str, Any]:
        """The run's configuration as plain containers, interpolations resolved. Raises UserError.

        Anybody may have written it: it names no packages whose classes and functions are allowed.
        """
        path = self.folder / ".hydra" / "config.yaml"
        try:
            loaded = load(path)
            config = container(loaded) if isinstance(loaded, DictConfig) else {}
        except (OmegaConfBaseException, OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read: {first_line(error)}.") from error
        if problem := config_problem(config):
            raise UserError(f"{path} is not the configuration of a run: {problem}")
        return {**config, "packages": []}

    def name(self) -> str:
        """The name that it was given; the empty text where it has none."""
        path = self.folder / ".hydra" / "config.yaml"
        try:
            check_yaml(path)
            kept = yaml.load(path.read_bytes(), YAML_LOADER)  # OmegaConf takes 20 ms a run
        except (OSError, ValueError, yaml.YAMLError):
            return ""
        return str(kept.get("name") or "") if isinstance(kept, dict) else ""

    def choices(self) -> dict[str, str]:
        """What was chosen from each config group, e.g. model: cnn; none where that is not kept."""
        path = self.folder / ".hydra" / "hydra.yaml"
        try:
            choices: Any = OmegaConf.to_container(load(path))["hydra"]["runtime"]["choices"]  # type: ignore[index,call-overload]
            return {str(group): choice for group, choice in choices.items() if isinstance(choice, str)}
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return {}

    def save_choice(self, group: str, choice: str) -> None:
        """Note another choice of a config group, where choices are kept."""
        path = self.folder / ".hydra" / "hydra.yaml"
        with suppress(FileNotFoundError):
            kept = load(path)
            OmegaConf.update(kept, f"hydra.runtime.choices.{group}", choice)
            write_atomically(path, OmegaConf.to_yaml(kept).encode())

    def overrides(self) -> list[str]:
        """The overrides of its command line; empty where that is not kept."""
        path = self.folder / ".hydra" / "overrides.yaml"
        try:
            return [str(text) for text in OmegaConf.to_container(load(path)) or []]
        except (OSError, ValueError):
            return []

    def preset_options(self, presets: Sequence[str]) -> list[str]:
        """Options that the files chosen from those config groups set, dotted, while the files are there."""
        path, choices = self.folder / ".hydra" / "hydra.yaml", self.choices()
        found: dict[str, None] = {}
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError, StopIteration):
            sources: Any = OmegaConf.to_container(load(path))["hydra"]["runtime"]["config_sources"]  # type: ignore[index,call-overload]
            folders = [Path(source["path"]) for source in sources if source["schema"] == "file"]
            for name in (f"{preset}/{choices[preset]}.yaml" for preset in presets if preset in choices):
                file = next(folder / name for folder in folders if (folder / name).is_file())
                found |= dict.fromkeys(keys_of(OmegaConf.to_container(load(file))))  # type: ignore[arg-type]
        return [key for key in found if key != "defaults"]

    def save_config(self, config: Mapping[str, Any]) -> None:
        write_atomically(self.folder / ".hydra" / "config.yaml", OmegaConf.to_yaml(config).encode())

    def metrics(self) -> dict[str, Any]:
        """The content of ``metrics.json``; empty before anything was recorded.

        Entries that are not what they should be are left out, and told once.
        """
        path = self.folder / "metrics.json"
        try:
            entries = read_json(path)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            self._warn(path, f"it cannot be read ({first_line(error)})")
            return {}
        if not isinstance(entries, dict):
            self._warn(path, "it holds no entries")
            return {}
        good = {name: value for name, value in entries.items() if _is_right(name, value)}
        if odd := [name for name in entries if name not in good]:
            self._warn(path, f"{', '.join(odd[:5])} is not what it should be")
        return good

    def _warn(self, path: Path, problem: str) -> None:
        if not self._warned:
            log.warning("%s is damaged: %s. That is left out, and written anew by resume=.", path, problem)
            self._warned = True

    def rows(self) -> list[dict[str, float]]:
        """The rows of ``metrics.csv``, finite values only; none where there is no such file."""
        path = self.folder / "metrics.csv"
        rows = []
        try:
            for row in csv.DictReader(io.StringIO(read_text(path))):
                values = {key: float(value) for key, value in row.items() if value}
                rows.append({key: value for key, value in values.items() if math.isfinite(value)})
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, csv.Error) as error:
            self._warn(path, f"row {len(rows) + 1} ({first_line(error)})")
        return [row for row in rows if "epoch" in row]

    def record(self, values: Mapping[str, Any]) -> None:
        """Set keys of ``metrics.json``; the others stay. Raises UserError where the folder is gone."""
        self.check_there()
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
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def check_there(self) -> None:
        """Raise UserError where the folder that this process holds was removed or moved."""
        if self._lock is not None and not self._lock.is_of(self.folder):
            raise UserError(
                f"{self.folder} is gone: it was removed or moved while the run was trained, which ends here."
            )

    def discard(self) -> None:
        """Remove what a run that never trained left; files of others stay."""
        for name in OUR_FOLDERS:
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for name in OUR_FILES:
            (self.folder / name).unlink(missing_ok=True)
        for folder in (self.folder, *self.folder.parents[:3]):
            if folder == Path.cwd() or folder.name == "outputs" or any(folder.iterdir()):
                break
            folder.rmdir()


def _is_right(name: str, value: Any) -> bool:
    """Whether an entry of ``metrics.json`` may have that value."""
    if name in INTEGERS:
        return value is None or (type(value) is int and abs(value) < 2**63)
    if name.startswith(NUMBERS):
        number = type(value) is float or (type(value) is int and abs(value) < 2**63)
        return value is None or (number and (math.isfinite(value) or not name.startswith("seconds/")))
    return value is None or isinstance(value, str | int | float)


def check_format(number: Any, path: str | Path) -> None:
    """Raise UserError for what a newer version has written; the first ones did not say their format."""
    if isinstance(number, int) and number > FORMAT:
        raise UserError(f"{path} was written by a newer pellucid (format {number}). Update.")


def _is_run(folder: Path) -> bool:
    return (folder / ".hydra" / "config.yaml").is_file()


def _newest(folder: Path) -> Path | None:
    """The run begun last in a folder of runs, or in one of folders of runs as outputs is; of sweeps, none.

    None where the folder is a run itself, or holds none.
    """
    return None if _is_run(folder) else _last_begun(begun(folder))


def begun(folder: Path) -> list[Run]:
    """The runs in a folder, or in folders of it, but those of sweeps."""
    files = [*folder.glob("*/.hydra/overrides.yaml"), *folder.glob("*/*/.hydra/overrides.yaml")]
    return [Run(file.parents[1].absolute()) for file in files]


def _last_begun(runs: Sequence[Run]) -> Path | None:
    def when(run: Run) -> int:
        return (run.folder / ".hydra" / "overrides.yaml").stat().st_mtime_ns

    return max(runs, key=when).folder if runs else None


def _newest_named(outputs: Path, name: str) -> Path | None:
    """The run of that name that was begun last; its folder ends with it, as long as nobody renames it."""
    return _last_begun(
        [run for run in begun(outputs) if run.folder.name.endswith(name) and run.name() == name]
    )


def _nearest_name(outputs: Path, name: str) -> str:
    return did_you_mean(name, filter(None, (run.name() for run in begun(outputs)[:MAX_NAMED])))


def check_new_folder(folder: Path) -> None:
    """Raise UserError where a new run could not be written to ``folder``."""
    if os.path.lexists(folder / "metrics.json") or os.path.lexists(folder / ".hydra"):
        raise UserError(
            f"{folder} holds a run already. Continue it by resume={folder}, or choose another folder."
        )
    if (path := str(folder.absolute())) != encodable(path):
        raise UserError(
            f"{folder}: the path of a run's folder must be UTF-8, as TensorBoard cannot write elsewhere. "
            "Choose another one by hydra.run.dir=<folder>."
        )
    check_writable(folder, f"The run folder {folder}", "hydra.run.dir=<folder>")


def quoted(path: Path) -> str:
    """A path as one word of a shell, relative to the current folder where it lies in it."""
    with suppress(ValueError):
        path = path.relative_to(Path.cwd())
    return shlex.quote(str(path))
