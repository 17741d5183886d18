"""What every project shares: its few arguments, and what it tells of itself when it ends."""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn


@dataclass(frozen=True)
class Project:
    """Where a project writes, and the callbacks a user would add."""

    folder: Path
    callbacks: list[Callback]

    @property
    def data(self) -> Path:
        """A folder for fake data."""
        return self.folder / "data"

    def options(self) -> dict[str, Any]:
        """What the project's Trainer is told: the CPU, TensorBoard, and the one line if asked for."""
        logger = TensorBoardLogger(self.folder, name="", version="")
        given: dict[str, Any] = {"callbacks": self.callbacks} if self.callbacks else {}
        return {"accelerator": "cpu", "logger": logger, "enable_progress_bar": False, **given}


def run(main: Callable[[Project], Trainer]) -> None:
    """Run ``main`` by the command line, and write what it came to into the folder's ``result.json``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--views", choices=("share", "all"), help="within the share of time, or every view")
    arguments = parser.parse_args()
    callbacks: list[Callback] = []
    if arguments.views:
        from pellucid import Views

        callbacks = [Views(share=None) if arguments.views == "all" else Views()]
    with timed_fits() as seconds:
        trainer = main(Project(arguments.folder, callbacks))
    result = {
        "fit_seconds": round(sum(seconds), 2),
        **outcome(trainer),
        "versions": {name: version(name) for name in sorted(_distributions())},
    }
    (arguments.folder / "result.json").write_text(json.dumps(result, indent=2), encoding="utf-8")


@contextmanager
def timed_fits() -> Iterator[list[float]]:
    """How many seconds of the processor each call of ``Trainer.fit`` takes."""
    fit, seconds = Trainer.fit, []

    @functools.wraps(fit)
    def timed(*positional: Any, **named: Any) -> None:
        start = time.process_time()
        fit(*positional, **named)
        seconds.append(time.process_time() - start)

    with mock.patch.object(Trainer, "fit", timed):
        yield seconds


def outcome(trainer: Trainer) -> dict[str, Any]:
    """All that a callback might have changed, as SHA-256 sums, and the logged metrics as they are."""
    module = trainer.lightning_module
    return {
        "weights": digest(dict(sorted(module.state_dict().items()))),
        "optimizers": digest([optimizer.state_dict() for optimizer in trainer.optimizers]),
        "random": digest([torch.get_rng_state(), np.random.get_state(), random.getstate()]),  # noqa: NPY002
        "modules": digest([_left(part) for part in module.modules()]),
        "gradients": digest([weight.grad for weight in module.parameters()]),
        "metrics": {name: value.item() for name, value in sorted(trainer.logged_metrics.items())},
    }


def _left(part: nn.Module) -> tuple[bool, int, list[bool]]:
    """A module's mode, how many hooks hang on it, and which of its weights are trained."""
    hooks = (part._forward_hooks, part._forward_pre_hooks, part._backward_hooks, part._backward_pre_hooks)
    trained = [weight.requires_grad for weight in part.parameters(recurse=False)]
    return part.training, sum(map(len, hooks)), trained


def digest(value: Any) -> str:
    """The SHA-256 of nested mappings, sequences, arrays and plain values."""
    total = hashlib.sha256()
    _feed(total, value)
    return total.hexdigest()


def _feed(total: Any, value: Any) -> None:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().contiguous()
        total.update(f"{value.dtype}{tuple(value.shape)}".encode())
        total.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    elif isinstance(value, np.ndarray):
        total.update(f"{value.dtype}{value.shape}".encode())
        total.update(value.tobytes())
    elif isinstance(value, Mapping):
        _feed(total, list(value.items()))
    elif isinstance(value, list | tuple):
        total.update(f"{len(value)}[".encode())
        for item in value:
            _feed(total, item)
    elif value is None or isinstance(value, str | bool | int | float):
        total.update(f"{type(value).__name__}{value!r},".encode())
    else:
        raise TypeError(f"no sum of a {type(value).__name__}: expected tensors, arrays and plain values")


def _distributions() -> set[str]:
    """Those packages that a project is about, and what it stands on."""
    named = {
        "anomalib", "datasets", "kornia", "lightly", "lightning", "numpy", "segmentation_models_pytorch",
        "timm", "torch", "torch_uncertainty", "torchgeo", "torchmetrics", "torchvision", "transformers",
    }  # fmt: skip
    return named & {name.partition(".")[0] for name in sys.modules}
