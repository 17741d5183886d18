"""What a run needs of its process: a device, signals, a process group, quiet."""

from __future__ import annotations

import os
import re
import signal
import threading
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.accelerators import AcceleratorRegistry

from pellucid.errors import UserError, first_line
from pellucid.system.files import disk_error
from pellucid.system.interrupt import SIGNALS, interrupt

HOLDING_STATE = ("torch.optim.", "torch.utils.", "lightning.")
# Lightning's remarks on what is meant to be so here.
EXPECTED_WARNINGS = (
    r"\s*IProgress not found",  # tqdm, in a notebook, of bars that nobody asks for
    ".*module.* in eval mode at the start of training",
    "The number of training batches .* is smaller than the logging interval",
    "You requested to overfit but enabled .* shuffling",  # the order is fixed then
    "It is recommended to use `self.log.*sync_dist",  # our metrics are summed over ranks already
    "The `srun` command is available on your system but is not used",  # a worker of Slurm starts its own
    "`isinstance.treespec, LeafSpec.` is deprecated",  # Lightning 2.6 on torch 2.15
)


def check_device(accelerator: str, option: str) -> None:
    """Raise UserError, which names the ``option``, where the machine lacks that ``accelerator``."""
    if accelerator == "auto":
        return
    if accelerator == "gpu":
        available = has_gpu()
    elif accelerator in ("cuda", "mps"):
        available = AcceleratorRegistry.get(accelerator).is_available()
    else:
        return  # Lightning knows the others
    if not available:
        built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        raise UserError(
            f"{option}={accelerator}: this machine has no such device (torch {torch.__version__}, {built}). "
            f"Use {option}=cpu, or {option}=auto for the best one here."
        )


def has_gpu() -> bool:
    """Whether this machine has one that torch can use, of any maker."""
    return torch.cuda.is_available() or torch.backends.mps.is_available()


def is_of_launcher(error: BaseException) -> bool:
    """Whether a launcher's handler of signals raised it amid our code: this process is being taken away."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and str(trace.tb_frame.f_globals.get("__name__")).startswith("submitit.")


def _modules(error: BaseException) -> list[str]:
    """Through which it came, that where it was raised last."""
    return [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]


def is_of_restoring(error: BaseException) -> bool:
    """Whether it was raised as a checkpoint's state was given back to the training, or by those that have it.

    Those are optimizers, schedulers and Lightning's loops, which meet what does not fit as they go on.
    """
    modules = _modules(error)
    if any(module.endswith(".checkpoint_connector") for module in modules):
        return True
    odd = isinstance(error, TypeError | ValueError | LookupError | AttributeError | RuntimeError)
    return odd and "memory" not in str(error) and modules[-1].startswith(HOLDING_STATE)


def is_of_options(error: BaseException) -> bool:
    """Whether Lightning itself raised it for options that do not go together, or with the data."""
    modules = _modules(error)
    refusing = isinstance(error, MisconfigurationException | ValueError | TypeError | ZeroDivisionError)
    return refusing and not isinstance(error, UserError) and modules[-1].startswith("lightning.")


def has_several_processes(trainer: Mapping[str, Any]) -> bool:
    """Whether Lightning would start further processes for a trainer of these options."""
    devices = trainer.get("devices", "auto")
    if isinstance(devices, list):
        return len(devices) > 1
    if devices in ("auto", -1, "-1"):
        on_gpu = trainer.get("accelerator", "auto") in ("auto", "gpu", "cuda")
        return on_gpu and torch.cuda.device_count() > 1
    return not isinstance(devices, int) or devices > 1


@contextmanager
def signals() -> Iterator[list[int]]:
    """Turn SIGINT and SIGTERM into KeyboardInterrupt and note which it was."""
    received: list[int] = []

    def note(number: int, frame: Any) -> None:
        received.append(number)
        interrupt(number)

    if threading.current_thread() is not threading.main_thread():  # a launcher's worker thread
        yield received
        return
    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def quiet_warnings() -> Iterator[None]:
    """Without the warnings that are expected here."""
    with warnings.catch_warnings():
        for message in EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message=message)
        yield


@contextmanager
def process_group() -> Iterator[None]:
    """Leave nothing of a ddp run behind in this process, so that the next run of a sweep starts its own."""
    names = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE")
    before = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def as_user_error(error: BaseException) -> BaseException:
    """What other packages say of a user's mistake, in our words; other errors as they are."""
    text = str(error).strip()
    if isinstance(error, OSError):
        return disk_error(error) or error
    if "Early stopping conditioned on metric" in text:
        return UserError(text)
    if isinstance(error, MisconfigurationException):
        return UserError(f"The trainer's options: {text}")
    if "Expected more than 1 value per channel when training" in text:
        return UserError(
            "Batch norm cannot train on a single image a batch: set data.batch_size to 2 or more."
        )
    if isinstance(error, RuntimeError) and re.search("out of memory|can't allocate memory", text):
        return UserError(
            f"The memory does not suffice ({first_line(error)}). Try a smaller data.batch_size or "
            "data.image_size, trainer.precision=bf16-mixed, or a smaller model."
        )
    return error
