"""The weights that a run shows, where they are not those that it trains: averaged ones, or an optimizer's.

From a validation on, and after each epoch until the next step, the net holds the averaged weights: they are
validated, drawn, and kept in the checkpoint as the net's. Training goes on from its own, bitwise.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor
from torch.nn.modules.batchnorm import _NormBase
from torch.optim import Optimizer

from pellucid.average.base import Average
from pellucid.data.base import ImageData
from pellucid.errors import UserError
from pellucid.inside.preserve_state import preserve_random_state, unwrap_compiled
from pellucid.task.base import Task

log = logging.getLogger(__name__)
HALF = (torch.float16, torch.bfloat16)  # too coarse to be averaged in


class ShownWeights(Callback):
    """Has the net hold what is shown while it is not trained. First among the callbacks.

    ``average``: how weights are averaged; None where the optimizer alone has others than it trains, as those
    have that are schedule-free. ``data``: of whose training images statistics are estimated.
    """

    def __init__(self, *, average: Average | None, data: ImageData) -> None:
        self.average, self.data = average, data
        self.count = 0  # of values in the average
        self._tensors: dict[str, Tensor] = {}  # of the net and its loss, that are averaged
        self._averages: dict[str, Tensor] = {}
        self._trained: dict[str, Tensor] | None = None  # values in training, while others are shown
        self._stored: Mapping[str, Any] = {}
        self._step = 0
        self._epoch = 0  # the last whose weights were taken in

    def state_dict(self) -> dict[str, Any]:
        """What the checkpoint needs beside the net's weights, which are those that are shown."""
        state: dict[str, Any] = {"count": self.count, "epoch": self._epoch}
        if self._trained is not None:
            state["trained"] = dict(self._trained)
        exact = {name: a for name, a in self._averages.items() if a.dtype != self._tensors[name].dtype}
        return state | ({"averages": exact} if exact else {})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._stored = state_dict

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, Task)
        if self.average is None:
            return
        self.average.takes(1, trainer.max_epochs)  # which raises where it cannot be known
        if not isinstance(trainer.strategy, SingleDeviceStrategy | DDPStrategy):
            raise UserError(
                f"average: weights that {type(trainer.strategy).__name__} shares out among devices are not "
                "averaged. Take trainer.strategy=ddp, or average=none."
            )
        self._tensors = averaged_tensors(pl_module, statistics=self.average.statistics == "averaged")
        self._averages = {name: _exact(tensor) for name, tensor in self._tensors.items()}
        if not self._stored:
            log.info(
                "Weights: their %s is what is validated, drawn, tested and kept; last.ckpt holds those in "
                "training beside it.",
                self.average.title,
            )
            return
        self.count, self._epoch = int(self._stored.get("count", 0)), int(self._stored.get("epoch", 0))
        for name, average in (self._stored.get("averages") or {}).items():
            self._averages[name].copy_(average)
        trained = self._stored.get("trained") or {}
        if trained:
            _check(trained, self._restored(pl_module))
            self._trained = {name: value.to(self._device(name, pl_module)) for name, value in trained.items()}
        self._stored = {}

    def _restored(self, task: Task) -> dict[str, Tensor]:
        """All that is another while weights are shown: what is averaged, and estimated statistics."""
        assert self.average is not None
        return {**self._tensors, **(averaged_tensors(task, statistics=True))}

    def _device(self, name: str, task: Task) -> torch.device:
        return self._restored(task)[name].device

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._step = trainer.global_step
        self._to_training(trainer, pl_module)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._to_training(trainer, pl_module)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.average is None or trainer.global_step == self._step:  # gradients are still accumulated
            return
        self._step = trainer.global_step
        if self.average.each == "step":
            self._take()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn == TrainerFn.FITTING:
            self._to_shown(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._to_shown(trainer, pl_module)

    def _take(self) -> None:
        """Take the weights of now into the average."""
        assert self.average is not None
        averages, values = list(self._averages.values()), list(self._tensors.values())
        with torch.no_grad():
            values = [v.to(a.dtype) for a, v in zip(averages, values, strict=True)]
            if self.count == 0:
                torch._foreach_copy_(averages, values)
            else:
                self.average.update(averages, values, self.count)
        self.count += 1

    def _take_epoch(self, trainer: Trainer) -> None:
        """At an epoch's end, once: the weights of epochs that are averaged."""
        epoch = trainer.current_epoch + 1
        if self.average is None or self.average.each != "epoch" or not trainer.is_last_batch:
            return
        if epoch == self._epoch:
            return
        taken, before = (self.average.takes(number, trainer.max_epochs) for number in (epoch, epoch - 1))
        if not (taken and before):
            self.count = 0  # a run that goes on with more epochs averages its last ones alone
        if taken:
            self._take()
        self._epoch = epoch

    @torch.no_grad()
    def _to_shown(self, trainer: Trainer, task: LightningModule) -> None:
        assert isinstance(task, Task)
        for optimizer in switching(trainer.optimizers):
            optimizer.eval()  # type: ignore[attr-defined]
        if self.average is None or self._trained is not None:
            return
        self._take_epoch(trainer)
        if self.count == 0:
            return
        self._trained = {name: tensor.clone() for name, tensor in self._restored(task).items()}
        if trainer.world_size > 1:  # statistics of batch norms are each process's own until they are sent
            parameters = dict(task.named_parameters())
            for name, average in self._averages.items():  # in the same order everywhere
                if name not in parameters:
                    torch.distributed.broadcast(average, 0)
        for name, tensor in self._tensors.items():
            tensor.copy_(self._averages[name])
        if self.average.statistics == "estimated":
            estimate_statistics(task, self.data, trainer)

    @torch.no_grad()
    def _to_training(self, trainer: Trainer, task: LightningModule) -> None:
        assert isinstance(task, Task)
        for optimizer in switching(trainer.optimizers):
            optimizer.train()  # type: ignore[attr-defined]
        if self._trained is None:
            return
        tensors = self._restored(task)
        for name, value in self._trained.items():
            tensors[name].copy_(value)
        self._trained = None


def switching(optimizers: list[Optimizer]) -> list[Optimizer]:
    """Those that have other weights in training than are to be shown: schedule-free ones."""
    return [
        o for o in optimizers if callable(getattr(o, "train", None)) and callable(getattr(o, "eval", None))
    ]


def averaged_tensors(task: Task, *, statistics: bool) -> dict[str, Tensor]:
    """What of a net and its loss is averaged, by name: trained parameters, and running ``statistics``."""
    tensors = {name: p.detach() for name, p in task.named_parameters() if p.requires_grad}
    if statistics:
        for prefix, module in _norms(task):
            for name in ("running_mean", "running_var"):
                tensors[f"{prefix}.{name}"] = getattr(module, name)
    return tensors


def _norms(task: Task) -> Iterator[tuple[str, _NormBase]]:
    """Norms with running statistics, by name."""
    for name, module in task.named_modules():
        if isinstance(module, _NormBase) and module.running_mean is not None:
            yield name, module


@contextmanager
def _estimating(norms: list[_NormBase]) -> Iterator[None]:
    """Within, the norms' statistics begin anew, and are the mean over all batches."""
    momenta, counts = [n.momentum for n in norms], [n.num_batches_tracked for n in norms]
    kept = [None if count is None else count.clone() for count in counts]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    try:
        yield
    finally:
        for norm, momentum, count in zip(norms, momenta, kept, strict=True):
            norm.momentum = momentum
            if count is not None and norm.num_batches_tracked is not None:
                norm.num_batches_tracked.copy_(count)


@torch.no_grad()
def estimate_statistics(task: Task, data: ImageData, trainer: Trainer) -> None:
    """Compute the running statistics of batch norms anew, over the training images of the epoch.

    Those of frozen parts, in evaluation mode, stay; as do the modes, counters and the random state.
    """
    net = unwrap_compiled(task.net)
    modes = {module: module.training for module in net.modules()}
    net.train()
    norms = [norm for _, norm in _norms(task) if norm.training]
    loader = data.loader("train", shuffle=True, augmented=True)
    loader.sampler.set_epoch(trainer.current_epoch)
    limit = trainer.limit_train_batches
    batches = int(limit) if isinstance(limit, int) else max(1, round(limit * len(loader)))
    try:
        if norms:
            with preserve_random_state(task.device), _estimating(norms):
                for _, batch in zip(range(batches), loader, strict=False):
                    with trainer.precision_plugin.forward_context():
                        net(trainer.precision_plugin.convert_input(batch[0]))
            if trainer.world_size > 1:
                for norm in norms:
                    for statistic in (norm.running_mean, norm.running_var):
                        assert statistic is not None
                        torch.distributed.broadcast(statistic, 0)
    finally:
        for module, mode in modes.items():
            module.training = mode


def _exact(tensor: Tensor) -> Tensor:
    return tensor.float().clone() if tensor.dtype in HALF else tensor.clone()


def _check(trained: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Raise UserError where a checkpoint's weights in training are not those of this net."""
    fits = isinstance(trained, Mapping) and trained.keys() == tensors.keys()
    if not fits or any(
        not isinstance(value, Tensor) or value.shape != tensors[name].shape for name, value in trained.items()
    ):
        raise UserError(
            "last.ckpt cannot be continued from: the weights in training that it holds beside the averaged "
            "ones are not those of this net. To continue from the best epoch, copy best.ckpt over it."
        )


def shows_others(average: Average | None, make: Any) -> bool:
    """Whether a run shows other weights than it trains."""
    kind = getattr(make, "func", make)
    return average is not None or (
        callable(getattr(kind, "train", None)) and callable(getattr(kind, "eval", None))
    )
