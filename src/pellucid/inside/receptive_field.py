"""Which part of an image a unit at a place of its map can see: its receptive field, exactly.

It is found by trial, not by adding up kernels and strides, so it is right at borders and for every net: one
of pixels that are not numbers (NaN) makes not a number of all that is computed from it, and of nothing else.

Axes: S places that are asked for, M trials, C channels, H × W pixels, U units, P places of a map.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pellucid.inside.units import UnitLayer

BATCH_SIZE = 8  # trials
PRODUCTS = {torch.matmul, torch.bmm, Tensor.matmul, Tensor.bmm, Tensor.__matmul__, Tensor.__rmatmul__}


def receptive_fields(
    net: nn.Module, layer: UnitLayer, unit_S: Tensor, position_S: Tensor, image_shape: tuple[int, int, int]
) -> Tensor:
    """Boxes (S, 4) of pixels, top, left, bottom and right, the last two behind the edge; cut at the image's.

    The smallest that holds all that the unit sees. On the CPU, on a copy of the net.
    """
    trial = _Trial(net, layer, unit_S.cpu(), position_S.cpu(), image_shape)
    height, width = image_shape[1:]
    top_S = _first(height, lambda row: (slice(0, row + 1), slice(None)), trial)
    left_S = _first(width, lambda column: (slice(None), slice(0, column + 1)), trial)
    below_S = _first(height, lambda row: (slice(height - 1 - row, None), slice(None)), trial)
    right_S = _first(width, lambda column: (slice(None), slice(width - 1 - column, None)), trial)
    boxes_S4 = torch.stack([top_S, left_S, height - below_S, width - right_S], dim=1)
    blind_S = (boxes_S4[:, 2] <= boxes_S4[:, 0]) | (boxes_S4[:, 3] <= boxes_S4[:, 1])
    boxes_S4[blind_S] = torch.tensor([0, 0, height, width])  # it sees nothing: no part is better than another
    return boxes_S4


def _first(side: int, hide: Callable[[int], tuple[slice, slice]], trial: _Trial) -> Tensor:
    """For each place the least number for which hiding that part is noticed: bisected, all together."""
    low_S = torch.zeros(trial.count, dtype=torch.long)
    high_S = torch.full_like(low_S, side - 1)
    middle_S = low_S  # first the edge: deep units see all
    known: dict[int, Tensor] = {}
    while bool((low_S < high_S).any()):
        open_S = low_S < high_S
        numbers = sorted(set(middle_S[open_S].tolist()))
        known.update(trial.noticed({number: hide(number) for number in numbers if number not in known}))
        noticed_S = torch.zeros_like(open_S)
        for number in numbers:
            noticed_S |= (middle_S == number) & known[number]
        high_S = torch.where(open_S & noticed_S, middle_S, high_S)
        low_S = torch.where(open_S & ~noticed_S, middle_S + 1, low_S)
        middle_S = (low_S + high_S) // 2
    return low_S


class _Trial:
    """Hides parts of an image behind NaN and tells which units at which places notice."""

    def __init__(
        self,
        net: nn.Module,
        layer: UnitLayer,
        unit_S: Tensor,
        position_S: Tensor,
        image_shape: tuple[int, int, int],
    ) -> None:
        self.net = copy.deepcopy(net).to("cpu", torch.float32).eval()
        self.layer, self.unit_S, self.position_S, self.count = layer, unit_S, position_S, len(unit_S)
        self.image_CHW = torch.randn(image_shape, generator=torch.Generator().manual_seed(0))
        with _plain():
            self.before_S = self._values(self.image_CHW[None])[0]

    def noticed(self, parts: Mapping[int, tuple[slice, slice]]) -> Iterator[tuple[int, Tensor]]:
        """For each part, whether each of the units notices that it is hidden."""
        numbers = list(parts)
        for start in range(0, len(numbers), BATCH_SIZE):
            batch = numbers[start : start + BATCH_SIZE]
            images_MCHW = self.image_CHW.repeat(len(batch), 1, 1, 1)
            for image_CHW, number in zip(images_MCHW, batch, strict=True):
                image_CHW[:, parts[number][0], parts[number][1]] = torch.nan
            with _plain():
                values_MS = self._values(images_MCHW)
            same_MS = values_MS.isclose(self.before_S, rtol=1e-3, atol=1e-4)  # never NaN; not to the last
            yield from zip(batch, ~same_MS, strict=True)  # bit, as sums differ with the number of images

    def _values(self, images_MCHW: Tensor) -> Tensor:
        return self.layer.outputs(self.net, images_MCHW)[:, self.unit_S, self.position_S]


@contextmanager
def _plain() -> Iterator[None]:
    """Arithmetic in which NaN goes only where a number goes: no convolution by transforms."""
    with torch.no_grad(), torch.backends.nnpack.flags(enabled=False), _Sparse():
        yield


class _Sparse(TorchFunctionMode):
    """In products of matrices 0 × NaN is 0: a graph's nodes see those that they are joined to."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        product = func(*args, **(kwargs or {}))
        if func not in PRODUCTS or not product.isnan().any():
            return product
        left, right = args[:2] if func is not Tensor.__rmatmul__ else args[1::-1]
        reached = (left != 0).float() @ right.isnan().float() + left.isnan().float() @ (right != 0).float()
        clean = left.nan_to_num(0.0) @ right.nan_to_num(0.0)
        return clean.masked_fill(reached > 0, torch.nan)
