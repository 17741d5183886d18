"""The plan of a sweep: its search space, fixed options, and how it goes about it. Values that can be sent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob
from hydra.types import HydraContext
from omegaconf import DictConfig

from pellucid.config.ablation import ablations
from pellucid.config.command_line import assignment
from pellucid.config.compose import container
from pellucid.config.space import SEEDS, Parameter, Scalar, combinations, read_space, searched
from pellucid.engine.build import assemble
from pellucid.errors import UserError, typed
from pellucid.report.sweep.page import Repeat
from pellucid.sweep.folder import SweepFolder
from pellucid.sweep.journal import without_password
from pellucid.task.base import Task

Direction = Literal["maximize", "minimize"]
REPEATED: dict[Repeat, str] = {"seed": "seed", "split": "data.seed", "fold": "data.fold"}
BUILT = ("model", "task", "data", "experiment")  # config groups whose values are built before the first trial


@dataclass(frozen=True)
class Plan:
    """``options`` is the configuration's ``sweep``; ``config`` that of one run, resolved.

    ``repeat_values`` are the seeds, folds or splits of a trial's runs, none where each is one run.
    ``fixed`` are the overrides that all runs share; ``line`` is the command that continues the sweep.
    """

    folder: Path
    space: tuple[Parameter, ...]
    fixed: tuple[str, ...]
    config: Mapping[str, Any]
    options: Mapping[str, Any]
    metric: str
    direction: Direction
    packages: tuple[str, ...]
    line: str
    repeat: Repeat = "seed"
    repeat_values: tuple[int, ...] = ()
    threads: int | None = None

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def sampled(self) -> bool:
        return self.options["sampler"] is not None

    @property
    def total(self) -> int:
        """How many trials the sweep has in the end."""
        limit: int | None = self.options["trials"]
        if self.sampled:
            assert limit is not None
            return limit
        if self.ablation:
            count = len(ablations(self.space))
        else:
            count = math.prod(len(parameter.values or ()) for parameter in self.space)
        return count if limit is None else min(limit, count)

    @property
    def ablation(self) -> bool:
        """Whether its trials are an ablation's; older sweeps knew none."""
        return bool(self.options.get("ablation"))

    def given(self) -> Iterator[dict[str, Scalar]]:
        """The values of each trial, in their order, where none are sampled."""
        return (values for _, values in ablations(self.space)) if self.ablation else combinations(self.space)

    def arm(self, values: Mapping[str, Scalar]) -> tuple[str, ...]:
        """What the run of an ablation's trial notes of it: its name, by which ``table`` has a row."""
        if not self.ablation:
            return ()
        name = next(name for name, arm in ablations(self.space) if arm == dict(values))
        return (assignment("+sweep.arm", name),)

    @property
    def repeats(self) -> dict[str, tuple[str, ...]]:
        """The runs of each trial: a folder in the trial's, "" where there is one, and what that run sets."""
        if not self.repeat_values:
            return {"": ()}
        name = REPEATED[self.repeat]
        return {f"{self.repeat}_{value}": (f"{name}={value}",) for value in self.repeat_values}

    @property
    def max_failures(self) -> int | None:
        limit: int | None = 1 if self.options["fail_fast"] else self.options["max_failures"]
        return limit


def make_plan(folder: SweepFolder, master: DictConfig, context: HydraContext, arguments: list[str]) -> Plan:
    """The plan of a line; every net and data set that it names has been built once. Raises UserError."""
    loader = context.config_loader
    overrides = OverridesParser.create(config_loader=loader).parse_overrides(arguments)
    groups = {
        o.key_or_group: list(loader.get_group_options(o.key_or_group))
        for o in overrides
        if isinstance(o._value, Glob)
    }
    space = read_space(overrides, groups)
    # What every run gets; neither a database's password nor the sweep's own name is among it.
    fixed = [
        *(
            str(override.input_line)
            for override in overrides
            if not override.is_sweep_override()
            and override.key_or_group not in ("sweep.storage", "sweep.name")
        ),
        assignment("sweep.name", folder.folder.name),
    ]

    def compose(values: Mapping[str, Any]) -> dict[str, Any]:
        values_given = [p.override(values.get(p.name, _first(p))) for p in space]
        return container(loader.load_sweep_config(master, [*fixed, *values_given]))

    config, options = compose({}), container(master)["sweep"]
    space, options["folds"] = _folds(space, config["data"], options.get("folds"))  # not of older ones
    if options["folds"] and (options["seeds"] != 1 or space != searched(space)):
        raise UserError("Seeds and folds both repeat a trial: leave one of the two out.")
    repeat, values = _repetition(space, config["seed"], options)
    space = searched(space)
    if repeat == "fold" and config["data"].get("folds") != options["folds"]:
        fixed.append(f"data.folds={options['folds']}")
    elif compose({})["seed"] != config["seed"]:  # the line's first, as sweep.seeds begins with one
        fixed.append(f"seed={values[0]}")
    config = compose({})
    storage = str(options["storage"])
    if storage.startswith("sqlite:///") and not storage.startswith("sqlite:////"):  # found from any folder
        options["storage"] = f"sqlite:///{Path(storage.removeprefix('sqlite:///')).absolute()}"
    metric, direction = _objective(config["sweep"], list(_tasks(space, config, compose, fixed)))
    return Plan(
        folder=folder.folder,
        space=space,
        fixed=tuple(fixed),
        config=config,
        options=options,
        metric=metric,
        direction=direction,
        packages=tuple(config["packages"]),
        repeat=repeat,
        repeat_values=values,
        line=_line(folder, master, arguments),
    )


def _folds(
    space: tuple[Parameter, ...], data: Mapping[str, Any], asked: int | None
) -> tuple[tuple[Parameter, ...], int | None]:
    """The space without the folds of the data, where all are on the line, and how many repeat a trial."""
    count = data.get("folds")
    values = next((parameter.values for parameter in space if parameter.name == "data.fold"), None)
    if count and values and sorted(map(str, values)) == sorted(map(str, range(count))):
        return tuple(parameter for parameter in space if parameter.name != "data.fold"), count
    return space, (count or asked) if asked else None


def _repetition(
    space: tuple[Parameter, ...], first: int, options: dict[str, Any]
) -> tuple[Repeat, tuple[int, ...]]:
    """What the runs of a trial differ in, and its values: folds, the seeds of the line, or ``sweep.seeds``.

    ``options`` says how many there are.
    """
    if options["folds"]:
        return "fold", tuple(range(options["folds"]))
    for parameter in space:
        if parameter.name in SEEDS:
            values = tuple(value for value in parameter.values or () if isinstance(value, int))
            options["seeds"] = len(values)
            return "seed" if parameter.name == "seed" else "split", values if len(values) > 1 else ()
    return "seed", tuple(range(first, first + options["seeds"])) if options["seeds"] > 1 else ()


def _first(parameter: Parameter) -> Any:
    return parameter.values[0] if parameter.values else parameter.low


def _tasks(
    space: tuple[Parameter, ...],
    config: Mapping[str, Any],
    compose: Callable[..., Any],
    overrides: Sequence[str],
) -> Iterator[Task]:
    """The task of the first run, and of each value that changes what is built, in its place."""
    overrides = [*overrides, *(f"{parameter.name}=…" for parameter in space)]
    yield assemble(config, overrides)[1]
    for parameter in space:
        if parameter.name.split(".")[0] not in BUILT:
            continue
        for value in (parameter.values or (parameter.low, parameter.high))[1:]:
            try:
                yield assemble(compose({parameter.name: value}), overrides)[1]
            except UserError as error:
                raise UserError(f"{parameter.override(value)}: {error}") from error


def _objective(options: Mapping[str, Any], tasks: list[Task]) -> tuple[str, Direction]:
    """Metric and direction. Raises UserError where a task does not log the metric."""
    metric = options["metric"]
    names = [{f"val/{name}": kind for name, kind in task.stage_metrics("val").items()} for task in tasks]
    common = [name for name in names[0] if all(name in metrics for metrics in names)]
    if metric == "auto":
        if len({task.monitor for task in tasks}) > 1:
            raise UserError(
                "The models of this sweep have different tasks, whose metrics do not compare. Sweep each "
                f"task alone, or say by what to rank them all the same: sweep.metric={common[0]}."
            )
        metric = tasks[0].monitor
    if metric not in common:
        raise UserError(f"sweep.metric={metric}: not logged by every run. Choices: {', '.join(common)}.")
    if options["direction"] != "auto":
        return metric, options["direction"]
    if metric == tasks[0].monitor:
        return metric, "maximize" if tasks[0].mode == "max" else "minimize"
    if names[0][metric].higher_is_better is None:
        raise UserError(f"sweep.metric={metric}: say whether it should be high: sweep.direction=maximize.")
    return metric, "maximize" if names[0][metric].higher_is_better else "minimize"


def _line(folder: SweepFolder, master: DictConfig, arguments: list[str]) -> str:
    """The command that continues the sweep."""
    hydra = [
        str(text)
        for text in master.hydra.overrides.hydra
        if not str(text).startswith(("hydra.mode=", "hydra.sweep.dir="))
    ]
    if folder.user_conf.is_dir():
        hydra.append(f"--config-dir={folder.user_conf}")
    overrides = [text for text in arguments if not text.startswith(("sweep.name=", "sweep.storage="))]
    if storage := master.sweep.storage:
        overrides.append(f"sweep.storage={without_password(storage)}")
    folder_option = f"sweep.name={folder.folder.name}"
    if folder.folder.parent != Path.cwd() / "outputs" / "sweeps":
        folder_option = f"hydra.sweep.dir={folder.folder}"
    return typed("train", "-m", *hydra, *overrides, folder_option)
