"""A moment of a training that never was, of nets and images that can be worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Moment, Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.data.base import ImageData
from pellucid.data.images import Split, numbered
from pellucid.engine.host import RunHost
from pellucid.explainer.base import Explainer
from pellucid.inside.images import UNKNOWN
from pellucid.model.autoencoder import Autoencoder
from pellucid.model.cnn import CNN
from pellucid.model.dnn import DNN
from pellucid.run.folder import Run
from pellucid.spec import MULTILABEL, NUMBERS, Spec
from pellucid.task.base import Task
from pellucid.task.classification import Classification
from pellucid.task.multilabel import Multilabel
from pellucid.task.reconstruction import Reconstruction
from pellucid.task.regression import Regression

SHAPE = (1, 8, 8)


class Eight(ImageData):
    """Eight images a split, cats and dogs in turn, each of one brightness: 0, 5, 10 … of all splits."""

    def __init__(self) -> None:
        super().__init__(spec=Spec(SHAPE, ("cat", "dog"), (0.0,), (1.0,), "none"), batch_size=3)

    def read(self) -> dict[str, Split]:
        self.source = "eight"
        return {name: _eight(name, start) for name, start in (("train", 0), ("val", 40), ("test", 80))}


class Known(Eight):
    """The same of which labels are known, both of every other image, or its brightness and that twice."""

    def __init__(self, labels: str) -> None:
        super().__init__()
        self.spec = replace(self.spec, labels=labels)

    def read(self) -> dict[str, Split]:
        return {name: self._known(split) for name, split in super().read().items()}

    def _known(self, split: Split) -> Split:
        brightness_N = split.images()[:, 0, 0, 0].float()
        if self.spec.labels == MULTILABEL:
            targets_NK = torch.stack([torch.ones(8, dtype=torch.bool), split.labels_N.bool()], dim=1)
        else:
            targets_NK = torch.stack([brightness_N, 2 * brightness_N], dim=1)
        return replace(split, labels_N=torch.full((8,), UNKNOWN), targets_NK=targets_NK)


def _eight(name: str, start: int) -> Split:
    values = torch.arange(start, start + 40, 5, dtype=torch.uint8).view(8, 1, 1, 1)
    return Split.whole(values.repeat(1, *SHAPE), torch.arange(8) % 2, numbered(name, 8))


class Board(TensorBoardLogger):
    """Notes what it is sent."""

    file_writer = None

    def __init__(self, folder: Path) -> None:
        self.folder, self.noted = folder, list[tuple[Any, ...]]()

    @property
    def experiment(self) -> Any:
        return self

    @property
    def log_dir(self) -> str:
        return str(self.folder)

    def flush(self) -> None:
        """Nothing."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.noted.append(("metrics", dict(metrics), step))

    def add_image(self, tag: str, picture: np.ndarray, step: int, dataformats: str) -> None:
        self.noted.append(("image", tag, step))

    def add_text(self, tag: str, text: str, step: int) -> None:
        self.noted.append(("text", tag, text, step))

    def add_graph(self, net: nn.Module, images: torch.Tensor) -> None:
        self.noted.append(("graph", net, tuple(images.shape)))


class Pen:
    """In the place of a function that draws: notes what it is given, and gives one pixel."""

    def __init__(self) -> None:
        self.calls = list[tuple[tuple[Any, ...], dict[str, Any]]]()

    def __call__(self, *given: Any, **options: Any) -> np.ndarray:
        self.calls.append((given, options))
        return np.zeros((1, 1, 3), np.uint8)


@dataclass
class Scene:
    """A task and where its pictures go; seven steps were made."""

    folder: Path
    task: Task
    explainers: Mapping[str, Explainer] = field(default_factory=dict)
    data: ImageData = field(default_factory=Eight)

    def __post_init__(self) -> None:
        self.data.setup()
        self.host = RunHost(run=Run(self.folder), data=self.data, best=(self.task.monitor, self.task.mode))
        self.figures = FigureLogger(host=self.host, seed=0, explainers=self.explainers)
        self.board = Board(self.folder)
        self.trainer: Any = SimpleNamespace(
            loggers=[self.board], global_step=7, max_epochs=4, current_epoch=0, is_global_zero=True
        )

    def at(self, view: Visualizer, epoch: int = 3) -> Snapshot:
        return Snapshot(view, self.moment(epoch))

    def moment(self, epoch: int) -> Moment:
        return Moment.of(self.trainer, self.task, epoch)

    @torch.no_grad()
    def drawn(self, view: Visualizer, epoch: int = 3) -> list[str]:
        """All files there are once the view has drawn."""
        assert view.reason(self.at(view, epoch)) is None
        view.draw(self.at(view, epoch))
        return self.files()

    def files(self) -> list[str]:
        figures = self.folder / "figures"
        return sorted(path.relative_to(figures).as_posix() for path in figures.rglob("*") if path.is_file())


def classifier(folder: Path, net: nn.Module | None = None, **options: Any) -> Scene:
    """Of a net that takes every image for a dog, of which it is sure by three quarters."""
    if net is None:
        net = DNN(image_shape=SHAPE, num_classes=2, hidden=[2])
        net.head.weight.data.zero_()
        net.head.bias.data = torch.tensor([0.0, np.log(3)], dtype=torch.float32)
    return Scene(folder, Classification(net=net.eval(), image_shape=SHAPE, num_classes=2), **options)


def convolutional(folder: Path, **options: Any) -> Scene:
    """Of a net whose only convolution, features.0, gives two maps."""
    net = CNN(image_shape=SHAPE, num_classes=2, channels=[2], hidden=[3], channels_last=False)
    return classifier(folder, net, **options)


def multilabel(folder: Path, **options: Any) -> Scene:
    """Of a net that is sure by a half of cats, and by three quarters of dogs, in every image."""
    net = DNN(image_shape=SHAPE, num_classes=2, hidden=[2])
    net.head.weight.data.zero_()
    net.head.bias.data = torch.tensor([0.0, np.log(3)], dtype=torch.float32)
    task = Multilabel(net=net.eval(), image_shape=SHAPE, num_classes=2)
    return Scene(folder, task, data=Known(MULTILABEL), **options)


def regression(folder: Path, **options: Any) -> Scene:
    """Of a net that says of every image the training images' mean: 17.5 and 35."""
    net = DNN(image_shape=SHAPE, num_classes=2, hidden=[2])
    net.head.weight.data.zero_()
    net.head.bias.data.zero_()
    scene = Scene(
        folder,
        Regression(net=net.eval(), image_shape=SHAPE, num_classes=2),
        data=Known(NUMBERS),
        **options,
    )
    scene.task.fit_targets(scene.data.splits["train"].targets)
    return scene


def autoencoder(folder: Path, *, code: int = 2, net: nn.Module | None = None) -> Scene:
    net = net or Autoencoder(image_shape=SHAPE, sizes=[4, code])
    task = Reconstruction(net=net.eval(), image_shape=SHAPE, mean=(0.0,), std=(1.0,))
    return Scene(folder, task)
