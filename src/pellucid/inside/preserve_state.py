"""Look at a net and leave it exactly as it was found."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from pellucid.inside.mode import evaluation_mode


@contextmanager
def preserve_state(net: nn.Module) -> Iterator[nn.Module]:
    """The net as written (not its compiled form), in evaluation mode, float32 arithmetic, gradients allowed.

    Afterwards, also after an exception: every module's mode, every parameter's ``grad`` and
    ``requires_grad``, every buffer and its values, and the random state of Python, NumPy and torch are as
    before.
    Works inside ``torch.inference_mode`` too, for inputs made or cloned within.
    """
    net = unwrap_compiled(net)
    gradients = {parameter: (parameter.grad, parameter.requires_grad) for parameter in net.parameters()}
    buffers = {buffer: buffer.clone() for buffer in net.buffers()}
    compiled = vars(net).pop("_compiled_call_impl", None)  # what ``net.compile()`` sets
    registered = {
        module: dict(module._buffers) for module in net.modules()
    }  # a net may put others in their place
    device = next((tensor.device for tensor in (*gradients, *buffers)), torch.device("cpu"))
    state = _random_state(device)
    for parameter in gradients:
        parameter.grad = None  # what is accumulated meanwhile goes elsewhere
    try:
        with (
            evaluation_mode(net),
            torch.inference_mode(False),
            torch.enable_grad(),
            torch.autocast(device.type, enabled=False),
        ):
            yield net
    finally:
        if compiled is not None:
            net._compiled_call_impl = compiled
        for parameter, (gradient, flag) in gradients.items():
            parameter.grad = gradient
            parameter.requires_grad_(flag)
        for module, originals in registered.items():
            module._buffers.clear()
            module._buffers.update(originals)
        for buffer, values in buffers.items():  # one that a net made as it was tested is changed there alone
            with torch.inference_mode(buffer.is_inference()), torch.no_grad():
                buffer.copy_(values)
        _set_random_state(device, state)


@contextmanager
def preserve_random_state(device: torch.device) -> Iterator[None]:
    """The random state of Python, NumPy and torch is afterwards as before, also after an exception."""
    state = _random_state(device)
    try:
        yield
    finally:
        _set_random_state(device, state)


def unwrap_compiled(net: nn.Module) -> nn.Module:
    """The module that ``torch.compile`` wrapped, whose layers can be hooked; another net as it is."""
    return dict(net.named_children()).get("_orig_mod", net)


def _random_state(device: torch.device) -> tuple[Any, ...]:
    device_generator = _device_generator(device)
    return (
        random.getstate(),
        np.random.get_state(),  # noqa: NPY002  the legacy generator is what libraries use
        torch.get_rng_state(),
        device_generator.get_state() if device_generator is not None else None,
    )


def _set_random_state(device: torch.device, state: tuple[Any, ...]) -> None:
    python, numpy, cpu, accelerator = state
    random.setstate(python)
    np.random.set_state(numpy)  # noqa: NPY002
    torch.set_rng_state(cpu)
    device_generator = _device_generator(device)
    if device_generator is not None:
        device_generator.set_state(accelerator)


def _device_generator(device: torch.device) -> torch.Generator | None:
    if device.type == "cuda":
        return torch.cuda.default_generators[device.index or 0]
    if device.type == "mps":
        return torch.mps._get_default_mps_generator()
    return None
