"""The abstract base of tasks: what a net learns, by which loss and optimizer, measured how."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.plugins.precision import MixedPrecision
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torchmetrics import Metric

from pellucid.errors import OPTION_ERRORS, UserError, first_line
from pellucid.inside.preserve_state import preserve_state
from pellucid.model.frozen import FrozenFeatures
from pellucid.system.seeding import seed_step
from pellucid.task.loss import check_loss, loss_of, losses_per_image, weighted_mean
from pellucid.task.net_check import check_state, copy_inputs, shape_of, try_net
from pellucid.task.own_metrics import check_names, choose_form, choose_monitor
from pellucid.task.parameter_groups import Group, as_options, grouped, told
from pellucid.task.schedule import Length, Schedule
from pellucid.task.step_buffer import StepBuffer

NEVER = 10**12  # epochs
TRIED_STEPS = 4  # of an epoch, by a schedule that is tried before the images are read
STAGES = ("train", "val", "test")
FUSED = {torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD}
HOW = {"fused", "foreach", "differentiable"}  # options of theirs of which one may be set
MakeOptimizer = Callable[..., Optimizer]  # of the parameters
MakeScheduler = Callable[[Optimizer], Any]


class Task(LightningModule, ABC):
    """A net with its loss, metrics and optimizer.

    A task implements ``_step`` and says which metric chooses the best checkpoint (``monitor``, ``mode``).
    What metrics are made of stays on the device; they are computed once an epoch, not at every step.

    ``loss`` and ``metrics`` are the user's own, beside or in place of the task's, where it has an
    ``_example`` to try them on and ``metric_forms``; ``monitor`` and ``mode``, max or min, choose another
    metric than the task's. Raises UserError for what does not fit.
    """

    monitor: str
    mode: str
    labels: str | None = None  # what is known of the images that it learns from, see Spec; None: anything

    def __init__(
        self,
        *,
        net: nn.Module,
        optimizer: MakeOptimizer = Adam,
        scheduler: MakeScheduler | None = None,
        image_shape: tuple[int, int, int],
        loss: nn.Module | None = None,
        metrics: Mapping[str, Metric] = {},
        monitor: str | None = None,
        mode: Literal["max", "min"] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not {"monitor", "mode"} <= set(dir(type(self))):
            raise UserError(
                f"{type(self).__name__} says no monitor and mode. Write in the class which metric chooses "
                "the best checkpoint: monitor, mode = 'val/loss', 'min'."
            )
        self.net = net
        self.make_optimizer, self.make_scheduler = optimizer, scheduler
        self.seed = seed
        of_task = self._make_metrics()
        own = self._one_number_each(check_names(metrics, of_task))
        self.monitor, self.mode = choose_monitor(monitor, mode, of_task | own, (self.monitor, self.mode))
        self._try_own(loss, own)
        self.metrics = nn.ModuleDict(
            {
                f"{stage}_metrics": nn.ModuleDict(
                    {**self._make_metrics(), **{name: metric.clone() for name, metric in own.items()}}
                )
                for stage in STAGES
            }
        )
        self.steps = {stage: StepBuffer() for stage in STAGES}
        if not any(parameter.requires_grad for parameter in net.parameters()):
            raise UserError(
                f"No parameter of {type(net).__name__} is trained: each has requires_grad=False, or it has "
                "none. Leave some free, of a torchvision net by model.trainable=head."
            )
        images_BCHW = torch.zeros(2, *image_shape)
        with preserve_state(net) as plain, torch.no_grad():
            output = try_net(plain, images_BCHW.clone())
            self._check_output(images_BCHW, output)
            self._adapt(images_BCHW, output)
            if type(net).__module__.startswith("pellucid.model."):  # ours write into no image, nor surprise
                return
            check_state(net)
            net.register_forward_pre_hook(copy_inputs)
            if type(self).__module__.startswith("pellucid.task."):  # a user's step may take anything
                plain.train()
                self._check_output(images_BCHW, try_net(plain, images_BCHW))

    def check_takes(self, image_shape: tuple[int, int, int]) -> None:
        """Raise UserError where the net cannot do this task with images of another shape."""
        images_BCHW = torch.zeros(2, *image_shape)
        with preserve_state(self.net) as plain, torch.no_grad():
            self._check_output(images_BCHW, try_net(plain, images_BCHW.clone()))

    def _one_number_each(self, metrics: dict[str, Metric]) -> dict[str, Metric]:
        """The user's own metrics, where the task can have one that gives several numbers give one."""
        return metrics

    def metric_targets(self, targets: Tensor) -> Tensor:
        """The labels as metrics of the user's own take them."""
        return targets

    def _own_losses(self, output: Tensor, targets: Tensor) -> Tensor | None:
        """What each image loses by the user's own loss, (B,); None where it does not say."""
        assert self.loss_function is not None
        return losses_per_image(self.loss_function, output, targets) if self.has_losses else None

    def _own_loss(self, output: Tensor, targets: Tensor, weights_B: Tensor | None = None) -> Tensor:
        """A step's loss by the user's own, where images have weights the mean by them. Raises UserError."""
        assert self.loss_function is not None
        if weights_B is None:
            return loss_of(self.loss_function, output, targets)
        losses_B = self._own_losses(output, targets)
        if losses_B is None:
            raise UserError(
                f"The images have weights, and {type(self.loss_function).__name__} gives no loss of each "
                "image: give it a reduction, as torch's losses have it, or leave the weights out."
            )
        return weighted_mean(losses_B, torch.ones_like(losses_B), weights_B)

    def fit_targets(self, targets_N: Tensor) -> None:
        """Take in what is known of the training images, before the first step of a run. Raises UserError."""

    def _try_own(self, loss: nn.Module | None, metrics: Mapping[str, Metric]) -> None:
        """Take the user's own loss, and metrics with what they are computed from. Raises UserError."""
        self.loss_function, self.has_losses = loss, False
        self.forms: dict[str, str] = {}  # by metric of the user's own
        if loss is None and not metrics:
            return
        output, targets = self._example()
        if loss is not None:
            self.has_losses = check_loss(loss, output, targets)
        forms = self.metric_forms(output) if metrics else {}
        labels = self.metric_targets(targets)
        self.forms = {name: choose_form(name, metric, forms, labels) for name, metric in metrics.items()}

    def _example(self) -> tuple[Tensor, Tensor]:
        """What a net may give of some images, and their labels: a loss or metric is tried on them."""
        raise UserError(f"{type(self).__name__} has a loss and metrics of its own, and takes no others.")

    def metric_forms(self, output: Tensor) -> dict[str, Tensor]:
        """The forms in which metrics may take what the net gave, by name, each (B, …), the smallest first."""
        raise UserError(f"{type(self).__name__} has metrics of its own, and takes no others.")

    @abstractmethod
    def _make_metrics(self) -> dict[str, Metric]:
        """Fresh metrics by name, one set a stage."""

    @abstractmethod
    def _check_output(self, images_BCHW: Tensor, output: object) -> None:
        """Raise UserError where a net with that output, in the mode that it is in, cannot do this task."""

    def _adapt(self, images_BCHW: Tensor, output: object) -> None:
        """Have the net give a tensor in evaluation mode where the task knows which one of that output."""
        return

    def read(self, output: object) -> Tensor:
        """What is meant of such an output: of a tensor itself. Raises UserError for any other."""
        if not isinstance(output, Tensor):
            raise UserError(f"Expected a net that gives a tensor; this one gives {shape_of(output)}.")
        return output

    @abstractmethod
    def _step(self, batch: tuple[Tensor, ...], stage: str) -> tuple[Tensor, Tensor]:
        """The loss to minimise, and what the net gave; notes what the stage's metrics are made of."""

    def _update_metrics(self, stage: str, losses_S: Tensor, counts_S: Tensor, *seen: Tensor) -> None:
        """Update the stage's metrics with S steps: their losses and numbers of images, and what was noted.

        Not called for a task that notes nothing, as it updates its metrics in ``_step``.
        """
        raise NotImplementedError

    def _update_own(self, stage: str, forms: Mapping[str, Tensor], targets: Tensor) -> None:
        """Update the user's own metrics of the stage with all images' outputs, each by the form it takes."""
        metrics = self.stage_metrics(stage)
        for name, form in self.forms.items():
            metrics[name].update(forms[form], targets)

    def compute_metrics(self, stage: str) -> dict[str, Tensor]:
        """The stage's metrics over all that was noted since its beginning, of all ranks."""
        if len(self.steps[stage]):
            losses_S, counts_S, seen = self.steps[stage].all()
            self._update_metrics(stage, losses_S, counts_S, *seen)
            self.steps[stage] = StepBuffer()
        values = {}
        for name, metric in self.stage_metrics(stage).items():
            values[name] = metric.compute()
            metric.reset()
        return values

    @property
    def noted(self) -> dict[str, StepBuffer]:
        """The name that ``steps`` had, in tasks of users."""
        return self.steps

    def stage_metrics(self, stage: str) -> dict[str, Metric]:
        """The metrics of ``train``, ``val`` or ``test``."""
        return dict(self.metrics[f"{stage}_metrics"].items())  # type: ignore[operator]

    def __setattr__(self, name: str, value: Any) -> None:
        # Lightning sets it some sixty times a step, which takes nn.Module's own way a tenth of a small step.
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        output: Tensor = self.net(images_BCHW)
        return output

    def on_train_epoch_start(self) -> None:
        self.steps["train"] = StepBuffer()

    def on_validation_epoch_start(self) -> None:
        self.steps["val"] = StepBuffer()

    def on_test_epoch_start(self) -> None:
        self.steps["test"] = StepBuffer()

    def on_train_batch_start(self, batch: tuple[Tensor, ...], batch_idx: int) -> None:
        # Dropout of this step is a function of seed, epoch, rank and step alone.
        seed_step(self.seed, self.device, self.current_epoch, self.global_rank, batch_idx)

    def training_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> Tensor:
        return self._step(batch, "train")[0]

    def validation_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> Tensor:
        return self._step(batch, "val")[1]  # for callbacks that look at it

    def test_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> None:
        self._step(batch, "test")

    def predict_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> dict[str, Tensor]:
        """What is predicted of each image of the batch, and its loss. See ``predictions``."""
        images_BCHW, labels_B, *_ = batch
        return self.predictions(images_BCHW, self(images_BCHW), labels_B)

    def predictions(
        self, images_BCHW: Tensor, output: Tensor, labels_B: Tensor | None = None
    ) -> dict[str, Tensor]:
        """What the net's output says of each image, by name: a number each, (B,), or several, (B, K).

        A task with classes gives ``predicted``, its ``confidence`` and ``probabilities``; one with several
        labels an image ``scores``, their probabilities, and ``has``; one with numbers ``numbers``.
        ``labels_B``, or what else is learned of images, where it is known: with it each image's ``loss``, of
        which the loss of a step is the mean.
        """
        return {}

    def frozen_features(self, image_shape: tuple[int, int, int]) -> FrozenFeatures | None:
        """The net, where batches may hold what it embeds in place of images; None where they may not."""
        return None

    def on_train_batch_end(self, outputs: Any, batch: tuple[Tensor, ...], batch_idx: int) -> None:
        if self.trainer.is_last_batch:
            self._log_metrics("train")

    def on_validation_epoch_end(self) -> None:
        self._log_metrics("val")
        if self.trainer.state.fn == TrainerFn.FITTING:
            self._step_plateau()

    def on_test_epoch_end(self) -> None:
        self._log_metrics("test")

    def _log_metrics(self, stage: str) -> None:
        # Values, not the metrics: they are summed over all ranks, so each rank logs the same. Those of
        # training and test go to the loggers elsewhere, at a moment from which a killed run can go on.
        to_loggers = None if stage == "val" else False
        for name, value in self.compute_metrics(stage).items():
            self.log(f"{stage}/{name}", value, on_step=False, on_epoch=True, logger=to_loggers)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        groups, of_loss = self._groups(), self._of_loss()
        trained: list[Any] = [p for p in [*self.net.parameters(), *of_loss] if p.requires_grad]
        try:
            if groups is not None:
                trained = as_options(groups, self.make_optimizer)
            optimizer = self.make_optimizer(trained, **self._fused())
            if self.make_scheduler is None:
                return optimizer
            schedule = Schedule.wrap(self.make_scheduler)
            scheduler = schedule.make(optimizer, lambda: Length.of(self.trainer))
        except UserError:
            raise
        except OPTION_ERRORS as error:  # torch's own checks: a negative learning rate
            raise UserError(
                f"The optimizer or scheduler refused its options: {str(error).rstrip('.')}."
            ) from error
        if isinstance(scheduler, ReduceLROnPlateau):
            never = {"scheduler": scheduler, "reduce_on_plateau": False, "frequency": NEVER}
            return [optimizer], [never]  # type: ignore[return-value]
        if schedule.interval == "step":
            return [optimizer], [{"scheduler": scheduler, "interval": "step"}]  # type: ignore[return-value]
        return [optimizer], [scheduler]

    def _of_loss(self) -> list[nn.Parameter]:
        return [] if self.loss_function is None else list(self.loss_function.parameters())

    def _groups(self) -> list[Group] | None:
        """The groups of the parameters; None where all are in one."""
        return grouped(self.make_optimizer, self.net, self._of_loss())

    def told_groups(self) -> str:
        """How many parameters are in which group of the optimizer, in a line; empty where all are in one."""
        groups = self._groups()
        return "" if groups is None else told(groups, self.make_optimizer)

    def check_schedule(self, epochs: int) -> None:
        """Walk the scheduler through so many epochs, of a parameter that is nobody's. Raises UserError."""
        if self.make_scheduler is None:
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # nothing is trained between its steps
                optimizer = self.make_optimizer([nn.Parameter(torch.zeros(1))])
                schedule = Schedule.wrap(self.make_scheduler)
                steps = TRIED_STEPS if schedule.interval == "step" else 1
                scheduler = schedule.make(optimizer, lambda: Length(epochs * steps, steps))
                for _ in range(epochs * steps):
                    scheduler.step(*([0.0] if isinstance(scheduler, ReduceLROnPlateau) else []))
        except UserError:
            raise
        except OPTION_ERRORS as error:
            keywords = getattr(self.make_scheduler, "keywords", {})
            options = ", ".join(f"scheduler.{name}={value}" for name, value in keywords.items())
            raise UserError(
                f"The scheduler refused its options{f' ({options})' if options else ''}: "
                f"{first_line(error).rstrip('.')}. Give it others."
            ) from error

    def _fused(self) -> dict[str, bool]:
        """One call for all parameters, where torch has it and the user has not said how."""
        keywords = getattr(self.make_optimizer, "keywords", {})
        if getattr(
            self.make_optimizer, "func", self.make_optimizer
        ) not in FUSED or not keywords.keys().isdisjoint(HOW):
            return {}
        trainer = self._trainer
        # Lightning does not clip in mixed precision, scaled (16) or not (bf16), before a fused optimizer.
        plugin = trainer.precision_plugin if trainer and trainer.gradient_clip_val else None
        return {"fused": not isinstance(plugin, MixedPrecision)}

    def _step_plateau(self) -> None:
        """Lightning steps it after the epoch's checkpoint, which would then miss an epoch on resuming."""
        scheduler = self.lr_schedulers()
        if isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step(self.trainer.callback_metrics["val/loss"])
