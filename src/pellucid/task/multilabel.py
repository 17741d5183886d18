"""Images with several labels each: binary cross-entropy, mAP, and F1 at thresholds chosen on validation.

Axes: B images, N of a stage, K labels.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional
from torchmetrics import Metric
from torchmetrics.classification import MultilabelF1Score
from torchmetrics.utilities.distributed import gather_all_tensors

from pellucid.metrics.labels import best_thresholds
from pellucid.spec import MULTILABEL
from pellucid.task.metric import MeanAveragePrecision, MeanOverImages
from pellucid.task.mix import Mixture
from pellucid.task.scores import TRIED, ScoresTask, mean_loss


class Multilabel(ScoresTask):
    """Multi-label classification: each of ``num_classes`` labels is a question of its own.

    ``thresholds``, (K,) in [0, 1]: an image has the labels whose probability is at least theirs. They are
    chosen at the end of each validation, by the best F1 there, and kept with the weights; 0.5 before.
    ``loss``, in place of binary cross-entropy, is of scores and labels 0 or 1, both (B, K) float; ``metrics``
    get the labels' probabilities and labels, (B, K). ``mix``: mixup, cutmix, or both, one of them for each
    training batch, see ``Mixer``: the labels are mixed alike, and training metrics count against those of the
    image with the larger share.
    """

    kind, outputs, labels = "multilabel", "label scores", MULTILABEL
    monitor, mode = "val/map", "max"
    thresholds: Tensor

    def __init__(
        self,
        *,
        num_classes: int,
        mix: Literal["none", "mixup", "cutmix", "both"] = "none",
        mix_alpha: float | None = None,
        mix_probability: float = 1.0,
        **given: Any,
    ) -> None:
        super().__init__(num_classes=num_classes, **given)
        self.mixer = self._make_mixer(mix, mix_alpha, mix_probability)
        self.register_buffer("thresholds", torch.full((num_classes,), 0.5))

    def _make_metrics(self) -> dict[str, Metric]:
        return {
            "loss": MeanOverImages(),
            "map": MeanAveragePrecision(),
            "f1": MultilabelF1Score(self.num_classes, average="macro", validate_args=False),
        }

    def _step(self, batch: tuple[Tensor, ...], stage: str) -> tuple[Tensor, Tensor]:
        return self._take_step(batch, stage, None)

    def _take_step(
        self, batch: tuple[Tensor, ...], stage: str, mixture: Mixture | None
    ) -> tuple[Tensor, Tensor]:
        inputs_B, targets_BK, *weights = batch
        weights_B = weights[0] if weights else None
        heads = self._heads(inputs_B)
        loss = self._joint_loss(
            heads, lambda scores_BK: self._mixed_loss(self._loss, scores_BK, targets_BK, weights_B, mixture)
        )
        seen_BK = mixture.larger(targets_BK) if mixture else targets_BK
        self.steps[stage].add(loss, heads[0].detach().float().sigmoid(), seen_BK)
        return loss, heads[0]

    def predictions(
        self, images_BCHW: Tensor, output: Tensor, labels_B: Tensor | None = None
    ) -> dict[str, Tensor]:
        """``scores`` (B, K), the labels' probabilities, and which labels each image ``has`` by them, bool."""
        scores_BK = output.float().sigmoid()
        values = {"scores": scores_BK, "has": scores_BK >= self.thresholds.to(scores_BK.device)}
        losses_B = None if labels_B is None else self._losses(output, labels_B)
        return values if losses_B is None else {**values, "loss": losses_B}

    def _losses(self, scores_BK: Tensor, targets_BK: Tensor) -> Tensor | None:
        if self.loss_function is not None:
            return self._own_losses(scores_BK, targets_BK.to(scores_BK.dtype))
        return _losses(scores_BK, targets_BK)

    def _loss(self, scores_BK: Tensor, targets_BK: Tensor, weights_B: Tensor | None) -> Tensor:
        if self.loss_function is not None:
            return self._own_loss(scores_BK, targets_BK.to(scores_BK.dtype), weights_B)
        return mean_loss(_losses(scores_BK, targets_BK), [] if weights_B is None else [weights_B])

    def _example(self) -> tuple[Tensor, Tensor]:
        scores_BK = torch.randn(TRIED, self.num_classes, generator=torch.Generator().manual_seed(0))
        has_BK = (torch.arange(TRIED).unsqueeze(1) + torch.arange(self.num_classes)) % 2
        return scores_BK, has_BK.float()

    def metric_forms(self, output: Tensor) -> dict[str, Tensor]:
        return {"probabilities": output.detach().float().sigmoid()}

    def metric_targets(self, targets: Tensor) -> Tensor:
        return targets.long()

    def _update_metrics(self, stage: str, losses_S: Tensor, counts_S: Tensor, *seen: Tensor) -> None:
        scores_NK, targets_NK = seen
        if stage == "val":
            self._choose_thresholds(scores_NK, targets_NK)
        metrics = self.stage_metrics(stage)
        metrics["loss"].update(losses_S, counts_S)
        metrics["map"].update(scores_NK, targets_NK)
        metrics["f1"].update((scores_NK >= self.thresholds.to(scores_NK.device)).long(), targets_NK.long())
        self._update_own(stage, {"probabilities": scores_NK}, self.metric_targets(targets_NK))

    def _choose_thresholds(self, *seen: Tensor) -> None:
        """By the images of all ranks."""
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            seen = tuple(torch.cat(gather_all_tensors(part)) for part in seen)
        scores_NK, targets_NK = (part.cpu().numpy() for part in seen)
        self.thresholds.copy_(torch.from_numpy(best_thresholds(scores_NK, targets_NK)))


def _losses(scores_BK: Tensor, targets_BK: Tensor) -> Tensor:
    """Each image's binary cross-entropy, (B,), the mean over its labels."""
    targets_BK = targets_BK.to(scores_BK.dtype)
    return functional.binary_cross_entropy_with_logits(scores_BK, targets_BK, reduction="none").mean(dim=1)
