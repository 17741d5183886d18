"""State dict files: weights of torchvision's nets, of checkpoints and of exported nets of ours."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from pellucid.errors import UserError, first_line

log = logging.getLogger(__name__)


def load_state(backbone: nn.Module, head: nn.Linear, path: Path, name: str, arch: str) -> None:
    """Fill a backbone and its head, which is the layer ``name`` of the file.

    A head of another size is dropped, with one line. Raises UserError for a file that is none or does not
    fit.
    """
    state = read_state(path)
    keys = (f"{prefix}.{kind}" for prefix in (name, "head") for kind in ("weight", "bias"))
    dropped = {key: state.pop(key) for key in keys if key in state}
    state = {key: value for key, value in state.items() if not re.match(r"aux|AuxLogits", key)}
    if text := misfits(backbone.state_dict(), state):
        raise UserError(
            f"model.weights={path}: this file does not fit {arch}.{text} Give the model.arch that the "
            "file was made for, and the model.stem (standard or small)."
        )
    backbone.load_state_dict(state, strict=False)
    load_head(head, dropped, path)


def load_head(head: nn.Linear, dropped: Mapping[str, Tensor], path: Path) -> None:
    """Fill a head by what a file has of its own, by any name; one of another size is dropped, with a line."""
    if not dropped:
        return
    weights = [(key.rpartition(".")[2], value) for key, value in dropped.items()]
    own = {kind: value.flatten(1) if value.ndim == 4 else value for kind, value in weights}
    expected = head.state_dict()
    if len(own) == len(weights) and _shapes(own) == _shapes(expected):
        head.load_state_dict(own)
        return
    log.warning(
        "%s: its head for %d classes was dropped; the new head for %d starts at random.",
        path.name,
        max(len(value) for value in own.values()),
        head.out_features,
    )


def _shapes(state: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {key: value.shape for key, value in state.items()}


def read_state(path: Path) -> dict[str, Tensor]:
    """The weights in a file, of ours under the names of the library that the net is of. Raises UserError."""
    return _of_ours(_read_tensors(path, "model.weights"))


def _read_tensors(path: Path, option: str) -> dict[str, Tensor]:
    """The state dict in a file, or in a checkpoint. Raises UserError, which names the ``option``."""
    if not path.is_file():
        raise UserError(
            f"{option}={path}: there is no such file. Expected none, default or the path of a "
            "state dict (torch.save(net.state_dict(), path))."
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is not its own
        raise UserError(
            f"{option}={path}: not a file of plain tensors, so it was not read "
            f"({first_line(error)}). Save it by torch.save(net.state_dict(), path)."
        ) from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise UserError(f"{option}={path}: expected a state dict of tensors by name.")
    return {key.removeprefix("module."): value for key, value in state.items()}


def _of_ours(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a checkpoint of ours, or of a net that was exported, under torchvision's names."""
    of_net = {key.removeprefix("net."): value for key, value in state.items() if key.startswith("net.")}
    return {key.removeprefix("backbone."): value for key, value in (of_net or state).items()}


def misfits(expected: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> str:
    """What of a state dict is missing, not in the net, or of another shape; "" where all fits."""
    missing = [key for key in expected if key not in state and not key.endswith("num_batches_tracked")]
    unknown = [key for key in state if key not in expected]
    shapes = [
        f"{key} {tuple(state[key].shape)} instead of {tuple(value.shape)}"
        for key, value in expected.items()
        if key in state and state[key].shape != value.shape
    ]
    return (
        _listed("Missing", missing) + _listed("Not in the net", unknown) + _listed("Of another shape", shapes)
    )


def _listed(title: str, names: list[str], count: int = 5) -> str:
    if not names:
        return ""
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return f" {title}: {', '.join(names[:count])}{more}."


def load_weights(net: nn.Module, path: Path) -> None:
    """Fill a net by a state dict file, or by the part of it that is the net's, as of a checkpoint.

    Raises UserError for a file that is none or does not fit.
    """
    state = _read_tensors(path, "weights")
    expected = net.state_dict()
    name = next(iter(expected), "")
    prefixes = [key.removesuffix(name) for key in state if key == name or key.endswith(f".{name}")]
    prefix = next((p for p in prefixes if all(f"{p}{key}" in state for key in expected)), "")
    own = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    if prefix:  # of a checkpoint, which holds more than the net
        own = {key: value for key, value in own.items() if key in expected}
    if text := misfits(expected, own):
        raise UserError(f"weights={path}: this file does not fit {type(net).__name__}.{text}")
    net.load_state_dict(own, strict=False)
