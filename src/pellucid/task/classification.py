"""Image classification: cross-entropy, also weighted or focal, and accuracy.

Axes: B images of a batch, N of a stage, K classes.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics import Metric
from torchmetrics.classification import MulticlassAccuracy

from pellucid.errors import UserError
from pellucid.system.ranges import check_range
from pellucid.task.loss import balanced_weights, cross_entropies, weighted_mean
from pellucid.task.metric import MeanOverImages
from pellucid.task.mix import Mixture
from pellucid.task.scores import ScoresTask

log = logging.getLogger(__name__)
MAX_TOLD = 20  # weights of classes
MIN_TRIED, MAX_TRIED = 64, 2048  # images that a loss or metric is tried on


class Classification(ScoresTask):
    """Image classification, for nets whose ``forward`` gives ``num_classes`` scores an image.

    ``class_weights``: none; a number for each of the K classes; or balanced, N / (K · n) for a class with n
    of the N training images. ``focal``: the exponent γ of the focal loss, 0 for cross-entropy. ``loss``: one
    of the user's own in their place, of scores (B, K) and labels (B,).

    ``mix``: mixup, cutmix, or both, one of them for each training batch, see ``Mixer``. Of a mixed image the
    loss is λ times that of the one label and 1 − λ times that of the other, also of weighted, focal or the
    user's own; training metrics count against the label of the larger share.

    The loss of a training step is, as torch has it, the sum of what each image loses, times the weight of its
    class and its own, divided by the sum of the weights. In validation and test weights do not count: the
    loss is the mean over images, so that runs with other weights compare. ``metrics`` get the predicted class
    or, where that is not enough, probabilities (B, K), or of two classes the second's, (B,).
    """

    monitor, mode = "val/accuracy", "max"
    class_weights: Tensor | None

    def __init__(
        self,
        *,
        num_classes: int,
        label_smoothing: float = 0.0,
        class_weights: Literal["none", "balanced"] | Sequence[float] = "none",
        focal: float = 0.0,
        loss: nn.Module | None = None,
        mix: Literal["none", "mixup", "cutmix", "both"] = "none",
        mix_alpha: float | None = None,
        mix_probability: float = 1.0,
        **given: Any,
    ) -> None:
        check_range("task.label_smoothing", label_smoothing)
        check_range("task.focal", focal)
        weights_K = _read_weights(class_weights, num_classes)
        options = {"label_smoothing": label_smoothing, "focal": focal, "class_weights": weights_K is not None}
        if loss is not None and (vain := [f"task.{name}" for name, value in options.items() if value]):
            raise UserError(
                f"{', '.join(vain)}: without effect on a loss of your own, task.loss. Leave out one or the "
                "other; many losses of torch take such options themselves."
            )
        self.label_smoothing, self.focal = label_smoothing, focal
        mixer = self._make_mixer(mix, mix_alpha, mix_probability)
        if mixer and num_classes < 2:
            raise UserError(f"task.mix={mix}: the images have one class, so that no labels are mixed.")
        super().__init__(num_classes=num_classes, loss=loss, **given)
        self.mixer = mixer
        self.register_buffer("class_weights", weights_K)

    def fit_targets(self, targets_N: Tensor) -> None:
        """Count the training images' classes, (N,), where their weights are to be balanced."""
        if self.class_weights is None or not self.class_weights.isnan().any():
            return
        self.class_weights.copy_(balanced_weights(targets_N, self.num_classes))
        told = ", ".join(f"{weight:.3g}" for weight in self.class_weights[:MAX_TOLD].tolist())
        log.info("Weights of the classes: %s%s", told, ", …" if self.num_classes > MAX_TOLD else "")

    def on_fit_start(self) -> None:
        if self.class_weights is not None and self.class_weights.isnan().any():
            raise UserError(
                "task.class_weights=balanced: the training images' labels are not known. Give them by "
                "task.fit_targets(labels), or the weights as numbers."
            )

    def _make_metrics(self) -> dict[str, Metric]:
        return {
            "loss": MeanOverImages(),
            "accuracy": MulticlassAccuracy(self.num_classes, average="micro", validate_args=False),
        }

    def _step(self, batch: tuple[Tensor, ...], stage: str) -> tuple[Tensor, Tensor]:
        return self._take_step(batch, stage, None)

    def _take_step(
        self, batch: tuple[Tensor, ...], stage: str, mixture: Mixture | None
    ) -> tuple[Tensor, Tensor]:
        inputs_B, labels_B, *weights = batch  # images, or what a frozen net made of them
        weights_B = weights[0] if weights and stage == "train" else None
        heads = self._heads(inputs_B)
        loss_of = partial(self._loss, training=stage == "train")
        loss = self._joint_loss(
            heads, lambda logits_BK: self._mixed_loss(loss_of, logits_BK, labels_B, weights_B, mixture)
        )
        seen_B = mixture.larger(labels_B) if mixture else labels_B
        logits_BK, names = heads[0], self._more_forms()
        forms = self.metric_forms(logits_BK) if names else {}
        self.steps[stage].add(loss, logits_BK.argmax(dim=1), seen_B, *(forms[name] for name in names))
        return loss, logits_BK

    def _more_forms(self) -> list[str]:
        """What is noted beside the predicted class, where metrics need it: probabilities take memory."""
        return sorted(set(self.forms.values()) - {"predicted"})

    def metric_forms(self, output: Tensor) -> dict[str, Tensor]:
        probabilities_BK = output.detach().float().softmax(dim=1)
        forms = {"predicted": output.argmax(dim=1)}
        if self.num_classes == 2:
            forms["positive"] = probabilities_BK[:, 1]
        return forms | {"probabilities": probabilities_BK}

    def _example(self) -> tuple[Tensor, Tensor]:
        count = min(MAX_TRIED, max(MIN_TRIED, 2 * self.num_classes))
        random = torch.Generator().manual_seed(0)
        logits_BK = torch.randn(count, self.num_classes, generator=random)
        return logits_BK, torch.arange(count) % self.num_classes

    def predictions(
        self, images_BCHW: Tensor, output: Tensor, labels_B: Tensor | None = None
    ) -> dict[str, Tensor]:
        probabilities_BK = output.softmax(dim=1)
        confidence_B, predicted_B = probabilities_BK.max(dim=1)
        values = {"predicted": predicted_B, "confidence": confidence_B, "probabilities": probabilities_BK}
        losses_B = None if labels_B is None else self._losses(output, labels_B)
        return values if losses_B is None else {**values, "loss": losses_B}

    def _losses(self, logits_BK: Tensor, labels_B: Tensor) -> Tensor | None:
        """Each image's, (B,), without weights; None where a loss of the user's own has none."""
        if self.loss_function is not None:
            return self._own_losses(logits_BK, labels_B)
        return cross_entropies(logits_BK, labels_B, label_smoothing=self.label_smoothing, focal=self.focal)

    def _loss(
        self, logits_BK: Tensor, labels_B: Tensor, weights_B: Tensor | None, *, training: bool
    ) -> Tensor:
        if self.loss_function is not None:
            return self._own_loss(logits_BK, labels_B, weights_B)
        smoothing, class_weights_K = self.label_smoothing, self.class_weights if training else None
        if class_weights_K is None and weights_B is None and not self.focal:
            return functional.cross_entropy(logits_BK, labels_B, label_smoothing=smoothing)
        losses_B = cross_entropies(
            logits_BK,
            labels_B,
            class_weights_K=class_weights_K,
            label_smoothing=smoothing,
            focal=self.focal,
        )
        shares_B = torch.ones_like(losses_B) if class_weights_K is None else class_weights_K[labels_B]
        return weighted_mean(losses_B, shares_B, weights_B)

    def _update_metrics(self, stage: str, losses_S: Tensor, counts_S: Tensor, *seen: Tensor) -> None:
        predicted_N, labels_N, *more = seen
        metrics = self.stage_metrics(stage)
        metrics["loss"].update(losses_S, counts_S)
        metrics["accuracy"].update(predicted_N, labels_N)
        forms = {"predicted": predicted_N, **dict(zip(self._more_forms(), more, strict=True))}
        self._update_own(stage, forms, labels_N)


def _read_weights(weights: str | Sequence[float], classes: int) -> Tensor | None:
    """(K,); of balanced ones NaN until the training images are known. Raises UserError."""
    if weights == "none":
        return None
    if weights == "balanced":
        return torch.full((classes,), torch.nan)
    if isinstance(weights, str):
        raise UserError(f"task.class_weights={weights}: expected none, balanced or a list of numbers.")
    values = [float(weight) for weight in weights]
    if (
        len(values) != classes
        or not all(math.isfinite(value) and value >= 0 for value in values)
        or not any(values)
    ):
        raise UserError(
            f"task.class_weights={list(weights)}: expected a number, 0 or more, for each of {classes} "
            "classes in their order, not all of them 0; or balanced."
        )
    return torch.tensor(values)
