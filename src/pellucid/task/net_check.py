"""Checks of a net before it is trained: it takes the images and can be kept in a checkpoint."""

from __future__ import annotations

import io
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.discovery.output import tensors
from pellucid.errors import OPTION_ERRORS, UserError, first_line


def shape_of(output: object) -> str:
    """A net's output, for messages: the shape of a tensor, the kind of anything else with its tensors'."""
    if isinstance(output, Tensor):
        return str(tuple(output.shape))
    found = {id(value): str(tuple(value.shape)) for value in tensors(output)}
    shapes = ", ".join(found.values())
    return f"a {type(output).__name__}{f' of {shapes}' if shapes else ''}"


def check_state(net: nn.Module) -> None:
    """Raise UserError where a checkpoint cannot keep what modules give by ``get_extra_state``."""
    extra = {name: value for name, value in net.state_dict().items() if not isinstance(value, Tensor)}
    buffer = io.BytesIO()
    try:
        torch.save(extra, buffer)
        torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)
    except Exception as error:  # whatever their own classes raise
        raise UserError(
            f"{', '.join(extra)} of {type(net).__name__}: expected numbers, texts, tensors and containers of "
            f"them from get_extra_state, as nothing in a checkpoint is executed ({first_line(error)})."
        ) from error


def copy_inputs(net: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """A forward hook's copies of the inputs: what the net may write into them, nobody else sees."""
    return tuple(value.clone() if isinstance(value, Tensor) else value for value in inputs)


def try_net(net: nn.Module, images_BCHW: Tensor) -> object:
    """The net's output. Raises UserError, that names the net, where it does not take such images."""
    try:
        return net(images_BCHW)
    except UserError:
        raise
    except OPTION_ERRORS as error:
        shape = " × ".join(str(length) for length in images_BCHW.shape[1:])
        hint = ""
        if len(images_BCHW[0]) == 1 and type(net).__module__.startswith("torchvision."):
            hint = " It takes three channels: model=resnet_finetune model.arch=<name> repeats grey ones."
        raise UserError(
            f"{type(net).__name__} does not take float32 images of {shape}: "
            f"{first_line(error).rstrip('.')}.{hint}"
        ) from error
