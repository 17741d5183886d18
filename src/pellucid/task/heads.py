"""The heads of a classifier: its class scores in whatever form it gives them.

Axes: B images, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from pellucid.discovery.output import tensor_at, tensors

MAIN = "logits"


def find_heads(output: object, shape: tuple[int, int]) -> list[Tensor]:
    """The scores of the main head, then those of auxiliary ones, all of that shape, (B, K).

    The main head is the first tensor of that shape, what is called ``logits`` before all; then those of a
    tuple, list, mapping or dataclass share in the loss, but where one is called so only those called
    ``aux…``, as the others may be features.
    """
    if isinstance(output, Tensor):
        return [output]
    main = [value for value in tensors(output) if value.shape == shape][:1]
    named = _named(output)
    if named is not None:
        others = [value for name, value in named.items() if MAIN not in named or name.startswith("aux")]
    else:
        others = list(output) if isinstance(output, tuple | list) else []
    auxiliary = [value for value in others if isinstance(value, Tensor) and value.shape == shape]
    return main + [value for value in auxiliary if value is not main[0]]


def _named(output: object) -> dict[str, Any] | None:
    """The parts of an output that have names."""
    if isinstance(output, Mapping):
        return {str(name): value for name, value in output.items()}
    if is_dataclass(output):
        return {field.name: getattr(output, field.name) for field in fields(output)}
    names = getattr(output, "_fields", None)  # of a named tuple
    return {name: getattr(output, name) for name in names} if names else None


def main_index(output: object, shape: tuple[int, int]) -> int:
    """The main head among the tensors of an output."""
    return next(index for index, value in enumerate(tensors(output)) if value.shape == shape)


def give_scores(net: nn.Module, index: int) -> None:
    """Have the net give that one of its tensors to all who call it in evaluation mode."""
    net.register_forward_hook(partial(_read, index))


def _read(index: int, net: nn.Module, inputs: Any, output: Any) -> Tensor | None:
    return None if net.training or isinstance(output, Tensor) else tensor_at(output, index)
