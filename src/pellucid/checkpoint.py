"""Checkpoint files: written whole or not at all, read without executing anything in them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from pellucid.errors import UserError, first_line
from pellucid.run import FORMAT, write_atomically

KEY = "pellucid"  # our part of a checkpoint: format, configuration, spec


class AtomicCheckpointIO(TorchCheckpointIO):
    """How Lightning writes and reads checkpoints here."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        """Raises UserError where the disk is full; the file that was there stays."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        write_checkpoint(Path(path), buffer.getvalue())

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        return load_checkpoint(Path(path))


def write_checkpoint(path: Path, content: bytes) -> None:
    """Write a checkpoint file whole. Raises UserError where the disk is full; the one before stays."""
    try:
        write_atomically(path, content)
    except OSError as error:
        raise UserError(
            f"The checkpoint {path} could not be written ({error.strerror or error}); the one before "
            "it is as it was. Make room on the disk, then continue by resume=<run folder>."
        ) from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint of ours, on the CPU. Raises UserError for a file that is none; nothing is executed."""
    if not path.is_file():
        raise UserError(f"{path}: there is no such checkpoint.")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is not its own
        raise UserError(
            f"{path} is damaged or not a checkpoint of plain tensors, so it was not read; nothing in it "
            f"was executed ({first_line(error)}). Use another checkpoint of the run."
        ) from error
    ours = checkpoint.get(KEY) if isinstance(checkpoint, dict) else None
    if not isinstance(ours, dict) or not {"format", "config", "spec"} <= ours.keys():
        raise UserError(f"{path} is a checkpoint, but not one of pellucid's: it names no configuration.")
    if ours["format"] > FORMAT:
        raise UserError(f"{path} was written by a newer pellucid (format {ours['format']}). Update.")
    return dict(checkpoint)
