"""Which class is it? Cross-entropy and accuracy."""

from torch import Tensor, nn
from torch.nn import functional
from torchmetrics import Metric
from torchmetrics.classification import MulticlassAccuracy

from pellucid.errors import UserError
from pellucid.task.base import MakeOptimizer, MakeScheduler, Task, shape_of
from pellucid.task.metric import MeanOverImages


class Classification(Task):
    """For nets whose ``forward`` gives ``num_classes`` scores an image. Raises UserError for another."""

    monitor, mode = "val/accuracy", "max"

    def __init__(
        self,
        *,
        net: nn.Module,
        optimizer: MakeOptimizer,
        scheduler: MakeScheduler | None,
        image_shape: tuple[int, int, int],
        num_classes: int,
        label_smoothing: float,
        seed: int,
    ) -> None:
        self.num_classes = num_classes
        if not 0 <= label_smoothing < 1:
            raise UserError(f"task.label_smoothing={label_smoothing}: expected 0 up to below 1.")
        self.label_smoothing = label_smoothing
        super().__init__(
            net=net, optimizer=optimizer, scheduler=scheduler, image_shape=image_shape, seed=seed
        )

    def _make_metrics(self) -> dict[str, Metric]:
        return {
            "loss": MeanOverImages(),
            "accuracy": MulticlassAccuracy(self.num_classes, average="micro", validate_args=False),
        }

    def _check_output(self, images_BCHW: Tensor, output: object) -> None:
        expected = (len(images_BCHW), self.num_classes)
        if not isinstance(output, Tensor) or output.shape != expected:
            raise UserError(
                f"task=classification needs a net that gives {self.num_classes} class scores an image, "
                f"shape {expected} for two images; {type(self.net).__name__} gives "
                f"{shape_of(output)}. Leave task out: the model chooses its own."
            )

    def _step(self, batch: tuple[Tensor, Tensor], stage: str) -> tuple[Tensor, Tensor]:
        inputs_B, labels_B = batch  # images, or what a frozen net made of them
        logits_BK = self(inputs_B) if inputs_B.ndim == 4 else self.net.head(inputs_B)  # type: ignore[operator]
        loss = functional.cross_entropy(logits_BK, labels_B, label_smoothing=self.label_smoothing)
        self.noted[stage].add(loss, logits_BK.argmax(dim=1), labels_B)
        return loss, logits_BK

    def _update_metrics(self, stage: str, losses_S: Tensor, counts_S: Tensor, *seen: Tensor) -> None:
        predicted_N, labels_N = seen
        metrics = self.stage_metrics(stage)
        metrics["loss"].update(losses_S, counts_S)
        metrics["accuracy"].update(predicted_N, labels_N)
