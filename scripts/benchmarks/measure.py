"""Seconds of an epoch, ours beside a plain loop's: the same net, images, batch size and optimizer.

All run in one process, one after another in every round, so that what else the machine does hits all alike;
the first round warms up and is not counted.
"""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn

from benchmarks import plain
from pellucid.data.base import ImageData
from pellucid.data.image_cache import ImageCache
from pellucid.engine.build import make_data, make_task
from pellucid.engine.session import train
from pellucid.engine.trial import TrialContext
from pellucid.system.process import quiet_warnings

LOADER, MEMORY, OURS, PICTURES = "loader", "in memory", "ours", "pictures"

MAX_IN_MEMORY = 2**32  # bytes


@dataclass(frozen=True)
class Result:
    """Seconds of each counted round, by what was timed: ``epochs`` epochs of ``images`` images.

    What was not timed is not there.
    """

    name: str
    images: int
    epochs: int
    seconds: Mapping[str, list[float]]

    def median(self, name: str) -> float:
        return statistics.median(self.seconds[name])

    def ratio(self, base: str) -> float:
        """Ours to ``base``, the median over rounds of the ratio within a round: below 1 is faster."""
        return statistics.median(
            ours / other for ours, other in zip(self.seconds[OURS], self.seconds[base], strict=True)
        )


class Measured:
    """One configuration of ``train``, timed in rounds."""

    def __init__(self, name: str, config: Mapping[str, Any], pictures: Mapping[str, Any]) -> None:
        self.name, self.config, self.pictures = name, config, pictures
        self.epochs: int = config["trainer"]["max_epochs"]
        self.steps: int | None = config["trainer"].get("limit_train_batches")
        self.images = ImageCache()
        self.data = make_data(config)
        self.images.setup(self.data, config["data"])

    def run(self, rounds: int) -> Result:
        """Raises UserError as ``train`` does."""
        seconds: dict[str, list[float]] = {}
        for number in range(rounds + 1):
            for name, duration in self._round():
                if number:
                    seconds.setdefault(name, []).append(duration)
        images = len(self.data.splits["train"])
        count = min(images, (self.steps or images) * self.data.batch_size)
        return Result(self.name, count, self.epochs, seconds)

    def _round(self) -> Iterator[tuple[str, float]]:
        yield LOADER, self._plain(self._loader())
        if 4 * len(self.data.splits["train"]) * math.prod(self.data.spec.image_shape) < MAX_IN_MEMORY:
            yield MEMORY, self._plain(None)  # next to ours: these are compared to a tenth
        yield OURS, self._ours(self.config)
        yield PICTURES, self._ours({**self.config, "callbacks": self.pictures})

    def _ours(self, config: Mapping[str, Any]) -> float:
        """The training batches of the last epoch and the pictures after it; of several epochs, all of it."""
        with tempfile.TemporaryDirectory() as folder:
            figures = train(
                config, Path(folder) / "run", trial=TrialContext({}, "val/loss", self.images, None)
            )
        if self.epochs > 1:
            return float(figures["seconds/fit"])
        return float(figures["seconds/train_epoch"] + figures.get("look/seconds/total", 0))

    def _plain(self, loader: Any) -> float:
        net, optimizer, device = self._net()
        loss: plain.Loss = nn.functional.cross_entropy
        if self.config["task"]["_target_"].endswith("Reconstruction"):
            loss = nn.functional.mse_loss
        if loader is not None:
            batches = islice(loader, self.steps)
            with self._precision(device):
                return self.epochs * plain.train_epoch(net, batches, optimizer, loss, device)
        images_NCHW, labels_N = self._tensors(device)
        indices = torch.split(torch.randperm(len(labels_N), device=device), self.data.batch_size)
        steps = indices[: self.steps]
        with self._precision(device):
            seconds = plain.train_epoch_in_memory(net, images_NCHW, labels_N, steps, optimizer, loss)
        return self.epochs * seconds

    def _precision(self, device: torch.device) -> Any:
        half = self.config["trainer"]["precision"] == "bf16-mixed"
        return torch.autocast(device.type, torch.bfloat16) if half else nullcontext()

    def _net(self) -> tuple[nn.Module, torch.optim.Optimizer, torch.device]:
        """The same net by a way of its own: contiguous, with torch's default Adam."""
        device = device_of(self.config["trainer"]["accelerator"])
        net = make_task(self.config, self.data.spec).net.to(device).to(memory_format=torch.contiguous_format)
        trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
        return net, torch.optim.Adam(trained, lr=self.config["optimizer"]["lr"]), device

    def _tensors(self, device: torch.device) -> tuple[Tensor, Tensor]:
        split = self.data.splits["train"]
        images = split.images(torch.arange(len(split)))
        return self.data.spec.normalise(images).to(device), split.labels_N.to(device)

    def _loader(self) -> Any:
        return plain.batches(plain_data(self.data, self.config), self.data.batch_size)


def measure_loading(config: Mapping[str, Any], rounds: int) -> Result:
    """The training images of an epoch, loaded and nothing else; ours from the cache that is there by then."""
    augment = config["data"]["augment"]
    measured = Measured(f"photos, loading only, augment={augment}", config, {})
    usual = plain.batches(plain_data(measured.data, config), measured.data.batch_size)
    ours = measured.data.loader("train", shuffle=True, augmented=True)
    seconds: dict[str, list[float]] = {LOADER: [], OURS: []}
    for number in range(rounds + 1):
        for name, loader in ((OURS, ours), (LOADER, usual)):
            start = time.perf_counter()
            for _ in loader:
                pass
            if number:
                seconds[name].append(time.perf_counter() - start)
    return Result(measured.name, len(measured.data.splits["train"]), 1, seconds)


def device_of(accelerator: str) -> torch.device:
    """Where Lightning trains with that accelerator."""
    with quiet_warnings():
        return Trainer(accelerator=accelerator, devices=1, barebones=True).strategy.root_device


def plain_data(data: ImageData, config: Mapping[str, Any]) -> Any:
    """The training images as a data set of the usual kind: files where there are files."""
    split, spec = data.splits["train"], data.spec
    files = [Path(config["data"].get("root", ".")).expanduser() / name for name in split.files]
    if files[0].is_file():
        transform = plain.of_photos(
            spec.mean, spec.std, spec.image_shape[1], augmented=config["data"]["augment"] != "none"
        )
        return plain.PhotoFiles(files, split.labels_N.tolist(), transform)
    images = split.images(torch.arange(len(split)))
    return plain.ArrayImages(images, split.labels_N, plain.of_arrays(spec.mean, spec.std))
