"""What a net does with each image of a split, heard while Lightning tests it.

Axes: N images of a split, B of a batch, K classes, C channels, H × W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.nn import functional

from pellucid.data.base import ImageData
from pellucid.data.loader import Order
from pellucid.engine.intervals import Alone, Inputs, Interval, resampled
from pellucid.metrics.uncertainty import wilson
from pellucid.metrics.verdicts import Verdicts
from pellucid.system.process import quiet_warnings
from pellucid.task.base import Task
from pellucid.task.classification import Classification
from pellucid.task.reconstruction import Reconstruction

if TYPE_CHECKING:
    from pellucid.engine.trained import Trained


@dataclass(frozen=True)
class Outcome:
    """What a net did with each of N images of a split, in the split's order.

    ``losses_N``: cross-entropy, or the mean squared error of pixels in [0, 1]; of a task of another kind its
    own loss of each image. ``shares_NK`` are softmax shares of the classes; None of an autoencoder.
    ``inputs``: what each metric is computed from, image by image as they were seen; or why that is not known.
    """

    metrics: Mapping[str, float]
    index_N: Tensor
    labels_N: np.ndarray
    losses_N: np.ndarray
    shares_NK: np.ndarray | None
    inputs: Mapping[str, Inputs | str]

    def verdicts(self) -> Verdicts:
        """The predicted classes, numbered as these images are. Of a classifier only."""
        assert self.shares_NK is not None
        confidence_N, predicted_N = torch.from_numpy(self.shares_NK).max(dim=1)
        index_N = torch.arange(len(self.labels_N))
        return Verdicts(index_N, torch.from_numpy(self.labels_N), predicted_N, confidence_N)

    def intervals(self, seed: int) -> dict[str, Interval]:
        """95 % intervals of the metrics: the uncertainty of having these images and not others.

        That of training again is not in them. Where all images are right or all wrong, no resample differs:
        there the interval of the accuracy is Wilson's.
        """
        return {name: self._interval(name, seed) for name in self.metrics}

    def is_share_of_right(self, name: str) -> bool:
        """Whether that metric is the share of images that were recognised."""
        if name != "accuracy" or self.shares_NK is None:
            return False
        return math.isclose(self.verdicts().accuracy(), self.metrics[name], abs_tol=1e-6)

    def difference(self, other: Outcome, name: str, seed: int) -> Interval:
        """The interval of how much larger that metric of another net is, of the same images."""
        one, another = self._inputs(name), other._inputs(name)
        if isinstance(one, str):
            return Interval(None, one)
        if isinstance(another, str):
            return Interval(None, another)

        def gain(places_N: np.ndarray) -> float:
            return another.value(places_N) - one.value(places_N)

        return resampled(gain, len(self.labels_N), seed)

    def _inputs(self, name: str) -> Inputs | str:
        return self.inputs.get(name, "it is none of the task's metrics")

    def _interval(self, name: str, seed: int) -> Interval:
        count = len(self.labels_N)
        if self.is_share_of_right(name) and self.metrics[name] in (0, 1):
            (low,), (high,) = wilson(np.array([self.metrics[name]]), np.array([count]))
            return Interval((float(low), float(high)), f"Wilson, {count:,} images")
        inputs = self._inputs(name)
        return Interval(None, inputs) if isinstance(inputs, str) else resampled(inputs.value, count, seed)


class Listener(Callback):
    """Keeps what the net gives while Lightning tests it, so that one pass gives metrics and images alike."""

    def __init__(self) -> None:
        self.losses: list[Tensor] = []
        self.shares: list[Tensor] = []
        self.labels: list[Tensor] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        assert isinstance(pl_module, Task)
        self._handle = pl_module.net.register_forward_hook(self._keep)
        self._alone = Alone(pl_module)
        self._own: list[Tensor] = []  # losses, of a task whose step is its own

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._handle.remove()

    def _keep(self, net: Any, inputs: Any, output: Tensor) -> None:
        self._output = output

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: tuple[Tensor, Tensor],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        (images_BCHW, labels_B), output = batch, self._output.float()
        if not _is_known(pl_module):
            self._own.append(self._alone.step(images_BCHW, labels_B, output))
        if isinstance(pl_module, Classification):
            self.shares.append(output.softmax(dim=1).cpu())
            smoothing = pl_module.label_smoothing
            losses_B = functional.cross_entropy(output, labels_B, reduction="none", label_smoothing=smoothing)
        elif isinstance(pl_module, Reconstruction):
            target_BCHW = images_BCHW * pl_module.std + pl_module.mean
            losses_B = (output - target_BCHW).square().flatten(1).mean(dim=1)
        else:
            losses_B = self._own[-1]
        self.losses.append(losses_B.cpu())
        self.labels.append(labels_B.cpu())

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, Task)
        if self._own:
            self._alone.note(torch.cat(self._own))
        elif self.losses:  # before the task forgets what it has noted
            self._alone.note(torch.cat(self.losses), pl_module.noted["test"])

    def outcome(self, trainer: Trainer, order: Order) -> Outcome:
        """What was heard of the test that the trainer has done, of images in that order."""
        metrics = {
            name.removeprefix("test/"): float(value)
            for name, value in trainer.callback_metrics.items()
            if name.startswith("test/")
        }
        labels_N = torch.cat(self.labels)
        index_N, places_N = torch.cat(list(order))[: len(labels_N)].sort()
        return Outcome(
            metrics=metrics,
            index_N=index_N,
            labels_N=labels_N[places_N].numpy(),
            losses_N=torch.cat(self.losses)[places_N].numpy(),
            shares_NK=torch.cat(self.shares)[places_N].numpy() if self.shares else None,
            inputs=self._alone.inputs(metrics, len(labels_N)),
        )


def _is_known(task: LightningModule) -> bool:
    """Whether the loss is the mean of what is computed here of each image."""
    return type(task)._step in (Classification._step, Reconstruction._step)  # type: ignore[attr-defined]


def outcome(trained: Trained, data: ImageData, split: str, **options: Any) -> Outcome:
    """Test the net on a split, as ``train`` does it: the same figures to the last bit on the same device.

    ``options``: further ones of the Trainer.
    """
    listener = Listener()
    trainer = trained.trainer(callbacks=[listener], **options)
    with quiet_warnings():
        data.trainer = trainer
        loader = data.loader(split)
        trainer.test(trained.task, dataloaders=loader, verbose=False)
    return listener.outcome(trainer, loader.sampler)
