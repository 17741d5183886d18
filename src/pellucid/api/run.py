"""A run that was trained: what it has learned, and every question of the command line as a method."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.api.result import Result, preformatted
from pellucid.commands.command import find_packages, work
from pellucid.commands.shell import conf_folder
from pellucid.config.command import Command
from pellucid.config.command_line import assignment, split
from pellucid.config.compose import in_quotes
from pellucid.config.trust import own_packages
from pellucid.draw.curves import draw_curves
from pellucid.draw.figures import Figures
from pellucid.errors import UserError
from pellucid.run import folder as run_folder
from pellucid.system.console import captured
from pellucid.system.files import read_arrays, read_json
from pellucid.view.curves import curves

QUALITY = ("test/", "val/")


@dataclass(frozen=True, repr=False, eq=False)
class Evaluation(Result):
    """Metrics of a split; ``rows``: an image each. ``intervals``: those of 95 %."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, Any] = field(default_factory=dict)


class Run:
    """A run that was trained: its ``folder``, ``metrics`` and ``history``, and what can be asked of it.

    Methods take the options of the command of their name. What they find is returned, and lies in the run's
    folder only where the command is told so by ``out``. A notebook shows a run's curves and metrics.
    """

    def __init__(self, source: Path, folder: Path) -> None:
        self.source, self.folder = source, folder

    @classmethod
    def load(cls, source: str | Path) -> Run:
        """See ``load``."""
        path = Path(source).expanduser()
        if path.is_file():
            return cls(path.absolute(), path.absolute().parent.parent)
        folder = run_folder.Run.open(source).folder
        return cls(folder, folder)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """What ``metrics.json`` says: the best epoch's figures, seconds, versions."""
        return run_folder.Run(self.folder).metrics()

    @cached_property
    def history(self) -> Result:
        """The metrics of each epoch, with their curves."""
        rows = run_folder.Run(self.folder).rows()
        figures = {"curves": draw_curves(curves(rows).metrics, title=self.name)} if rows else {}
        return Result(f"{len(rows)} epochs of {self.name}", rows, figures=Figures.drawn(figures))

    @property
    def name(self) -> str:
        return "/".join(self.folder.parts[-2:])

    def evaluate(self, *overrides: str, **options: Any) -> Evaluation:
        """Metrics with intervals, by class and by image; ``split="val"``. Other data by overrides,
        ``"data=image_folder", "data.root=/my/photos"``.
        """
        with _asked("evaluate", overrides, {"run": self.source, **options}) as (found, folder):
            file = next(folder.rglob("metrics.json"), None)
            if file is None:  # checkpoint=all
                return Evaluation(found.text, found.rows, figures=found.figures)
            facts = read_json(file)
            rows = _rows_of(file.with_name("images.csv"))
        return Evaluation(found.text, rows, {}, found.figures, facts["metrics"], facts["intervals"])

    def predict(self, images: str | Path, **options: Any) -> Result:
        """Class and confidence of image files, labels or numbers; a row each."""
        return self._ask("predict", (), {"images": images, **options})

    def explain(self, images: str | Path, *overrides: str, **options: Any) -> Result:
        """Maps of what speaks for the prediction of image files; ``target="cat"``. Arrays: each file's image
        and its maps, ``cat.jpg/saliency``.
        """
        return self._ask("explain", overrides, {"images": images, **options})

    def embed(self, *overrides: str, **options: Any) -> Result:
        """What a layer makes of a split's images, on a plane; ``layer=…``, ``neighbours="cat.jpg"``."""
        return self._ask("embed", overrides, options)

    def units(self, layer: str = "auto", *overrides: str, **options: Any) -> Result:
        """What each unit of a layer responds to, a row each."""
        return self._ask("units", overrides, {"layer": layer, **options})

    def compare(self, other: Run | str | Path, *overrides: str, **options: Any) -> Result:
        """What another run does otherwise on the test images of both."""
        second = other.source if isinstance(other, Run) else Run.load(other).source
        with _asked("compare", overrides, {"runs": [self.source, second], **options}) as (found, _):
            return found

    def export(self, format: str = "onnx", **options: Any) -> Path:
        """The net as a file for other programs, by default in ``export/`` of the run's folder; its path."""
        return Path(_call("export", (), {"run": self.source, "format": format, **options})[0])

    def report(self, **options: Any) -> Path:
        """The run's page, written; its path."""
        return Path(_call("report", (), {"run": self.source, **options})[0])

    def _ask(self, verb: str, overrides: Iterable[str], options: Mapping[str, Any]) -> Result:
        with _asked(verb, overrides, {"run": self.source, **options}) as (found, _):
            return found

    def __repr__(self) -> str:
        figures = [
            f"{name} {value:.4f}"
            for stage in QUALITY
            for name, value in self.metrics.items()
            if name.startswith(stage) and isinstance(value, float)
        ]
        return "   ".join([f"Run {self.name} ({self.metrics.get('status', 'unknown')})", *figures])

    def _repr_html_(self) -> str:
        return preformatted(repr(self)) + self.history.figures._repr_html_()


def load(source: str | Path) -> Run:
    """A run by its folder, a folder of runs or ``last`` for the newest of all, or a checkpoint.

    Raises UserError.
    """
    return Run.load(source)


@contextmanager
def _asked(verb: str, overrides: Iterable[str], options: Mapping[str, Any]) -> Iterator[tuple[Result, Path]]:
    """What a command finds, and the folder of its files, which stays where ``out`` names one."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.get("out", temporary)).expanduser()
        value, text = _call(verb, overrides, {**options, "out": folder})
        text = "\n".join(line for line in text.splitlines() if temporary not in line)
        rows = value if isinstance(value, list) else [value] if isinstance(value, dict) else []
        arrays: dict[str, np.ndarray] = {}
        for path in sorted(folder.rglob("*.npz")):
            name = path.relative_to(folder).with_suffix("").as_posix()
            arrays |= {f"{name}/{key}": values for key, values in read_arrays(path).items()}
        yield Result(text, rows, arrays, Figures.of_folder(folder)), folder


def _rows_of(path: Path) -> list[dict[str, Any]]:
    """A table of ours, its numbers as such."""
    with path.open(encoding="utf-8", newline="") as file:
        return [{name: _value(text) for name, text in row.items()} for row in csv.DictReader(file)]


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _call(verb: str, overrides: Iterable[str], options: Mapping[str, Any]) -> tuple[Any, str]:
    """What a command returns and what it shows, by its own check of the line. Raises UserError."""
    conf = conf_folder()
    command = Command(conf, verb)
    argv = [*overrides, *(_override(name, value) for name, value in options.items() if value is not None)]
    if flags := [text for text in argv if text.startswith("-")]:
        raise UserError(f"{flags[0]}: expected group.key=value.")
    line = split(argv, command).with_conf_beside(conf)
    find_packages(own_packages(line, conf, training=False))
    with captured() as shown:
        value = work(command, line)
    return value, shown.getvalue().strip("\n")


def _override(name: str, value: Any) -> str:
    if isinstance(value, str | Path):
        return assignment(name, str(value))
    if isinstance(value, list | tuple):
        items = (in_quotes(str(item)) if isinstance(item, str | Path) else str(item) for item in value)
        return f"{name}=[{','.join(items)}]"
    return f"{name}={str(value).lower() if isinstance(value, bool) else value}"
