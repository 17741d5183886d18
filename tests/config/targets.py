"""Functions as a user's module has them: its own, and those that it has only imported."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from os import system
from subprocess import run
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.loggers import CSVLogger, Logger
from torch import Tensor, nn
from torch.hub import load
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LRScheduler, StepLR

from pellucid.data.base import ImageData
from pellucid.data.digits import Digits

if TYPE_CHECKING:
    from nowhere import Unknown  # type: ignore[import-not-found]

IMPORTED = (system, run, load)
called: list[str] = []


class Net(nn.Sequential):
    def __init__(self, image_shape: tuple[int, int, int], num_classes: int, width: int = 8) -> None:
        channels, height, _ = image_shape
        layers = (nn.Conv2d(channels, width, 3), nn.ReLU(), nn.Flatten())
        super().__init__(*layers, nn.Linear(width * (height - 2) ** 2, num_classes))


def build_net(image_shape, num_classes, width=8):  # type: ignore[no-untyped-def]  # as users write it
    called.append("build_net")
    return Net(image_shape, num_classes, width)


def hands_on(seed: int = 0, **options: Any) -> nn.Module:
    torch.manual_seed(seed)
    return Net(**options)


def half(num_classes: int, **options: Any) -> Net | None:
    width = options.pop("half", 8) // 2
    return Net(num_classes=num_classes, width=width, **options)


def of_whatever(block: Any, **options: Any) -> nn.Module:
    return block(**options)  # type: ignore[no-any-return]


def asks(base: int, **options: Any) -> nn.Module:
    depth = options["depth"] if "depth" in options else options.get("size", base)
    return nn.Sequential(*(nn.Dropout(_rate(options, "rate")) for _ in range(depth)))


def _rate(options: dict[str, Any], name: str) -> float:
    return options.get(name, 0.0)  # type: ignore[no-any-return]


def keeps(**options: Any) -> nn.Module:
    return Net(**dict(options))


def started(num_classes: int, weights: str | None = None, pretrained: bool = False) -> nn.Module:
    called.append(f"{weights} {pretrained}")
    return nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))


def around(backbone: nn.Module, num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 3, 1), backbone, nn.ReLU(), nn.Linear(1000, num_classes))


def gives_text() -> str:
    called.append("gives_text")
    return ""


def gives_nothing():  # type: ignore[no-untyped-def]
    called.append("gives_nothing")


async def later() -> nn.Module:
    return nn.Linear(1, 1)


def of_unknown() -> Unknown:
    return nn.Linear(1, 1)


partly = functools.partial(Net, width=4)
cached = functools.lru_cache(build_net)


def sgd(params: Iterable[Tensor], lr: float = 0.1) -> Optimizer:
    return SGD(params, lr=lr)


def no_optimizer(params, lr=0.1):  # type: ignore[no-untyped-def]
    return list(params)


def halve(optimizer: Optimizer, every: int = 1) -> LRScheduler:
    return StepLR(optimizer, every, 0.5)


def stop(monitor: str = "val/loss") -> Callback:
    return EarlyStopping(monitor)


def csv(save_dir: str) -> Logger:
    return CSVLogger(save_dir, name="mine")


def digits(**options: Any) -> ImageData:
    return Digits(**options)
