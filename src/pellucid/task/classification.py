"""Image classification: cross-entropy and accuracy."""

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
from pellucid.task.metric import MeanOverImages
from pellucid.task.net_check import shape_of

AUXILIARY = 0.4  # of the loss of each head beside the main one, as PyTorch's tutorial trains Inception-v3


class Classification(Task):
    """Image classification, for nets whose ``forward`` gives ``num_classes`` scores an image.

    Raises UserError for another. They may stand in a tuple, mapping or dataclass, beside other things; in
    evaluation mode all who call the net then get the scores alone. In training mode there may be several:
    those of the main head, then those of auxiliary ones, which share in the loss. See ``find_heads``.
    """

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
        inputs_B, labels_B, *_ = batch  # images, or what a frozen net made of them
        output = self(inputs_B) if inputs_B.ndim == 4 else self.net.head(inputs_B)  # type: ignore[operator]
        logits_BK, *auxiliary = find_heads(output, (len(labels_B), self.num_classes))
        loss = self._loss(logits_BK, labels_B)
        for others_BK in auxiliary:
            loss = loss + AUXILIARY * self._loss(others_BK, labels_B)
        self.steps[stage].add(loss, logits_BK.argmax(dim=1), labels_B)
        return loss, logits_BK

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
