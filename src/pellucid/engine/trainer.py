"""The Lightning Trainer of a run: the user's callbacks and loggers among those that every run has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch import Trainer
from lightning.pytorch.profilers import AdvancedProfiler, SimpleProfiler

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.view_scheduler import ViewScheduler
from pellucid.callbacks.visualizer import Visualizer
from pellucid.config.build import build
from pellucid.data.base import ImageData
from pellucid.engine.averaging import ShownWeights, shows_others
from pellucid.engine.checkpoint import CheckpointKeeper
from pellucid.engine.finite import FiniteLoss
from pellucid.engine.host import RunHost
from pellucid.engine.loggers import go_on, guard, names_in_services
from pellucid.engine.pruning import Pruning
from pellucid.engine.recorder import Recorder
from pellucid.errors import UserError, did_you_mean, first_line
from pellucid.run.checkpoint import AtomicCheckpointIO
from pellucid.run.folder import Run
from pellucid.system.process import is_of_options, is_of_restoring
from pellucid.task.base import Task

QUIET = {"num_sanity_val_steps": 0, "enable_progress_bar": False, "enable_model_summary": False}
# Which would tell a log that is not shown; so they write profile.txt and the like.
PROFILERS = {"simple": SimpleProfiler, "advanced": AdvancedProfiler}


def make_trainer(
    config: Mapping[str, Any],
    task: Task,
    data: ImageData,
    *,
    run: Run,
    recorder: Recorder,
    host: RunHost,
    figures: FigureLogger,
    pruning: Pruning | None,
    last: Mapping[str, Any] | None,
    resume: bool,
    main: bool,
    sweep: str | None = None,
) -> Trainer:
    """The Trainer that the configuration describes. Raises UserError.

    ``last``: the checkpoint that the training goes on from; the loggers forget what came after it.
    ``main``: in the run's first process, which alone speaks to services. ``sweep``: its name, within one.
    """
    packages, folder = config["packages"], str(run.folder)
    offered = {
        "image_shape": data.spec.image_shape,
        "config": recorder.config,
        "save_dir": folder,
        "figures": figures,
    }
    offered |= names_in_services(run, config.get("name"), sweep)
    callbacks, loggers = (
        [
            build(_watching(node, config, task), group, packages=packages, **offered)
            for node in (config[group] or {}).values()
            if main or not str(node["_target_"]).startswith("pellucid.logger.")
        ]
        for group in ("callbacks", "logger")
    )
    views = [callback for callback in callbacks if isinstance(callback, Visualizer)]
    for view in views:
        view.check()
    for logger in loggers:
        guard(logger)
    if main:
        last_step = last["global_step"] if last else -1
        go_on(loggers, last_step if resume else None)
    average = build(node, "average", packages=packages) if (node := config.get("average")) else None
    shown = []
    if shows_others(average, task.make_optimizer):
        shown.append(ShownWeights(average=average, data=data))
    keep = CheckpointKeeper(
        folder=run.checkpoints,
        monitor=task.monitor,
        mode=task.mode,
        keep_every=config["keep_every"],
        recorder=recorder,
        last=last,
    )
    if main and last:
        keep.make_up(last["callbacks"]["Recorder"]["rows"])
    ours: dict[str, Any] = {
        # Views draw what the recorder has noted, and before the checkpoint: a run killed while they draw
        # does the epoch again.
        "callbacks": [
            *(*shown, FiniteLoss(), recorder, host, *callbacks, ViewScheduler(views, figures)),
            *([pruning] if pruning else []),
            keep,
        ],
        "logger": loggers,
        # Within a job of Slurm too: Lightning's own handling would requeue beside the launcher's.
        "plugins": [AtomicCheckpointIO(), LightningEnvironment()],
        "default_root_dir": folder,
        **QUIET,
    }
    if (profiler := config["trainer"].get("profiler")) in PROFILERS:
        ours["profiler"] = PROFILERS[profiler](dirpath=run.folder, filename="profile")
    node = {key: value for key, value in config["trainer"].items() if key not in ours}
    if any(kind in str(node.get("strategy")) for kind in ("spawn", "fork", "notebook")):
        raise UserError(f"trainer.strategy={node['strategy']}: expected ddp, whose processes are commands.")
    trainer: Trainer = build(node, "trainer", packages=packages, **ours)
    return trainer


def _watching(node: Mapping[str, Any], config: Mapping[str, Any], task: Task) -> Mapping[str, Any]:
    """The node; of early stopping with the metric that it watches, and whether that should be high.

    ``auto``: the one that chooses the best checkpoint where the user has chosen it, else the loss. Raises
    UserError for one that the task does not log.
    """
    if str(node["_target_"]).rpartition(".")[2] != "EarlyStopping" or "monitor" not in node:
        return node
    monitor = node["monitor"]
    if monitor == "auto":
        monitor = task.monitor if config["task"].get("monitor") else "val/loss"
    stages = [stage for stage in ("train", "val") if config["trainer"].get(f"limit_{stage}_batches") != 0]
    logged = {f"{stage}/{name}": kind for stage in stages for name, kind in task.stage_metrics(stage).items()}
    stage = str(monitor).partition("/")[0]
    if monitor not in logged and stage in stages and type(task).__module__.startswith("pellucid.task."):
        raise UserError(
            f"callbacks: early stopping by monitor={monitor}, which is not logged."
            f"{did_you_mean(monitor, logged, cutoff=0.7)} Choices: {', '.join(logged)}."
        )
    higher = logged[monitor].higher_is_better if monitor in logged else None
    mode = task.mode if monitor == task.monitor else "max" if higher else "min"
    return {"mode": mode, **node, "monitor": monitor}


def fit(
    trainer: Trainer,
    task: Task,
    data: ImageData,
    *,
    run: Run,
    recorder: Recorder,
    last: Mapping[str, Any] | None,
) -> None:
    """Train, from the ``last`` checkpoint where there is one. Raises UserError for what does not fit."""
    try:
        trainer.fit(task, datamodule=data, ckpt_path=str(run.last) if last else None)
    except Exception as error:
        if not recorder.started and is_of_options(error):
            raise UserError(f"The trainer's options: {first_line(error)}") from error
        has_trained = last is None or len(recorder.rows) > int(last["epoch"]) + 1
        if has_trained or not is_of_restoring(error):
            raise
        raise UserError(
            f"{run.last} cannot be continued from: its state of the training does not fit "
            f"({type(error).__name__}: {first_line(error)}). To continue from the best epoch, copy "
            f"{run.best} over it."
        ) from error
