"""Mean of a quantity over images."""

import torch
from torch import Tensor
from torchmetrics import Metric


class MeanOverImages(Metric):
    """The mean over all images of what was given as means over S batches.

    torchmetrics' ``MeanMetric`` either looks for NaN at every step, which makes a GPU wait, or (1.9) drops
    the weights.
    """

    full_state_update = False
    higher_is_better = False  # the loss and the error
    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("total", "count"):
            self.add_state(name, default=torch.tensor(0.0), dist_reduce_fx="sum")

    def update(self, means_S: Tensor, counts_S: Tensor) -> None:
        self.total += (means_S * counts_S).sum()
        self.count += counts_S.sum()

    def compute(self) -> Tensor:
        return self.total / self.count
