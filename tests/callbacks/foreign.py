"""Trainings as somebody else writes them, tiny, with and without ``Views``; and all that a run leaves.

Axes: N images, B of a batch, C channels, H × W pixels.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, IterableDataset

from pellucid.callbacks.views import Views

COUNT, SIDE, CLASSES = 24, 12, ("cat", "dog", "fox")
EXPECTED = (
    "`isinstance.treespec, LeafSpec.` is deprecated",  # Lightning 2.6 on torch 2.15
    "The '.*_dataloader' does not have many workers",
    ".*module.* in eval mode at the start of training",
    "You defined a `validation_step` but have no `val_dataloader`",
    "The number of training batches .* is smaller than the logging interval",
    "Your `IterableDataset` has `__len__` defined",
)
CHEAP = ("predictions", "filters")
Batch = Any


class Animals(Dataset[Any]):
    """Images in [0, 1] and labels; ``noise`` adds a draw of the global generators to each."""

    classes = CLASSES

    def __init__(
        self, count: int = COUNT, *, noise: bool = False, dtype: torch.dtype = torch.float32
    ) -> None:
        generator = torch.Generator().manual_seed(count)
        self.targets = torch.arange(count) % len(CLASSES)
        pixels_NCHW = torch.rand(count, 3, SIDE, SIDE, generator=generator) / 2
        pixels_NCHW[torch.arange(count), self.targets] += 0.5
        scaled = dtype == torch.uint8
        self.pixels_NCHW = (pixels_NCHW * 255).to(dtype) if scaled else pixels_NCHW.to(dtype)
        self.noise = noise

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> Any:
        image = self.pixels_NCHW[index]
        if self.noise:
            shift = random.randrange(3) + int(np.random.randint(3))  # noqa: NPY002
            image = image.roll(shift, dims=2) * (torch.rand(()) / 2 + 0.5)
        return image, self.targets[index]


class Stream(IterableDataset[Any]):
    """The same, once: a second look at it raises."""

    def __init__(self, count: int = COUNT) -> None:
        self.animals, self.begun = Animals(count), 0

    def __iter__(self) -> Iterator[Any]:
        self.begun += 1
        assert self.begun <= 1, "a stream flows once"
        return (self.animals[index] for index in range(len(self.animals)))


def loader(dataset: Any, *, shuffle: bool = False, **options: Any) -> DataLoader[Any]:
    return DataLoader(dataset, **{"batch_size": 8, "shuffle": shuffle, "num_workers": 0, **options})


def net() -> nn.Sequential:
    """With buffers that move and a layer that draws."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Dropout(0.2), nn.Linear(16, len(CLASSES)),
    )  # fmt: skip


class Plain(LightningModule):
    """A classifier as in a tutorial. It notes what a callback might leave behind after every batch."""

    def __init__(self) -> None:
        super().__init__()
        self.net = net()
        self.noted: list[Any] = []

    def forward(self, images_BCHW: Tensor) -> Tensor:
        scores_BK: Tensor = self.net(images_BCHW)
        return scores_BK

    def _step(self, batch: Batch, stage: str) -> Tensor:
        images_BCHW, labels_B = batch
        loss = functional.cross_entropy(self(images_BCHW), labels_B)
        self.log(f"{stage}_loss", loss, prog_bar=False)
        return loss

    def training_step(self, batch: Batch, batch_idx: int) -> Any:
        return self._step(batch, "train")

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> Any:
        return self._step(batch, "val")

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)

    def on_train_batch_end(self, *_: Any) -> None:
        self.noted.append([*traces(self), self.trainer.global_step, self.trainer.state.stage])


def traces(module: nn.Module) -> list[Any]:
    """Modes, hooks and gradients of a module and its children, and names that it holds."""
    found: list[Any] = [sorted(vars(module))]
    for child in module.modules():
        hooks = [child._forward_hooks, child._forward_pre_hooks, child._backward_hooks]
        found.append((child.training, [len(kind) for kind in hooks], "forward" in vars(child)))
    for parameter in module.parameters():
        gradient = parameter.grad
        found.append((parameter.requires_grad, None if gradient is None else float(gradient.sum())))
    return found


@contextmanager
def lightning_warnings() -> Iterator[None]:
    """Without Lightning's own remarks on so small a training."""
    with warnings.catch_warnings():
        for message in EXPECTED:
            warnings.filterwarnings("ignore", message=message)
        yield


def random_states() -> list[Any]:
    legacy = np.random.get_state()  # noqa: NPY002
    return [random.getstate(), str(legacy), torch.get_rng_state()]


@dataclass
class Case:
    """A training: ``module`` makes it, ``data`` its training and validation loaders."""

    module: Callable[[], LightningModule] = Plain
    data: Callable[[], tuple[Any, Any]] = lambda: (loader(Animals(), shuffle=True), loader(Animals(12)))
    options: dict[str, Any] = field(default_factory=dict)
    callbacks: Callable[[], list[Callback]] = list
    logger: Callable[[Path], Any] = lambda folder: False

    def fit(self, folder: Path, views: Views | None, *, ckpt: Path | None = None) -> Ran:
        """The training run to its end, from a seed."""
        seed_everything(3)
        module = self.module()
        train, val = self.data()
        options = {"max_epochs": 2, "accelerator": "cpu", **self.options}
        trainer = Trainer(
            **options,
            default_root_dir=folder,
            logger=self.logger(folder),
            callbacks=[*([] if views is None else [views]), *self.callbacks()],
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
            log_every_n_steps=1,
        )
        with lightning_warnings():
            trainer.fit(module, train, val, ckpt_path=ckpt)
        host = views._host if views is not None else None
        figures = host.figures if host is not None else folder
        return Ran(module, trainer, folder, figures, kept(trainer, module, folder))


@dataclass
class Ran:
    """What a training has left."""

    module: LightningModule
    trainer: Trainer
    folder: Path
    figures: Path
    kept: dict[str, Any]

    @property
    def pictures(self) -> list[str]:
        """Files by their paths in the folder of pictures."""
        return sorted(path.relative_to(self.figures).as_posix() for path in self.figures.rglob("*.png"))

    @property
    def drawn(self) -> set[str]:
        return {path.partition("/")[0] for path in self.pictures}


def kept(trainer: Any, module: LightningModule, folder: Path) -> dict[str, Any]:
    """All that is to be the same with views and without."""
    random_now = random_states()
    checkpoint = {}
    if not trainer.fast_dev_run:
        trainer.save_checkpoint(folder / "end.ckpt")
        checkpoint = torch.load(folder / "end.ckpt", weights_only=False)
    return {
        "weights": dict(module.state_dict()),
        "random": random_now,
        "logged": dict(trainer.logged_metrics),
        "callback": dict(trainer.callback_metrics),
        "checkpoint": checkpoint,
        "noted": getattr(module, "noted", None),
        "traces": traces(module),
        "progress": trainer.fit_loop.state_dict(),
        "attributes": sorted(vars(trainer)),
        "state": (str(trainer.state.status), str(trainer.state.fn), str(trainer.state.stage)),
        "callbacks": [type(one).__name__ for one in trainer.callbacks if not isinstance(one, Views)],
    }


def different(one: Any, other: Any, where: str = "") -> str:
    """Where two values are not bitwise equal first; nothing where they are."""
    if type(one) is not type(other):
        return f"{where}: {type(one).__name__}, {type(other).__name__}"
    if isinstance(one, dict):
        if list(one) != list(other):
            return f"{where}: {list(one)}, {list(other)}"
        return next(filter(None, (different(one[key], other[key], f"{where}/{key}") for key in one)), "")
    if isinstance(one, list | tuple):
        if len(one) != len(other):
            return f"{where}: {len(one)}, {len(other)}"
        pairs = enumerate(zip(one, other, strict=True))
        return next(filter(None, (different(*pair, f"{where}/{index}") for index, pair in pairs)), "")
    if isinstance(one, Tensor):
        same = one.dtype == other.dtype and torch.equal(one, other)
    else:
        same = bool(one == other) or (one != one and other != other)
    return "" if same else f"{where}: {one}, {other}"
