"""Checkpoint files: written whole or not at all, read as data that a stranger may have made."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from torch import Tensor

from pellucid.config.trust import config_problem
from pellucid.errors import UserError, first_line
from pellucid.run.folder import check_format
from pellucid.spec import Spec
from pellucid.system.files import check_stored, write_atomically

EXTRA = "_extra_state"  # ends the names of what modules keep beside tensors, by ``get_extra_state``
KEY = "pellucid"  # our part of a checkpoint: format, configuration, spec
Parts = dict[str, tuple[Callable[[Any], bool], str]]  # by dotted name: what it must be, and that in words


class AtomicCheckpointIO(TorchCheckpointIO):
    """How Lightning writes and reads checkpoints here."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        """Raises UserError where the disk is full; the file that was there stays."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        write_checkpoint(Path(path), buffer.getbuffer())

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        return load_checkpoint(Path(path))


def write_checkpoint(path: Path, content: bytes | memoryview) -> None:
    """Write a checkpoint file whole. Raises UserError where the disk is full; the one before stays."""
    try:
        write_atomically(path, content)
    except OSError as error:
        raise UserError(
            f"The checkpoint {path} could not be written ({error.strerror or error}); the one before "
            "it is as it was. Make room on the disk, then continue by resume=<run folder>."
        ) from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint of ours, on the CPU, its parts of the right kinds; it names no packages.

    Raises UserError for a file that is none. Nothing in it is executed.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no such checkpoint.")
    try:
        check_stored(path)
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is not its own
        raise UserError(
            f"{path} is damaged or not a checkpoint of plain tensors, so it was not read; nothing in it "
            f"was executed ({first_line(error)}). Use another checkpoint of the run."
        ) from error
    ours = checkpoint.get(KEY) if isinstance(checkpoint, dict) else None
    if not isinstance(ours, dict):
        raise UserError(f"{path} is a checkpoint, but not one of pellucid's: it names no configuration.")
    check_format(ours.get("format"), path)
    if problem := _problem(checkpoint, PARTS) or config_problem(ours.get("config")):
        raise UserError(f"{path} is damaged: {problem} Use another checkpoint of the run.")
    return {**checkpoint, KEY: {**ours, "config": {**ours["config"], "packages": []}}}


def check_resumable(checkpoint: Mapping[str, Any], path: Path) -> None:
    """Raise UserError where a checkpoint can be evaluated, but training cannot go on from it."""
    problem = _problem(checkpoint, OF_TRAINING)
    if not problem and len(rows := checkpoint["callbacks"]["Recorder"]["rows"]) != checkpoint["epoch"] + 1:
        problem = f"it holds the figures of {len(rows)} epochs, expected {checkpoint['epoch'] + 1}."
    if problem:
        raise UserError(f"{path} cannot be continued from: {problem}")


def _problem(checkpoint: Mapping[str, Any], parts: Parts) -> str:
    """The first part that is not what it should be, in a sentence; the empty text where all are."""
    for name, (fits, expected) in parts.items():
        if not fits(part := _part(checkpoint, name)):
            return f"{name} is {_shown(part)}, expected {expected}."
    return ""


def _part(node: Any, name: str) -> Any:
    for key in name.split("."):
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _shown(value: Any) -> str:
    text = "missing" if value is None else repr(value)
    return text if len(text) < 60 else f"a {type(value).__name__}"


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _is_state(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(name, str) and (isinstance(tensor, Tensor) or name.endswith(EXTRA))
        for name, tensor in value.items()
    )


def _is_spec(value: Any) -> bool:
    try:
        Spec.from_dict(value).check()
    except (TypeError, ValueError, AttributeError):
        return False
    return True


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(row, dict)
        and {"epoch", "step", "seconds/train"} <= row.keys()
        and all(isinstance(name, str) and isinstance(number, int | float) for name, number in row.items())
        for row in value
    )


def _are_counters(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _are_counters(item) for key, item in value.items())
    return isinstance(value, int) and abs(value) < 2**63


def _are_dicts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


PARTS: Parts = {
    "pellucid.format": (_is_count, "a whole number"),
    "pellucid.spec": (_is_spec, "image shape, classes, mean and deviation"),
    "epoch": (_is_count, "a whole number"),
    "global_step": (_is_count, "a whole number"),
    "state_dict": (_is_state, "tensors by name"),
}
OF_TRAINING: Parts = {
    "callbacks.Recorder.rows": (_are_rows, "the figures of its epochs"),
    "loops": (_are_counters, "counters by name"),
    "optimizer_states": (_are_dicts, "a list of states"),
    "lr_schedulers": (_are_dicts, "a list of states"),
}
