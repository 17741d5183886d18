"""What a net does with each image of a split, heard while Lightning tests it.

Axes: N images of a split, B of a batch, K classes, C channels, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.nn import functional

from pellucid.data.base import ImageData
from pellucid.inside.uncertainty import interval
from pellucid.inside.verdicts import Verdicts
from pellucid.process import quiet_warnings
from pellucid.task.classification import Classification
from pellucid.task.reconstruction import Reconstruction

if TYPE_CHECKING:
    from pellucid.trained import Trained


@dataclass(frozen=True)
class Outcome:
    """What a net did with each of N images of a split.

    ``losses_N`` in the task's unit: cross-entropy, or the mean squared error of pixels in [0, 1].
    ``shares_NK`` are softmax shares of the classes; None of an autoencoder.
    """

    metrics: Mapping[str, float]
    labels_N: np.ndarray
    losses_N: np.ndarray
    shares_NK: np.ndarray | None
    files: Sequence[str]

    def verdicts(self) -> Verdicts:
        """The predicted classes. Of a classifier only."""
        assert self.shares_NK is not None
        confidence_N, predicted_N = torch.from_numpy(self.shares_NK).max(dim=1)
        index_N = torch.arange(len(self.labels_N))
        return Verdicts(index_N, torch.from_numpy(self.labels_N), predicted_N, confidence_N)

    def intervals(self, seed: int) -> dict[str, tuple[float, float]]:
        """95 % intervals of the metrics that are means over images."""
        values: dict[str, np.ndarray] = {name: self.losses_N for name in self.metrics if name != "accuracy"}
        if "accuracy" in self.metrics:
            values["accuracy"] = self.verdicts().right().numpy()
        return {name: interval(values[name], seed=seed) for name in self.metrics}


class Listener(Callback):
    """Keeps what the net gives while Lightning tests it, so that one pass gives metrics and images alike."""

    def __init__(self) -> None:
        self.losses: list[Tensor] = []
        self.shares: list[Tensor] = []
        self.labels: list[Tensor] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._handle = pl_module.net.register_forward_hook(self._keep)  # type: ignore[union-attr]

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._handle.remove()

    def _keep(self, net: Any, inputs: Any, output: Tensor) -> None:
        self._output = output

    def _batch(self, pl_module: LightningModule, batch: tuple[Tensor, Tensor]) -> None:
        images_BCHW, labels_B = batch
        output = self._output.float()
        if isinstance(pl_module, Classification):
            self.shares.append(output.softmax(dim=1).cpu())
            smoothing = pl_module.label_smoothing
            losses_B = functional.cross_entropy(output, labels_B, reduction="none", label_smoothing=smoothing)
        else:
            assert isinstance(pl_module, Reconstruction)
            target_BCHW = images_BCHW * pl_module.std + pl_module.mean
            losses_B = (output - target_BCHW).square().flatten(1).mean(dim=1)
        self.losses.append(losses_B.cpu())
        self.labels.append(labels_B.cpu())

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._batch(pl_module, batch)

    def outcome(self, trainer: Trainer, files: Sequence[str]) -> Outcome:
        """What was heard of the test that the trainer has done."""
        metrics = {
            name.removeprefix("test/"): float(value)
            for name, value in trainer.callback_metrics.items()
            if name.startswith("test/")
        }
        return Outcome(
            metrics=metrics,
            labels_N=torch.cat(self.labels).numpy(),
            losses_N=torch.cat(self.losses).numpy(),
            shares_NK=torch.cat(self.shares).numpy() if self.shares else None,
            files=files,
        )


def outcome(trained: Trained, data: ImageData, split: str) -> Outcome:
    """Test the net on a split, as ``train`` does it: the same figures to the last bit on the same device."""
    listener = Listener()
    trainer = trained.trainer(callbacks=[listener])
    with quiet_warnings():
        data.trainer = trainer
        trainer.test(trained.task, dataloaders=data.loader(split), verbose=False)
    return listener.outcome(trainer, data.splits[split].files)
