"""Numbers of an image: squared error of standardised numbers; MAE, RMSE and R².

Axes: B images, N of a stage, K numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer
from torchmetrics import Metric

from pellucid.errors import UserError
from pellucid.spec import NUMBERS
from pellucid.task.metric import R2, MeanOverImages, MeanOverNumbers, PowerMean
from pellucid.task.own_metrics import gives_each
from pellucid.task.scores import TRIED, ScoresTask, mean_loss

LOSSES = {"mse": functional.mse_loss, "smooth_l1": functional.smooth_l1_loss}


class Regression(ScoresTask):
    """Regression of ``num_classes`` numbers an image.

    The net learns them standardised, by the mean and standard deviation of the training images' numbers, so
    that angles and house prices train alike; both are kept with the weights. ``loss``, mse or smooth_l1, is
    of standardised numbers; mae and rmse are in the numbers' own units, over all of them. As units of several
    numbers may differ, the loss then chooses the best epoch. A ``loss`` of the user's own is of standardised
    numbers too, (B, K); ``metrics`` get them in their own units, of one number an image (B,); of one
    that gives a value for each number the mean counts.

    The learning rate rises over the first ``warmup`` steps to what the optimizer and its schedule say. Adam's
    first steps change each weight by the whole rate, however small its gradient is, which in a wide layer
    moves the numbers by tens of deviations; the gradients that follow, squared, hold it back for long.
    """

    kind, outputs, labels = "regression", "numbers", NUMBERS
    monitor, mode = "val/mae", "min"
    target_mean: Tensor
    target_std: Tensor

    def __init__(
        self,
        *,
        num_classes: int,
        loss: Literal["mse", "smooth_l1"] | nn.Module = "mse",
        warmup: int = 100,
        **given: Any,
    ) -> None:
        if isinstance(loss, str) and loss not in LOSSES:
            raise UserError(f"task.loss={loss}: expected {' or '.join(LOSSES)}, or task.loss._target_=….")
        if warmup < 0:
            raise UserError(f"task.warmup={warmup}: expected a number of steps, 0 for none.")
        self.loss, self.warmup = loss if isinstance(loss, str) else "own", warmup
        if num_classes > 1:
            self.monitor = "val/loss"
        super().__init__(num_classes=num_classes, loss=None if isinstance(loss, str) else loss, **given)
        self.register_buffer("target_mean", torch.zeros(num_classes))
        self.register_buffer("target_std", torch.ones(num_classes))

    def fit_targets(self, targets_N: Tensor) -> None:
        """Take mean and standard deviation of the training images' numbers, (N, K).

        Raises UserError where one is not finite, or the same for all images.
        """
        numbers_NK = targets_N.double()
        if bad := int((~numbers_NK.isfinite()).any(dim=1).sum()):
            raise UserError(
                f"task=regression: {bad:,} of {len(numbers_NK):,} training images have a number that is none "
                "(NaN or infinite). Give each a finite number, or leave these images out."
            )
        std_K = numbers_NK.std(dim=0, correction=0)
        if constant := [k for k, std in enumerate(std_K.tolist()) if std <= 1e-9 * abs(numbers_NK[0, k])]:
            raise UserError(
                f"task=regression: number {constant[0] + 1} of {self.num_classes} is "
                f"{float(numbers_NK[0, constant[0]]):g} for all training images: there is nothing to learn. "
                "Leave it out, or check what was read."
            )
        self.target_mean.copy_(numbers_NK.mean(dim=0))
        self.target_std.copy_(std_K)

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Optimizer | LightningOptimizer,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        # A function of the step alone, so that a run resumes; schedules find the rates as they left them.
        share = min(1.0, (self.trainer.global_step + 1) / max(1, self.warmup))
        rates = [group["lr"] for group in optimizer.param_groups]
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate if share == 1 else share * rate
        try:
            super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        finally:
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate

    def _make_metrics(self) -> dict[str, Metric]:
        return {
            "loss": MeanOverImages(),
            "mae": PowerMean(1),
            "rmse": PowerMean(2),
            "r2": R2(),
        }

    def _step(self, batch: tuple[Tensor, ...], stage: str) -> tuple[Tensor, Tensor]:
        inputs_B, targets_BK, *weights = batch
        heads = self._heads(inputs_B)
        loss = self._joint_loss(heads, lambda scores_BK: self._loss(scores_BK, targets_BK, weights))
        self.steps[stage].add(loss, heads[0].detach().float(), self._standardised(targets_BK))
        return loss, heads[0]

    def predictions(
        self, images_BCHW: Tensor, output: Tensor, labels_B: Tensor | None = None
    ) -> dict[str, Tensor]:
        """``numbers`` (B, K), in their own units."""
        mean_K, std_K = (values.to(output.device) for values in (self.target_mean, self.target_std))
        values = {"numbers": output.float() * std_K + mean_K}
        losses_B = None if labels_B is None else self._losses(output, labels_B)
        return values if losses_B is None else {**values, "loss": losses_B}

    def _example(self) -> tuple[Tensor, Tensor]:
        random = torch.Generator().manual_seed(0)
        numbers_BK = torch.randn(TRIED, self.num_classes, generator=random)
        return numbers_BK + 0.1 * torch.randn(TRIED, self.num_classes, generator=random), numbers_BK

    def _one_number_each(self, metrics: dict[str, Metric]) -> dict[str, Metric]:
        output, targets = map(self.metric_targets, self._example())
        several = {name: gives_each(metric, output, targets) for name, metric in metrics.items()}
        return {name: MeanOverNumbers(m) if several[name] else m for name, m in metrics.items()}

    def metric_forms(self, output: Tensor) -> dict[str, Tensor]:
        return {"numbers": self.metric_targets(output.detach().float())}

    def metric_targets(self, targets: Tensor) -> Tensor:
        return targets.squeeze(1) if self.num_classes == 1 else targets

    def _standardised(self, targets_BK: Tensor) -> Tensor:
        mean_K, std_K = (values.to(targets_BK.device) for values in (self.target_mean, self.target_std))
        return (targets_BK - mean_K) / std_K

    def _loss(self, scores_BK: Tensor, targets_BK: Tensor, weights: Sequence[Tensor]) -> Tensor:
        if self.loss_function is not None:
            return self._own_loss(scores_BK, self._standardised(targets_BK), *weights)
        losses_B = self._losses(scores_BK, targets_BK)
        assert losses_B is not None
        return mean_loss(losses_B, weights)

    def _losses(self, scores_BK: Tensor, targets_BK: Tensor) -> Tensor | None:
        """Each image's loss, (B,), the mean over its numbers; None where the user's own has none."""
        if self.loss_function is not None:
            return self._own_losses(scores_BK, self._standardised(targets_BK))
        losses_BK = LOSSES[self.loss](scores_BK, self._standardised(targets_BK), reduction="none")
        return losses_BK.mean(dim=1)

    def _update_metrics(self, stage: str, losses_S: Tensor, counts_S: Tensor, *seen: Tensor) -> None:
        scores_NK, standardised_NK = seen
        metrics = self.stage_metrics(stage)
        metrics["loss"].update(losses_S, counts_S)
        metrics["r2"].update(scores_NK, standardised_NK)  # the same of standardised numbers, without overflow
        errors_NK = (scores_NK - standardised_NK) * self.target_std.to(scores_NK.device)
        for name in ("mae", "rmse"):
            metrics[name].update(errors_NK)
        if self.forms:
            mean_K, std_K = (values.to(scores_NK.device) for values in (self.target_mean, self.target_std))
            forms = self.metric_forms(scores_NK * std_K + mean_K)
            self._update_own(stage, forms, self.metric_targets(standardised_NK * std_K + mean_K))
