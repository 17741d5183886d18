"""Metrics that torchmetrics has not, or not so: means over images and of errors; mAP and R² of any images."""

from statistics import fmean

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.regression import R2Score
from torchmetrics.utilities.data import dim_zero_cat
from torchmetrics.wrappers.abstract import WrapperMetric

from pellucid.metrics.labels import average_precision


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


class MeanAveragePrecision(Metric):
    """mAP: the mean of the labels' average precisions, in [0, 1], over labels that any image has.

    NaN where none has. torchmetrics' counts a label that no image has as 0.
    """

    full_state_update = False
    higher_is_better = True
    scores: list[Tensor]
    targets: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        for name in ("scores", "targets"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(self, scores_NK: Tensor, targets_NK: Tensor) -> None:
        self.scores.append(scores_NK)
        self.targets.append(targets_NK)

    def compute(self) -> Tensor:
        scores_NK, targets_NK = dim_zero_cat(self.scores), dim_zero_cat(self.targets)
        pairs = zip(scores_NK.cpu().numpy().T, targets_NK.cpu().numpy().T, strict=True)
        precisions = [average_precision(*pair) for pair in pairs if pair[1].any()]
        return torch.tensor(fmean(precisions) if precisions else torch.nan, device=scores_NK.device)


class MeanOverNumbers(WrapperMetric):
    """The mean of what a metric gives of each number."""

    def __init__(self, metric: Metric) -> None:
        super().__init__()
        self.metric = metric

    @property
    def higher_is_better(self) -> bool | None:  # type: ignore[override]
        return self.metric.higher_is_better

    def update(self, *given: Tensor) -> None:
        self.metric.update(*given)

    def compute(self) -> Tensor:
        value: Tensor = self.metric.compute().mean()
        return value

    def reset(self) -> None:
        self.metric.reset()
        super().reset()


class PowerMean(Metric):
    """The power mean of absolute errors: with power 1 the MAE, with 2 the RMSE.

    Of any that float32 holds: torchmetrics' square and sum overflow from about 1e19 on.
    """

    full_state_update = False
    higher_is_better = False
    means: list[Tensor]
    counts: list[Tensor]

    def __init__(self, power: float) -> None:
        super().__init__()
        self.power = power
        for name in ("means", "counts"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(self, errors_NK: Tensor) -> None:
        count = torch.tensor([errors_NK.numel()], device=errors_NK.device)
        self.means.append(self._mean(errors_NK.abs().flatten(), 1 / count))
        self.counts.append(count)

    def compute(self) -> Tensor:
        counts_S = dim_zero_cat(self.counts)
        return self._mean(dim_zero_cat(self.means), counts_S / counts_S.sum()).squeeze()

    def _mean(self, sizes_N: Tensor, shares_N: Tensor) -> Tensor:
        """Of sizes with such shares, (1,), computed in units of the largest."""
        largest = sizes_N.max().unsqueeze(0)
        mean = (shares_N * (sizes_N / largest) ** self.power).sum() ** (1 / self.power)
        return torch.where((largest > 0) & largest.isfinite(), largest * mean, largest)


class R2(R2Score):
    """R²: the share of the variance that is explained, at most 1, the mean over numbers; NaN of one image."""

    def compute(self) -> Tensor:
        return super().compute() if self.total > 1 else torch.tensor(torch.nan, device=self.device)
