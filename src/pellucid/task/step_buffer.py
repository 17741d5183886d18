"""Outputs of a stage's steps, kept until its metrics are computed.

Shapes: S steps, N images of all of them, B of one, K numbers of an image.
"""

from __future__ import annotations

import torch
from torch import Tensor


class StepBuffer:
    """A buffer of steps: their losses, and tensors with a row an image, in few tensors that grow.

    Kept one by one, small tensors among a step's large ones would scatter the memory: 26 MiB for the fully
    connected net on Fashion-MNIST.
    """

    def __init__(self) -> None:
        self._losses: Tensor | None = None
        self._seen: list[Tensor] = []
        self._counts: list[int] = []
        self._images = 0

    def add(self, loss: Tensor, *seen_B: Tensor) -> None:
        """A step's loss, the mean over its images, and tensors of one row an image."""
        steps, images = len(self._counts), self._images + len(seen_B[0])
        if self._losses is None:
            self._losses = loss.new_empty(64, dtype=torch.float32)
            self._seen = [part.new_empty(64 * len(part), *part.shape[1:]) for part in seen_B]
        if steps == len(self._losses):
            self._losses = _doubled(self._losses)
        while images > len(self._seen[0]):
            self._seen = [_doubled(part) for part in self._seen]
        self._losses[steps] = loss.detach()
        for buffer, part_B in zip(self._seen, seen_B, strict=True):
            buffer[self._images : images] = part_B
        self._counts.append(len(seen_B[0]))
        self._images = images

    def __len__(self) -> int:
        """How many steps."""
        return len(self._counts)

    def all(self) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Losses (S,) float32, images of each step (S,), and what was seen, a row an image each."""
        assert self._losses is not None
        counts_S = torch.tensor(self._counts, device=self._losses.device)
        return self._losses[: len(self._counts)], counts_S, [part[: self._images] for part in self._seen]


def _doubled(buffer: Tensor) -> Tensor:
    return torch.cat([buffer, torch.empty_like(buffer)])
