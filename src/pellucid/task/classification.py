"""Image classification: cross-entropy and accuracy."""

from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam
from torchmetrics import Metric
from torchmetrics.classification import MulticlassAccuracy

from pellucid.errors import UserError
from pellucid.task.base import MakeOptimizer, MakeScheduler
from pellucid.task.metric import MeanOverImages
from pellucid.task.scores import ScoresTask


class Classification(ScoresTask):
    """Image classification, for nets whose ``forward`` gives ``num_classes`` scores an image."""

    monitor, mode = "val/accuracy", "max"

    def __init__(
        self,
        *,
        net: nn.Module,
        optimizer: MakeOptimizer = Adam,
        scheduler: MakeScheduler | None = None,
        image_shape: tuple[int, int, int],
        num_classes: int,
        label_smoothing: float = 0.0,
        seed: int = 0,
    ) -> None:
        if not 0 <= label_smoothing < 1:
            raise UserError(f"task.label_smoothing={label_smoothing}: expected 0 up to below 1.")
        self.label_smoothing = label_smoothing
        super().__init__(
            net=net,
            optimizer=optimizer,
            scheduler=scheduler,
            image_shape=image_shape,
            num_classes=num_classes,
            seed=seed,
        )

    def _make_metrics(self) -> dict[str, Metric]:
        return {
            "loss": MeanOverImages(),
            "accuracy": MulticlassAccuracy(self.num_classes, average="micro", validate_args=False),
        }

    def _step(self, batch: tuple[Tensor, ...], stage: str) -> tuple[Tensor, Tensor]:
        inputs_B, labels_B, *_ = batch  # images, or what a frozen net made of them
        heads = self._heads(inputs_B)
        logits_BK, loss = heads[0], self._joint_loss(heads, lambda logits_BK: self._loss(logits_BK, labels_B))
        self.steps[stage].add(loss, logits_BK.argmax(dim=1), labels_B)
        return loss, logits_BK

    def predictions(
        self, images_BCHW: Tensor, output: Tensor, labels_B: Tensor | None = None
    ) -> dict[str, Tensor]:
        probabilities_BK = output.softmax(dim=1)
        confidence_B, predicted_B = probabilities_BK.max(dim=1)
        values = {"predicted": predicted_B, "confidence": confidence_B, "probabilities": probabilities_BK}
        if labels_B is not None:
            smoothing = self.label_smoothing
            values["loss"] = functional.cross_entropy(
                output, labels_B, reduction="none", label_smoothing=smoothing
            )
        return values

    def _loss(self, logits_BK: Tensor, labels_B: Tensor) -> Tensor:
        return functional.cross_entropy(logits_BK, labels_B, label_smoothing=self.label_smoothing)

    def _update_metrics(self, stage: str, losses_S: Tensor, counts_S: Tensor, *seen: Tensor) -> None:
        predicted_N, labels_N = seen
        metrics = self.stage_metrics(stage)
        metrics["loss"].update(losses_S, counts_S)
        metrics["accuracy"].update(predicted_N, labels_N)
