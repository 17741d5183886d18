"""Small nets that a task can learn, and those that it must refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pellucid.task.classification import Classification


class Fixed(nn.Module):
    """Gives the same scores for every image."""

    def __init__(self, scores: list[float]) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.tensor(scores))

    def forward(self, images: Tensor) -> Tensor:
        return self.scores.expand(len(images), -1)


def classification(
    net: nn.Module, classes: int = 2, smoothing: float = 0.0, **options: Any
) -> Classification:
    return Classification(
        net=net,
        optimizer=lambda p: torch.optim.SGD(p, lr=0.1),
        scheduler=None,
        image_shape=(1, 2, 2),
        num_classes=classes,
        label_smoothing=smoothing,
        seed=0,
        **options,
    )


class Own(nn.Module):
    """As people write them: it gives more than scores in training, and may write into what it is given."""

    def __init__(self, gives: Callable[[Tensor], Any] = lambda logits: logits, extra: object = None) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(4, 2), nn.BatchNorm1d(2)
        self.gives, self.extra = gives, extra

    def forward(self, images: Tensor) -> Any:
        logits = self.norm(self.linear(images.neg_().flatten(1)))
        return self.gives(logits) if self.training else logits

    def get_extra_state(self) -> object:
        return self.extra

    def set_extra_state(self, state: object) -> None:
        self.extra = state


class Heads(NamedTuple):
    logits: Tensor
    aux: Tensor | None
