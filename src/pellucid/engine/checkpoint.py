"""The checkpoints of a run: ``last.ckpt``, ``best.ckpt`` and, if asked, one every few epochs.

``last.ckpt`` is where a run stands: all that an epoch has logged is on disk before it, and the others are
copies of it, which a run that was killed in between makes up for.
"""

from __future__ import annotations

import filecmp
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from torch import Tensor
from torch.optim import Optimizer

from pellucid.engine.recorder import Recorder
from pellucid.errors import UserError
from pellucid.metrics.curves import Rows, best_epoch
from pellucid.run.checkpoint import load_checkpoint, write_checkpoint
from pellucid.system.ranges import check_range
from pellucid.task.base import FUSED

log = logging.getLogger(__name__)


class CheckpointKeeper(Checkpoint):
    """Checkpoints after every epoch; the best is the one with the best ``monitor`` on validation so far.

    ``keep_every`` n keeps ``epoch_0003.ckpt`` (epochs counted from 1) after every n-th epoch, 0 none.
    ``last``: the checkpoint that the training goes on from; None for a new one.
    """

    def __init__(
        self,
        *,
        folder: Path,
        monitor: str,
        mode: str,
        keep_every: int,
        recorder: Recorder,
        last: Mapping[str, Any] | None,
    ) -> None:
        check_range("keep_every", keep_every)
        self.folder, self.monitor, self.mode, self.keep_every = folder, monitor, mode, keep_every
        self.recorder, self.last = recorder, last

    @property
    def state_key(self) -> str:
        """The name under which a checkpoint of format 1 holds what this once kept there."""
        return "Checkpoint"

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.last is None:
            return
        states, schedules = self.last["optimizer_states"], self.last["lr_schedulers"]
        same = len(states) == len(trainer.optimizers) and len(schedules) == len(trainer.lr_scheduler_configs)
        counted = all(isinstance(schedule.get("last_epoch"), int) for schedule in schedules)
        if not (same and counted and all(map(fits, trainer.optimizers, states))):
            raise UserError(
                f"{self.folder / 'last.ckpt'} cannot be continued from: the state of optimizer or scheduler "
                "is not one of this run. To continue from the best epoch, copy "
                f"{self.folder / 'best.ckpt'} over it."
            )

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_last_batch:  # the budget cut the epoch: resuming will do it again, whole
            return
        for logger in trainer.loggers:
            logger.save()
        trainer.save_checkpoint(self.folder / "last.ckpt")
        if trainer.is_global_zero:
            self.copy_last(self.recorder.rows)
        trainer.strategy.barrier()  # the other processes will read them

    def make_up(self, rows: Rows) -> None:
        """As training goes on from ``last.ckpt``: what is missing of the others, the best above all."""
        self.copy_last(rows)
        best, path = best_epoch(rows, self.monitor, self.mode), self.folder / "best.ckpt"
        if best is None or best == len(rows) or _epoch_of(path) == best:
            return
        numbered = self.folder / f"epoch_{best:04d}.ckpt"
        source = numbered if _epoch_of(numbered) == best else self.folder / "last.ckpt"
        if source != numbered:
            log.warning(
                "%s is not that of epoch %d, the best; until a better one, that of epoch %d stands in.",
                *(path, best, len(rows)),
            )
        write_checkpoint(path, source.read_bytes())

    def copy_last(self, rows: Rows) -> None:
        """Make of ``last.ckpt``, which ``rows`` lead to, the copies that are due and not there."""
        epoch = len(rows)
        if self.keep_every and epoch % self.keep_every == 0:
            self._copy(f"epoch_{epoch:04d}.ckpt")
        if epoch == best_epoch(rows, self.monitor, self.mode):
            self._copy("best.ckpt")

    def _copy(self, name: str) -> None:
        last, copy = self.folder / "last.ckpt", self.folder / name
        if not (copy.is_file() and filecmp.cmp(last, copy, shallow=False)):
            write_checkpoint(copy, last.read_bytes())


def _epoch_of(path: Path) -> int | None:
    """Counted from 1; None where there is no checkpoint that can be read."""
    try:
        return int(load_checkpoint(path)["epoch"]) + 1
    except UserError:
        return None


def fits(optimizer: Optimizer, state: Any) -> bool:
    """Whether a checkpoint's state is one that this optimizer, still fresh, can be given.

    Those that are fused compute without looking: numbers of another shape would end the process.
    """
    try:
        groups = zip(optimizer.param_groups, state["param_groups"], strict=True)
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        return (
            all(_like(ours[key], saved[key]) for ours, saved in groups for key in ours if key != "params")
            and set(state["state"]) <= set(range(len(parameters)))
            and (
                type(optimizer) not in FUSED
                or len({_kinds(values) for values in state["state"].values()}) <= 1
            )
            and all(
                type(optimizer) not in FUSED or _of(parameters[number], value)
                for number, values in state["state"].items()
                for value in values.values()
            )
        )
    except (TypeError, ValueError, LookupError, AttributeError, RuntimeError):
        return False


def _kinds(values: Mapping[str, Any]) -> frozenset[tuple[str, type]]:
    return frozenset((name, type(value)) for name, value in values.items())


def _like(default: Any, saved: Any) -> bool:
    """Whether two options of an optimizer are of one kind: a number, numbers, or a choice left open."""
    if isinstance(default, tuple | list):
        return (
            isinstance(saved, tuple | list) and len(default) == len(saved) and all(map(_like, default, saved))
        )
    if isinstance(default, str):  # how an optimizer works
        return isinstance(saved, str) and saved == default
    if isinstance(default, bool) or default is None:
        return saved is None or isinstance(saved, bool | int | float)
    return isinstance(saved, Tensor | int | float) and not isinstance(saved, bool) and math.isfinite(saved)


def _of(parameter: Tensor, value: Any) -> bool:
    """Whether a part of the state is a number, or has one for each of the parameter's."""
    if not isinstance(value, Tensor):
        return value is None or isinstance(value, int | float)
    same_shape = value.numel() == 1 or value.shape == parameter.shape
    return value.is_floating_point() and value.layout == torch.strided and same_shape
