"""Image classification: cross-entropy, also weighted or focal, and accuracy.

Axes: B images of a batch, N of a split, K classes.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam
from torchmetrics import Metric
from torchmetrics.classification import MulticlassAccuracy

from pellucid.discovery.output import tensor_at
from pellucid.errors import UserError
from pellucid.inside.preserve_state import preserve_state, unwrap_compiled
from pellucid.model.frozen import FrozenFeatures, frozen_features, keeps_contract
from pellucid.task.base import MakeOptimizer, MakeScheduler, Task
from pellucid.task.heads import find_heads, give_scores, main_index
from pellucid.task.loss import (
    balanced_weights,
    cross_entropies,
    loss_of,
    losses_per_image,
    weighted_mean,
)
from pellucid.task.metric import MeanOverImages
from pellucid.task.net_check import shape_of

log = logging.getLogger(__name__)
AUXILIARY = 0.4  # of the loss of each head beside the main one, as PyTorch's tutorial trains Inception-v3
MAX_TOLD = 20  # weights of classes
MIN_TRIED, MAX_TRIED = 64, 2048  # images that a loss or metric is tried on


class Classification(Task):
    """Image classification, for nets whose ``forward`` gives ``num_classes`` scores an image.

    Raises UserError for another. They may stand in a tuple, mapping or dataclass, beside other things; in
    evaluation mode all who call the net then get the scores alone. In training mode there may be several:
    those of the main head, then those of auxiliary ones, which share in the loss. See ``find_heads``.

    ``class_weights``: none; a number for each of the K classes; or balanced, N / (K · n) for a class with n
    of the N training images. ``focal``: the exponent γ of the focal loss, 0 for cross-entropy. ``loss``: one
    of the user's own in their place, of scores (B, K) and labels (B,). The loss of a training step is, as
    torch has it, the sum of what each image loses, times the weight of its class and its own, divided by
    the sum of the weights. In validation and test the weights do not count: their loss is the mean over
    images, so that runs with other weights compare. ``metrics`` get the predicted class or, where that is
    not enough, probabilities (B, K), or of two classes the second's, (B,).
    """

    monitor, mode = "val/accuracy", "max"
    class_weights: Tensor | None

    def __init__(
        self,
        *,
        net: nn.Module,
        optimizer: MakeOptimizer = Adam,
        scheduler: MakeScheduler | None = None,
        image_shape: tuple[int, int, int],
        num_classes: int,
        label_smoothing: float = 0.0,
        class_weights: Literal["none", "balanced"] | Sequence[float] = "none",
        focal: float = 0.0,
        loss: nn.Module | None = None,
        metrics: Mapping[str, Metric] = {},
        monitor: str | None = None,
        mode: Literal["max", "min"] | None = None,
        seed: int = 0,
    ) -> None:
        self.num_classes = num_classes
        if not 0 <= label_smoothing < 1:
            raise UserError(f"task.label_smoothing={label_smoothing}: expected 0 up to below 1.")
        if not (math.isfinite(focal) and focal >= 0):
            raise UserError(f"task.focal={focal}: expected 0 (cross-entropy) or more, such as 2.")
        weights_K = self._read_weights(class_weights)
        options = {"label_smoothing": label_smoothing, "focal": focal, "class_weights": weights_K is not None}
        if loss is not None and (set_too := [f"task.{name}" for name, value in options.items() if value]):
            raise UserError(
                f"{', '.join(set_too)}: without effect on a loss of your own, task.loss. Leave out one or the "
                "other; many losses of torch take such options themselves."
            )
        self.label_smoothing, self.focal = label_smoothing, focal
        self.balanced = class_weights == "balanced"
        super().__init__(
            net=net,
            optimizer=optimizer,
            scheduler=scheduler,
            image_shape=image_shape,
            loss=loss,
            metrics=metrics,
            monitor=monitor,
            mode=mode,
            seed=seed,
        )
        self.register_buffer("class_weights", weights_K)

    def _read_weights(self, weights: str | Sequence[float]) -> Tensor | None:
        """(K,); of balanced ones 1 until the training images are known. Raises UserError."""
        if isinstance(weights, str):
            if weights not in ("none", "balanced"):
                raise UserError(
                    f"task.class_weights={weights}: expected none, balanced or a list of numbers."
                )
            return torch.ones(self.num_classes) if weights == "balanced" else None
        values = [float(weight) for weight in weights]
        right = all(math.isfinite(value) and value >= 0 for value in values) and any(values)
        if len(values) != self.num_classes or not right:
            raise UserError(
                f"task.class_weights={list(weights)}: expected a number, 0 or more, for each of "
                f"{self.num_classes} classes in their order, not all 0; or balanced."
            )
        return torch.tensor(values)

    def setup(self, stage: str) -> None:
        if stage != "fit" or not self.balanced:
            return
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if data is None:
            raise UserError(
                "task.class_weights=balanced needs a data module, whose training images it counts."
            )
        self.class_weights = balanced_weights(data.split("train").labels_N, self.num_classes).to(self.device)
        listed = [f"{weight:.3g}" for weight in self.class_weights.tolist()[:MAX_TOLD]]
        more = ", …" if self.num_classes > MAX_TOLD else ""
        log.info("Weights of the classes: %s%s", ", ".join(listed), more)

    def _make_metrics(self) -> dict[str, Metric]:
        return {
            "loss": MeanOverImages(),
            "accuracy": MulticlassAccuracy(self.num_classes, average="micro", validate_args=False),
        }

    def _check_output(self, images_BCHW: Tensor, output: object) -> None:
        expected = (len(images_BCHW), self.num_classes)
        heads = find_heads(output, expected)
        if not heads or heads[0].shape != expected:
            mode = "training" if self.net.training else "evaluation"
            raise UserError(
                f"task=classification needs a net that gives {self.num_classes} class scores an image, "
                f"shape {expected} for two images; {type(self.net).__name__} gives {shape_of(output)} in "
                f"{mode} mode. Let a net of your own give them, or leave task out: the model chooses its own."
            )

    def _adapt(self, images_BCHW: Tensor, output: object) -> None:
        own = type(self)._check_output is Classification._check_output
        if own and not isinstance(output, Tensor):  # else a task of the user's own, which may take anything
            self.main_index = main_index(output, (len(images_BCHW), self.num_classes))
            give_scores(self.net, self.main_index)

    def read(self, output: object) -> Tensor:
        return output if isinstance(output, Tensor) else tensor_at(output, self.main_index)

    def _step(self, batch: tuple[Tensor, ...], stage: str) -> tuple[Tensor, Tensor]:
        inputs_B, labels_B, *weights = batch  # images, or what a frozen net made of them
        output = self(inputs_B) if inputs_B.ndim == 4 else self.net.head(inputs_B)  # type: ignore[operator]
        logits_BK, *auxiliary = find_heads(output, (len(labels_B), self.num_classes))
        weights_B = weights[0] if weights and stage == "train" else None
        loss = self._loss(logits_BK, labels_B, weights_B, stage)
        for others_BK in auxiliary:
            loss = loss + AUXILIARY * self._loss(others_BK, labels_B, weights_B, stage)
        more = [self.metric_forms(logits_BK)[form] for form in self._more_forms()]
        self.steps[stage].add(loss, logits_BK.argmax(dim=1), labels_B, *more)
        return loss, logits_BK

    def _more_forms(self) -> list[str]:
        """Beside the predicted class, in order: they take memory, so they are noted only where needed."""
        return sorted(set(self.forms.values()) - {"predicted"})

    def metric_forms(self, output: Tensor) -> dict[str, Tensor]:
        probabilities_BK = output.detach().float().softmax(dim=1)
        forms = {"predicted": output.argmax(dim=1), "probabilities": probabilities_BK}
        return forms | ({"positive": probabilities_BK[:, 1]} if output.shape[1] == 2 else {})

    def _example(self) -> tuple[Tensor, Tensor]:
        random = torch.Generator().manual_seed(0)
        count = min(MAX_TRIED, max(MIN_TRIED, 2 * self.num_classes))
        logits_BK = torch.randn(count, self.num_classes, generator=random)
        return logits_BK, torch.arange(count) % self.num_classes

    def frozen_features(self, image_shape: tuple[int, int, int]) -> FrozenFeatures | None:
        net = unwrap_compiled(self.net)
        features = frozen_features(net)
        if type(self) is not Classification or features is None:
            return None  # a task of the user's own may do something else with the images
        if type(net).__module__.startswith("pellucid.model."):
            return features
        images_BCHW = torch.randn(2, *image_shape, generator=torch.Generator().manual_seed(0))
        with preserve_state(net), torch.no_grad():  # what a user's net claims is tried
            return features if keeps_contract(net, images_BCHW) else None

    def predictions(
        self, images_BCHW: Tensor, output: Tensor, labels_B: Tensor | None = None
    ) -> dict[str, Tensor]:
        probabilities_BK = output.softmax(dim=1)
        confidence_B, predicted_B = probabilities_BK.max(dim=1)
        values = {"predicted": predicted_B, "confidence": confidence_B, "probabilities": probabilities_BK}
        losses_B = None if labels_B is None else self._losses(output, labels_B)
        return values if losses_B is None else {**values, "loss": losses_B}

    def _losses(self, logits_BK: Tensor, labels_B: Tensor) -> Tensor | None:
        """Each image's, without weights; None where a loss of the user's own has none."""
        if self.loss_function is not None:
            return losses_per_image(self.loss_function, logits_BK, labels_B) if self.has_losses else None
        return cross_entropies(logits_BK, labels_B, label_smoothing=self.label_smoothing, focal=self.focal)

    def _loss(self, logits_BK: Tensor, labels_B: Tensor, weights_B: Tensor | None, stage: str) -> Tensor:
        if self.loss_function is not None and weights_B is None:
            return loss_of(self.loss_function, logits_BK, labels_B)
        if self.class_weights is None or stage != "train":
            if weights_B is None and not self.focal:
                return functional.cross_entropy(logits_BK, labels_B, label_smoothing=self.label_smoothing)
            losses_B = self._losses(logits_BK, labels_B)
            if losses_B is None:
                raise UserError(
                    f"The images have weights, and {type(self.loss_function).__name__} says no loss of each "
                    "image: give it a reduction, or leave the weights out."
                )
            return losses_B.mean() if weights_B is None else weighted_mean(losses_B * weights_B, weights_B)
        losses_B = cross_entropies(
            logits_BK,
            labels_B,
            class_weights_K=self.class_weights,
            label_smoothing=self.label_smoothing,
            focal=self.focal,
        )
        shares_B = self.class_weights[labels_B]
        if weights_B is not None:
            losses_B, shares_B = losses_B * weights_B, shares_B * weights_B
        return weighted_mean(losses_B, shares_B)

    def _update_metrics(self, stage: str, losses_S: Tensor, counts_S: Tensor, *seen: Tensor) -> None:
        predicted_N, labels_N, *more = seen
        metrics = self.stage_metrics(stage)
        metrics["loss"].update(losses_S, counts_S)
        metrics["accuracy"].update(predicted_N, labels_N)
        forms = {"predicted": predicted_N, **dict(zip(self._more_forms(), more, strict=True))}
        self._update_own(stage, forms, labels_N)
