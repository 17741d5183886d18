"""What a classifier said of the images of a split.

Axes: N images.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Verdicts:
    """``index_N`` are positions in the split, ``confidence_N`` the softmax share of the predicted class."""

    index_N: Tensor
    true_N: Tensor
    predicted_N: Tensor
    confidence_N: Tensor

    def __len__(self) -> int:
        return len(self.index_N)

    def right(self) -> Tensor:
        """Whether each image was recognised."""
        return self.predicted_N == self.true_N

    def accuracy(self) -> float:
        """The share of images that were recognised, in [0, 1]."""
        return float(self.right().float().mean())

    def subset(self, places: Tensor) -> Verdicts:
        """Those of the images."""
        return Verdicts(
            self.index_N[places], self.true_N[places], self.predicted_N[places], self.confidence_N[places]
        )

    def worst_mistakes(self, most: int) -> Verdicts:
        """The wrong ones, the most confident first."""
        wrong = torch.nonzero(~self.right()).flatten()
        order = torch.argsort(self.confidence_N[wrong], descending=True, stable=True)
        return self.subset(wrong[order[:most]])
