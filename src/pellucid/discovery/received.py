"""What a net is given in a module's own step, beside what its batch holds.

Axes: B images, C channels, H × W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from pellucid.discovery.normalization import OWN_RANGE, Normalization

ROWS, CALLS = 8, 4  # images of a call and calls of a net that are compared
TOLERANCE = {torch.float16: 1e-2, torch.bfloat16: 1e-2}  # of the range of values; of others:
EXACT = 1e-4


@dataclass(frozen=True)
class Received:
    """A net's input made of a batch's images: ``scale`` and ``shift`` of each channel (none: the values as
    they are), in the ``shape`` of one image (none: C, H, W).
    """

    scale: tuple[float, ...] = ()
    shift: tuple[float, ...] = ()
    shape: tuple[int, ...] = ()

    def values(self, images_BCHW: Tensor) -> Tensor:
        """A batch's images with the values that the net is given, (B, C, H, W)."""
        if not self.scale:
            return images_BCHW
        scale, shift = (
            torch.tensor(numbers, device=images_BCHW.device).view(1, -1, 1, 1)
            for numbers in (self.scale, self.shift)
        )
        return images_BCHW * scale + shift

    def reshape(self, values_BCHW: Tensor) -> Tensor:
        """Such values in the shape that the net takes."""
        return values_BCHW.reshape(len(values_BCHW), *self.shape) if self.shape else values_BCHW

    def normalization(self, batch: Normalization) -> Normalization:
        """Of what the net is given, where that of the batch's images is known."""
        if not self.scale or batch.source == OWN_RANGE:
            return batch
        triples = list(zip(batch.mean, batch.std, self.scale, self.shift, strict=True))
        return Normalization(
            tuple(mean - shift * std / scale for mean, std, scale, shift in triples),
            tuple(std / scale for _, std, scale, _ in triples),
            f"{batch.source}, then scaled in the module's step",
        )


AS_IS = Received()


class Listener:
    """Notes what nets, by their names, are called with until it is closed; it leaves no hook behind.

    A net that ``net.compile()`` made is not listened to, as a hook would have it compiled again.
    """

    def __init__(self, nets: Mapping[str, nn.Module]) -> None:
        self.calls: dict[str, list[Tensor]] = {}
        self._handles: list[RemovableHandle] = [
            net.register_forward_pre_hook(partial(self._hear, name), with_kwargs=True)
            for name, net in nets.items()
            if net._compiled_call_impl is None and not isinstance(net, torch.jit.ScriptModule)
        ]

    def _hear(self, name: str, net: nn.Module, given: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        if len(given) == 2 and isinstance(given[1], int):
            return  # Lightning calls a whole step, with batch and number, through the module's forward
        if torch.compiler.is_compiling():
            return
        values = [
            value for value in (*given, *named.values()) if isinstance(value, Tensor) and value.ndim > 1
        ]
        calls = self.calls.setdefault(name, [])
        if values and len(calls) < CALLS:
            calls.append(values[0][:ROWS].detach().cpu().clone())

    def close(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def find(self, images_BCHW: Tensor, names: Iterable[str]) -> tuple[str, Received] | None:
        """The first of those nets that was given a batch's images, and in which form; None where none was."""
        images_BCHW = images_BCHW[:ROWS].detach().cpu()
        for name in names:
            related = (relate(images_BCHW, call) for call in self.calls.get(name, ()))
            found = [received for received in related if received is not None]
            if found:
                return name, min(found, key=_changes)
        return None

    def text(self, names: Sequence[str]) -> str:
        """What the first of them that was called was given: shape and range."""
        return next((described(call) for name in names for call in self.calls.get(name, ())), "nothing")


def described(images: Tensor) -> str:
    """Shape and range of some images."""
    low, high = (float(bound) for bound in (images.min(), images.max()))
    return f"{tuple(images.shape[1:])} from {low:.3g} to {high:.3g}"


def relate(images_BCHW: Tensor, inputs: Tensor) -> Received | None:
    """How inputs are made of the images; None where it is no reshaping and no growing line of each channel's
    values: other images, say, or another size.
    """
    count, shape = len(images_BCHW), tuple(inputs.shape[1:])
    same_shape = shape == tuple(images_BCHW.shape[1:])
    if len(inputs) < count or math.prod(shape) != images_BCHW[0].numel() or inputs.is_complex():
        return None
    kept = () if same_shape else shape
    given_BCHW = inputs[:count].reshape(images_BCHW.shape)
    if torch.equal(images_BCHW.to(given_BCHW.dtype), given_BCHW):
        return Received(shape=kept)
    given_CV, images_CV = (values.double().transpose(0, 1).flatten(1) for values in (given_BCHW, images_BCHW))
    centred_CV = images_CV - images_CV.mean(dim=1, keepdim=True)
    square_C = centred_CV.square().sum(dim=1)
    scale_C = (centred_CV * given_CV).sum(dim=1) / square_C
    shift_C = given_CV.mean(dim=1) - scale_C * images_CV.mean(dim=1)
    error_CV = given_CV - scale_C[:, None] * images_CV - shift_C[:, None]
    limit = TOLERANCE.get(inputs.dtype, EXACT) * float(given_CV.max() - given_CV.min())
    if not bool((square_C > 0).all() and (scale_C > 0).all() and (error_CV.abs() <= limit).all()):
        return None
    shift_C[shift_C.abs() <= limit / 10] = 0  # rounding
    return Received(tuple(scale_C.tolist()), tuple(shift_C.tolist()), kept)


def _changes(received: Received) -> int:
    """Fewer are likelier to be meant."""
    return bool(received.scale) + bool(received.shape)
