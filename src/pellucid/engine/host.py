"""A run as its views' host: its task, its data, and what validation says of the images.

Axes: N images, B of a batch, C channels, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from pellucid.callbacks.host import Host, TrainingImages
from pellucid.data.augment.show import examples
from pellucid.data.base import ImageData
from pellucid.data.images import Split
from pellucid.errors import plain
from pellucid.inside.predictor import Predictor
from pellucid.inside.preserve_state import unwrap_compiled
from pellucid.metrics.curves import Rows
from pellucid.metrics.predictions import Predictions
from pellucid.run.folder import Run
from pellucid.spec import resize
from pellucid.task.base import Task
from pellucid.task.multilabel import Multilabel

MAX_HEARD = 2**28  # bytes of features that are kept of validation
KEPT = ("predicted", "confidence", "scores", "numbers")  # of what is predicted in validation


class RunHost(Host, Callback):
    """``predictions`` are those of this epoch's validation images, in a ddp run of rank 0's share of them;
    None before any, and for tasks that predict neither classes nor labels nor numbers.
    """

    predictions: Predictions | None = None
    _expects_features = False

    def __init__(self, *, run: Run, data: ImageData, best: tuple[str, str] | None = None) -> None:
        self.run, self.data, self.best = run, data, best
        self.figures, self.log_file = run.folder / "figures", run.log
        self._predicted: dict[str, list[Tensor]] = {}  # of each batch
        self._listening = ExitStack()  # while the net validates
        self._heard: list[
            Tensor
        ] = []  # what its last linear layer saw of each batch, with the weights of now
        self._has_outputs = True  # until a batch shows that the task predicts none of KEPT
        self._predictor: Predictor | None = None

    @property
    def images(self) -> Split:
        return self.data.splits["val"]

    @property
    def total(self) -> int:
        return len(self.images)

    @property
    def source(self) -> str:
        return self.data.source

    @property
    def batch_size(self) -> int:
        return self.data.batch_size

    @property
    def _classes(self) -> tuple[str, ...]:
        return tuple(plain(name) for name in self.data.spec.classes)

    def predictor(self, module: nn.Module) -> Predictor:
        assert isinstance(module, Task)
        net = unwrap_compiled(module.net)
        if self._predictor is None or (self._predictor.net, self._predictor.device) != (net, module.device):
            spec = replace(self.data.spec, classes=self._classes)
            self._predictor = Predictor(net, spec, module.device, module.predictions)
        return self._predictor

    def expect_features(self) -> None:
        self._expects_features = True

    def features(self, index_B: Tensor) -> np.ndarray | None:
        features_ND = self.data.val_dataloader().table()  # of a frozen net, computed once for validation
        if features_ND is not None:
            return features_ND[index_B].numpy()
        if not self._heard or self._predictor is None:
            return None
        heard_ND = torch.cat(self._heard)
        row_N = torch.full((self.total,), -1)
        row_N[self._validated(len(heard_ND))] = torch.arange(len(heard_ND))
        rows_B = row_N[index_B]
        if (rows_B < 0).any():
            return None
        features_BD = heard_ND[rows_B.to(heard_ND.device)].float().cpu()
        # Not of a net that embeds in a way of its own, nor of other weights or arithmetic: two images tell.
        images = self.images.pick(index_B[:2], self._classes)
        computed_BD = self._predictor.embed(self._predictor.inputs(images.pixels_BCHW))
        return features_BD.numpy() if _close(features_BD[:2], computed_BD) else None

    def _validated(self, count: int) -> Tensor:
        """Positions of the first images that validation takes, in its order."""
        return torch.cat(list(self.data.val_dataloader().sampler))[:count]

    def training_images(self, count: int) -> TrainingImages:
        # Images, also where features train.
        loader = self.data.loader("train", shuffle=True, augmented=True, sized=True)
        received: list[Tensor] = []
        index: list[Tensor] = []
        for (images_BCHW, _), index_B in zip(loader, loader.sampler, strict=True):
            received.append(images_BCHW)
            index.append(index_B)
            if sum(map(len, index)) >= count:
                break
        split = self.data.splits["train"]
        originals = split.pick(torch.cat(index)[:count], self._classes)
        return TrainingImages(torch.cat(received)[:count], originals.names, originals, len(split))

    def augmentations(self, count: int) -> Mapping[str, Tensor]:
        data = self.data
        first = data.splits["train"].pick(self._first_of_training(), self._classes)
        image_CHW = resize(first.pixels_BCHW, data.spec)[0] / 255
        fill = data.spec.mean_colour(image_CHW.device)
        return examples(data.augment, image_CHW, count, seed=data.seed, fill=fill)

    def _first_of_training(self) -> Tensor:
        """The position of the first training image of the first epoch, (1,)."""
        return next(iter(self.data.loader("train", shuffle=True).sampler))[:1]

    def rows(self) -> Rows:
        return self.run.rows()

    def record(self, values: Mapping[str, Any]) -> None:
        self.run.record(values)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.predictions = None  # those of an epoch before are not this one's

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._heard = []  # the weights will move

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.predictions = None
        self._predicted = {}
        assert isinstance(pl_module, Task)
        if (
            self._expects_features
            and trainer.is_global_zero
            and pl_module.net is unwrap_compiled(pl_module.net)
        ):
            self._heard = self._listening.enter_context(self.predictor(pl_module).overheard())

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        del self._heard[batch_idx:-1]  # of a layer that has run several times the last, as embed does
        nbytes = sum(vectors.nbytes for vectors in self._heard[:1]) * len(self._heard)
        if nbytes > MAX_HEARD or len(self._heard) <= batch_idx:
            self._listening.close()
            self._heard = []
        if not self._has_outputs or not trainer.is_global_zero or not isinstance(outputs, Tensor):
            return
        assert isinstance(pl_module, Task)
        known = batch[1] if batch[1].ndim > 1 else None
        values = pl_module.predictions(batch[0], outputs.float(), known)
        self._has_outputs = not values.keys().isdisjoint(KEPT)  # else no further batch is asked
        for name in (*KEPT, "loss") if self._has_outputs else ():
            if name in values:
                self._predicted.setdefault(name, []).append(values[name])

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._listening.close()

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._listening.close()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self._predicted:
            return
        values = {name: torch.cat(parts).cpu() for name, parts in self._predicted.items()}
        index_N, order = self._validated(len(next(iter(values.values())))).sort()
        values = {name: value_N[order] for name, value_N in values.items()}
        thresholds_K = None
        if isinstance(pl_module, Multilabel):  # by the thresholds that this validation has just chosen
            thresholds_K = pl_module.thresholds.cpu()
            values["has"] = values["scores"] >= thresholds_K
        targets_NK = self.images.targets_NK
        self.predictions = Predictions(
            index_N=index_N,
            labels_N=self.images.labels_N[index_N],
            values=values,
            targets_NK=None if targets_NK is None else targets_NK[index_N],
            thresholds_K=thresholds_K,
        )


def _close(a_BD: Tensor, b_BD: Tensor) -> bool:
    return a_BD.shape == b_BD.shape and torch.allclose(a_BD, b_BD, rtol=1e-4, atol=1e-5)
