"""Metrics of a split with their intervals, and per-image predictions, collected while Lightning tests.

Axes: N images of a split, B of a batch, C channels, H × W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from pellucid.data.base import ImageData
from pellucid.data.loader import Order
from pellucid.engine.intervals import Inputs, Interval, PerImageTest, resampled
from pellucid.engine.test_time import at_test_time
from pellucid.inside.images import UNKNOWN
from pellucid.metrics.imbalance import MACRO, MacroFigure, is_imbalanced
from pellucid.metrics.intervals import wilson
from pellucid.metrics.predictions import Predictions
from pellucid.system.process import quiet_warnings
from pellucid.task.base import Task
from pellucid.task.multilabel import Multilabel

if TYPE_CHECKING:
    from pellucid.engine.loaded_run import LoadedRun


@dataclass(frozen=True)
class Evaluation:
    """Metrics of a split, and the predictions that they are of.

    ``inputs``: what each metric is computed from, image by image as they were seen; or why that is not known.
    ``outputs``: what the net gave of each image, (N, …) float32, where it was kept.
    """

    metrics: Mapping[str, float]
    predictions: Predictions
    inputs: Mapping[str, Inputs | MacroFigure | str]
    outputs: Tensor | None = None

    def intervals(self, seed: int) -> dict[str, Interval]:
        """95 % intervals of the metrics: the uncertainty of having these images and not others.

        That of training again is not in them. Where all images are right or all wrong, no resample differs:
        there the interval of the accuracy is Wilson's.
        """
        return {name: self._interval(name, seed) for name in self.metrics}

    def is_share_of_right(self, name: str) -> bool:
        """Whether that metric is the share of images that were recognised."""
        if name != "accuracy" or not self.predictions.has_classes:
            return False
        return math.isclose(self.predictions.accuracy(), self.metrics[name], abs_tol=1e-6)

    def difference(self, other: Evaluation, name: str, seed: int) -> Interval:
        """The interval of how much larger that metric of another net is, of the same images."""
        ours, theirs = self._inputs(name), other._inputs(name)
        if isinstance(ours, str):
            return Interval(None, ours)
        if isinstance(theirs, str):
            return Interval(None, theirs)

        def gain(index_N: np.ndarray) -> float:
            return theirs.value(index_N) - ours.value(index_N)

        return resampled(gain, len(self.predictions), seed)

    def _inputs(self, name: str) -> Inputs | MacroFigure | str:
        return self.inputs.get(name, "it is none of the task's metrics")

    def _interval(self, name: str, seed: int) -> Interval:
        count = len(self.predictions)
        if self.is_share_of_right(name) and self.metrics[name] in (0, 1):
            (low,), (high,) = wilson(np.array([self.metrics[name]]), np.array([count]))
            return Interval((float(low), float(high)), f"Wilson, {count:,} images")
        inputs = self._inputs(name)
        return Interval(None, inputs) if isinstance(inputs, str) else resampled(inputs.value, count, seed)


class PredictionCollector(Callback):
    """Keeps what is predicted of each image while Lightning tests a net, so that one pass gives all.

    ``keep_outputs``: also what the net gave.
    """

    def __init__(self, *, keep_outputs: bool = False) -> None:
        self.keep_outputs, self.outputs = keep_outputs, list[Tensor]()
        self.values: dict[str, list[Tensor]] = {}
        self.labels: list[Tensor] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        assert isinstance(pl_module, Task)
        self._handle = pl_module.net.register_forward_hook(self._keep)
        self._per_image = PerImageTest(pl_module)
        self._thresholds_K = pl_module.thresholds.cpu() if isinstance(pl_module, Multilabel) else None

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._handle.remove()

    def _keep(self, net: Any, inputs: Any, output: Tensor) -> None:
        self._output = output

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: tuple[Tensor, ...],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        assert isinstance(pl_module, Task)
        (images_BCHW, labels_B, *_), output = batch, self._output.float()
        values = pl_module.predictions(images_BCHW, output, labels_B)
        if "loss" not in values or not _says_its_losses(pl_module):
            values["own"] = self._per_image.step(images_BCHW, labels_B, output)
            values.setdefault("loss", values["own"])
        for name, value in values.items():
            self.values.setdefault(name, []).append(value.cpu())
        self.labels.append(labels_B.cpu())
        if self.keep_outputs:
            self.outputs.append(output.cpu())

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, Task)
        if losses := self.values.pop("own", []):
            self._per_image.note(torch.cat(losses))
        elif self.labels:  # before the task forgets what it has noted
            self._per_image.note(torch.cat(self.values["loss"]), pl_module.steps["test"])

    def evaluation(self, trainer: Trainer, order: Order) -> Evaluation:
        """Of the test that the trainer has done, of images in that order."""
        metrics = {
            name.removeprefix("test/"): float(value)
            for name, value in trainer.callback_metrics.items()
            if name.startswith("test/")
        }
        labels_N = torch.cat(self.labels)
        index_N, rows_N = torch.cat(list(order))[: len(labels_N)].sort()
        values = {name: torch.cat(parts)[rows_N] for name, parts in self.values.items()}
        labels_N, targets_NK = labels_N[rows_N], None
        if labels_N.ndim > 1:
            labels_N, targets_NK = torch.full_like(index_N, UNKNOWN), labels_N
        predictions = Predictions(index_N, labels_N, values, targets_NK, self._thresholds_K)
        outputs = torch.cat(self.outputs)[rows_N] if self.outputs else None
        return Evaluation(metrics, predictions, self._per_image.inputs(metrics, len(labels_N)), outputs)


def _says_its_losses(task: Task) -> bool:
    """Whether its step's loss is the mean of those that it predicts: one class says both."""
    steps, says = (
        next(kind for kind in type(task).__mro__ if name in vars(kind)) for name in ("_step", "predictions")
    )
    return steps is says


def evaluation(
    trained: LoadedRun,
    data: ImageData,
    split: str,
    *,
    tta: str = "none",
    temperature: float = 1.0,
    keep_outputs: bool = False,
    **options: Any,
) -> Evaluation:
    """Test the net on a split, as ``train`` does it: the same figures to the last bit on the same device.

    ``tta`` and ``temperature``: see ``at_test_time``. ``options``: further ones of the Trainer.
    """
    collector = PredictionCollector(keep_outputs=keep_outputs)
    trainer = trained.trainer(callbacks=[collector], **options)
    added = at_test_time(trained.task, trained.spec.image_shape, tta=tta, temperature=temperature)
    with quiet_warnings(), added:
        loader = data.loader(split, trainer=trainer)
        trainer.test(trained.task, dataloaders=loader, verbose=False)
    return with_macro(collector.evaluation(trainer, loader.sampler), trained.class_counts())


def with_macro(evaluated: Evaluation, counts_K: np.ndarray | None) -> Evaluation:
    """With macro F1 and balanced accuracy, where the net's classes were imbalanced in training.

    ``counts_K``: their training images; None: they are not known.
    """
    predictions = evaluated.predictions
    if counts_K is None or not is_imbalanced(counts_K) or not predictions.has_classes:
        return evaluated
    seen = predictions.labels_N.numpy(), predictions.predicted.numpy()
    figures = {name: MacroFigure(name, *seen, len(counts_K)) for name in MACRO}
    values = {name: figure.value() for name, figure in figures.items()}
    return replace(
        evaluated, metrics=values | dict(evaluated.metrics), inputs=figures | dict(evaluated.inputs)
    )
