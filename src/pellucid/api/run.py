"""A run that was trained: what it has learned, and every question of the command line as a method."""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from pellucid.draw.formats import by_name, keeping_pictures
from pellucid.errors import UserError, did_you_mean
from pellucid.run import folder as run_folder
from pellucid.system.console import captured
from pellucid.system.files import read_arrays, read_json
from pellucid.system.number_text import metric
from pellucid.view.curves import curves

if TYPE_CHECKING:  # torch
    from torch import nn

    from pellucid.api.images import Images
    from pellucid.data.base import ImageData
    from pellucid.engine.loaded_run import LoadedRun

QUALITY = ("test/", "val/")
SPRITE = "/sprite"  # the thumbnails of TensorBoard's projector, no picture to be looked at


@dataclass(frozen=True, repr=False, eq=False)
class Evaluation(Result):
    """Metrics of a split; ``rows``: an image each. ``intervals``: those of 95 %.

    ``tta``: on which versions of each image; ``gains``: by metric what that adds, and ``gain_intervals``.
    ``temperature``: at which probabilities are, None where none was asked for; ``calibration``: ``nll`` and
    ``ece``, each ``before`` and ``after``. ``aurc``: the area under the risk–coverage curve, of classes.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, Any] = field(default_factory=dict)
    tta: str = "none"
    gains: Mapping[str, float] = field(default_factory=dict)
    gain_intervals: Mapping[str, Any] = field(default_factory=dict)
    temperature: float | None = None
    calibration: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    aurc: float | None = None


class Run:
    """A run that was trained: its ``folder``, ``metrics`` and ``history``, and what can be asked of it.

    Methods take the options of the command of their name. What they find is returned, and lies in the run's
    folder only where the command is told so by ``out``. A notebook shows a run's curves and metrics.
    """

    def __init__(self, source: Path, folder: Path, packages: Sequence[str] = ()) -> None:
        self.source, self.folder, self.packages = source, folder, tuple(packages)

    @classmethod
    def load(cls, source: str | Path, *, packages: Sequence[str] = ()) -> Run:
        """The run of that folder or checkpoint; see ``pellucid.load``. Raises UserError."""
        if not isinstance(source, str | Path):
            raise UserError(f"load(…) takes a folder, a name of runs or a checkpoint, got {source!r:.60}.")
        path = Path(source).expanduser()
        if path.is_file():
            return cls(path.absolute(), path.absolute().parent.parent, packages)
        folder = run_folder.Run.open(source).folder
        return cls(folder, folder, packages)

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
        """Its folder with the folder of its like, ``cnn_digits/<run>``."""
        return "/".join(self.folder.parts[-2:])

    @cached_property
    def _loaded(self) -> LoadedRun:
        from pellucid.engine.loaded_run import restore  # torch

        with captured():
            return restore(self.source, packages=self.packages)

    @cached_property
    def _data(self) -> ImageData:
        with captured():
            return self._loaded.data()

    @property
    def net(self) -> nn.Module:
        """The trained net, of the best epoch, in evaluation mode."""
        return self._loaded.net.eval()

    @property
    def classes(self) -> tuple[str, ...]:
        """Names in the order of the net's scores; of a run with numbers, theirs."""
        return self._loaded.spec.classes

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Of an image that the net takes, (C, H, W)."""
        return self._loaded.spec.image_shape

    @property
    def normalization(self) -> dict[str, tuple[float, ...]]:
        """``mean`` and ``std`` by which images are normalised, ``look(run.net, …, **run.normalization)``."""
        spec = self._loaded.spec
        return {"mean": spec.mean, "std": spec.std}

    def images(self, count: int = 20, *, split: str = "test", seed: int = 0) -> Images:
        """Some images of a split, each class in turn; the same ones for a ``seed``. Raises UserError."""
        from pellucid.api.images import images_of

        return images_of(self._data, split, count, seed, title=self.name)

    def graph(self, *, depth: int | None = None) -> Result:
        """See ``pellucid.graph``."""
        from pellucid.api import net

        return net.graph(self.net, self.image_shape, depth=depth)

    def summary(self, *, depth: int = 2) -> Result:
        """See ``pellucid.summary``."""
        from pellucid.api import net

        return net.summary(self.net, self.image_shape, depth=depth)

    def filters(self, **options: Any) -> Result:
        """See ``pellucid.filters``."""
        from pellucid.api import net

        return net.filters(self.net, **options)

    def feature_maps(self, images: Images | None = None, **options: Any) -> Result:
        """See ``pellucid.feature_maps``; of some test images where none are given."""
        from pellucid.api import net

        images, spec = images or self.images(3), self._loaded.spec
        return net.feature_maps(self.net, images.pixels, mean=spec.mean, std=spec.std, **options)

    def view(self, name: str, *, epoch: int | None = None) -> Figures:
        """The pictures that training has drawn of a view, ``view("latent")``, of the last epoch that it was
        drawn after, or of that one. Raises UserError.
        """
        drawn = Figures.of_folder(self.folder / "figures")
        names = {each for each in drawn if each.split("/")[0] == name}
        if not names:
            there = sorted({each.split("/")[0] for each in drawn})
            hint = did_you_mean(name, there)
            raise UserError(
                f"view={name}: expected one of {', '.join(there) or 'none: none was drawn'}.{hint}"
            )
        epochs = {each: int(match[1]) for each in names if (match := re.search(r"epoch_(\d+)$", each))}
        wanted = max(epochs.values(), default=0) if epoch is None else epoch
        chosen = [each for each in drawn if each in names and epochs.get(each, wanted) == wanted]
        if not chosen:
            after = ", ".join(map(str, sorted(set(epochs.values()))))
            raise UserError(f"epoch={epoch}: {name} was drawn after {after}.")
        return drawn.chosen(chosen)

    def evaluate(self, *overrides: str, **options: Any) -> Evaluation:
        """Metrics with intervals, by class and by image; ``split="val"``. Other data by overrides,
        ``"data=image_folder", "data.root=/my/photos"``. ``tta="flip"``: on several versions of each image;
        ``calibrate=True``: at a temperature that is fitted on validation, and kept in the run's folder.
        """
        with _asked("evaluate", overrides, self._with_own(options)) as (found, folder):
            file = next(folder.rglob("metrics.json"), None)
            if file is None:  # checkpoint=all
                return Evaluation(found.text, found.rows, figures=found.figures)
            facts = read_json(file)
            rows = _rows_of(file.with_name("images.csv"))
        return Evaluation(
            found.text,
            rows,
            figures=found.figures,
            metrics=facts["metrics"],
            intervals=facts["intervals"],
            tta=facts.get("tta", "none"),
            gains=facts.get("gains", {}),
            gain_intervals=facts.get("gain_intervals", {}),
            temperature=facts.get("temperature", {}).get("temperature"),
            calibration=facts.get("calibration", {}),
            aurc=facts.get("aurc"),
        )

    def predict(self, images: str | Path | Images, **options: Any) -> Result:
        """Class and confidence of image files, or of ``run.images()``, labels or numbers; a row each."""
        return self._ask("predict", (), {"images": images, **options})

    def explain(self, images: str | Path | Images | None = None, *overrides: str, **options: Any) -> Result:
        """Maps of what speaks for the prediction of image files, or of ``run.images()``, where none are given
        of some; ``target="cat"``. Arrays: each file's image and its maps, ``cat.jpg/saliency``.
        """
        images = self.images(3) if images is None else images
        return self._ask("explain", overrides, {"images": images, **options})

    def embed(self, *overrides: str, **options: Any) -> Result:
        """What a layer makes of a split's images, on a plane; ``layer=…``, ``neighbours="cat.jpg"`` or
        ``run.images()``.
        """
        return self._ask("embed", overrides, options)

    def units(self, layer: str = "auto", *overrides: str, **options: Any) -> Result:
        """What each unit of a layer responds to, a row each."""
        return self._ask("units", overrides, {"layer": layer, **options})

    def compare(self, *others: Run | str | Path, **options: Any) -> Result:
        """What one other run or more do otherwise on the test images of all, ``run.compare(a, "deeper")``.

        Other data by overrides among them, ``"data.root=/my/photos"``. Raises UserError.
        """
        overrides = [text for text in others if isinstance(text, str) and _is_override(text)]
        runs = [
            other.source if isinstance(other, Run) else Run.load(other).source
            for other in others
            if other not in overrides
        ]
        given = {"runs": [self.source, *runs], **self._own, **options}
        with _asked("compare", overrides, given) as (found, _):
            return found

    def export(self, format: str = "onnx", **options: Any) -> Path:
        """The net as a file for other programs, by default in ``export/`` of the run's folder; its path."""
        return Path(call("export", (), self._with_own({"format": format, **options}))[0])

    def report(self, **options: Any) -> Path:
        """The run's page, written; its path."""
        return Path(call("report", (), self._with_own(options))[0])

    def _ask(self, verb: str, overrides: Iterable[str], options: Mapping[str, Any]) -> Result:
        with tempfile.TemporaryDirectory() as temporary:
            given = {
                name: value.save(temporary) if isinstance(value, Result) else value
                for name, value in options.items()
            }
            with _asked(verb, overrides, self._with_own(given)) as (found, _):
                return replace(
                    found,
                    text=found.text.replace(f"{temporary}/", ""),
                    rows=[
                        {
                            name: value.replace(f"{temporary}/", "") if isinstance(value, str) else value
                            for name, value in row.items()
                        }
                        for row in found.rows
                    ],
                )

    @property
    def _own(self) -> dict[str, Any]:
        return {"packages": list(self.packages)} if self.packages else {}

    def _with_own(self, options: Mapping[str, Any]) -> dict[str, Any]:
        return {"run": self.source, **self._own, **options}

    def __repr__(self) -> str:
        figures = [
            f"{name} {metric(value)}"
            for stage in QUALITY
            for name, value in self.metrics.items()
            if name.startswith(stage) and isinstance(value, float)
        ]
        return "   ".join([f"Run {self.name} ({self.metrics.get('status', 'unknown')})", *figures])

    def _repr_html_(self) -> str:
        return preformatted(repr(self)) + self.history.figures._repr_html_()


def load(source: str | Path, *, packages: Sequence[str] = ()) -> Run:
    """A run by its folder, a folder of runs or ``last`` for the newest of all, or a checkpoint.

    ``packages``: of a net of your own; their code is run. Raises UserError.
    """
    return Run.load(source, packages=packages)


@contextmanager
def _asked(verb: str, overrides: Iterable[str], options: Mapping[str, Any]) -> Iterator[tuple[Result, Path]]:
    """What a command finds, and the folder of its files, which stays where ``out`` names one."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.get("out", temporary)).expanduser()
        with keeping_pictures() as drawn:
            value, text = call(verb, overrides, {**options, "out": folder})
        text = "\n".join(line for line in text.splitlines() if temporary not in line)
        rows = value if isinstance(value, list) else [value] if isinstance(value, dict) else []
        arrays: dict[str, np.ndarray] = {}
        for path in sorted(folder.rglob("*.npz")):
            name = path.relative_to(folder).with_suffix("").as_posix()
            arrays |= {f"{name}/{key}": values for key, values in read_arrays(path).items()}
        pictures = Figures.of_folder(folder)
        shown = [name for name in pictures if not name.endswith(SPRITE)]
        yield Result(text, rows, arrays, pictures.chosen(shown, by_name(drawn, folder))), folder


def _is_override(text: str) -> bool:
    """Whether it sets an option, and is no path with an equals sign in it."""
    return "=" in text and not Path(text).expanduser().exists()


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


def call(verb: str, overrides: Iterable[str], options: Mapping[str, Any]) -> tuple[Any, str]:
    """What a command returns and what it shows, by its own check of the line. Raises UserError."""
    conf = conf_folder()
    command = Command(conf, verb)
    argv = [*overrides, *(_override(name, value) for name, value in options.items() if value is not None)]
    if flags := [text for text in argv if text.startswith("-")]:
        raise UserError(f"{flags[0]}: expected group.key=value.")
    line = split(argv, command).with_user_files(conf)
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
    if not isinstance(value, bool | int | float | Mapping):
        given = f"{type(value).__module__}.{type(value).__name__}"
        raise UserError(f"{name}: expected a text, a path, a number, or a list of these, got a {given}.")
    return f"{name}={str(value).lower() if isinstance(value, bool) else value}"
