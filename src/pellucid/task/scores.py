"""The abstract base of tasks whose net gives one number an image for each class, label or quantity.

Axes: B images, K outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from pellucid.discovery.output import tensor_at
from pellucid.errors import UserError
from pellucid.inside.preserve_state import preserve_state, unwrap_compiled
from pellucid.model.frozen import FrozenFeatures, frozen_features, keeps_contract
from pellucid.spec import CLASS
from pellucid.task.base import Task
from pellucid.task.heads import find_heads, give_scores, main_index
from pellucid.task.loss import weighted_mean
from pellucid.task.mix import Mix, Mixer, Mixture
from pellucid.task.net_check import shape_of

TRIED = 64  # images that a loss or metric of the user's own is tried on
AUXILIARY = 0.4  # of the loss of each head beside the main one, as PyTorch's tutorial trains Inception-v3


class ScoresTask(Task):
    """A task for nets whose ``forward`` gives ``num_classes`` numbers an image, (B, K).

    Raises UserError for another. They may stand in a tuple, mapping or dataclass, beside other things; in
    evaluation mode all who call the net then get these alone. In training mode there may be several: those of
    the main head, then those of auxiliary ones, which share in the loss. See ``find_heads``.
    """

    # Its name in the configuration, what the K numbers are in words, and what is known of its images.
    kind, outputs, labels = "classification", "class scores", CLASS
    mixer = Mixer("none")  # of training batches, where the task has one

    def __init__(self, *, num_classes: int, **given: Any) -> None:
        self.num_classes = num_classes
        super().__init__(**given)

    def _check_output(self, images_BCHW: Tensor, output: object) -> None:
        expected = (len(images_BCHW), self.num_classes)
        heads = find_heads(output, expected)
        if not heads or heads[0].shape != expected:
            mode = "training" if self.net.training else "evaluation"
            raise UserError(
                f"task={self.kind} needs a net that gives {self.num_classes} {self.outputs} an image, "
                f"shape {expected} for two images; {type(self.net).__name__} gives {shape_of(output)} in "
                f"{mode} mode. Let a net of your own give them, or leave task out: the model chooses its own."
            )

    def _adapt(self, images_BCHW: Tensor, output: object) -> None:
        own = type(self)._check_output is ScoresTask._check_output
        if own and not isinstance(output, Tensor):  # else a task of the user's own, which may take anything
            self.main_index = main_index(output, (len(images_BCHW), self.num_classes))
            give_scores(self.net, self.main_index)

    def read(self, output: object) -> Tensor:
        return output if isinstance(output, Tensor) else tensor_at(output, self.main_index)

    def _heads(self, inputs_B: Tensor) -> list[Tensor]:
        """What the main head gives of images, or of what a frozen net made of them, then auxiliary ones."""
        output = self(inputs_B) if inputs_B.ndim == 4 else self.net.head(inputs_B)  # type: ignore[operator]
        return find_heads(output, (len(inputs_B), self.num_classes))

    def _joint_loss(self, heads: list[Tensor], loss: Callable[[Tensor], Tensor]) -> Tensor:
        """The loss of the main head, and the share of the others'."""
        total = loss(heads[0])
        for others_BK in heads[1:]:
            total = total + AUXILIARY * loss(others_BK)
        return total

    def training_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> Tensor:
        if not self.mixer:
            return super().training_step(batch, batch_idx)
        inputs_B, *rest = batch
        if len(inputs_B) < 2 or inputs_B.ndim != 4:
            raise UserError(f"task.mix={self.mixer.mix}: expected batches of two images or more.")
        mixture = self.mixer(inputs_B, self.seed, self.current_epoch, self.global_rank, batch_idx)
        if mixture is None:
            return self._step(batch, "train")[0]
        return self._take_step((mixture.images_BCHW, *rest), "train", mixture)[0]

    def _take_step(
        self, batch: tuple[Tensor, ...], stage: str, mixture: Mixture | None
    ) -> tuple[Tensor, Tensor]:
        """``_step`` of a task that has a ``mixer``, also of mixed images."""
        raise NotImplementedError

    def _make_mixer(self, mix: Mix, alpha: float | None, probability: float) -> Mixer:
        """Raises UserError for options that do not fit, or where the user's own step knows of no mixing."""
        mixer = Mixer(mix, alpha=alpha, probability=probability)
        if mixer and not type(self)._step.__module__.startswith("pellucid.task."):
            raise UserError(
                f"task.mix={mix}: {type(self).__name__} has a _step of its own, which is given no mixed "
                "labels. Leave mix out, and mix there."
            )
        return mixer

    def _mixed_loss(
        self,
        loss: Callable[[Tensor, Tensor, Tensor | None], Tensor],
        outputs_BK: Tensor,
        targets_B: Tensor,
        weights_B: Tensor | None,
        mixture: Mixture | None,
    ) -> Tensor:
        """``loss`` of outputs, targets and weights: of mixed images λ times that of the one label, and the
        rest of the other.
        """
        if mixture is None:
            return loss(outputs_BK, targets_B, weights_B)
        if self.loss_function is None or weights_B is not None:
            return loss(*mixture.twice(outputs_BK, targets_B, weights_B))
        others_B = targets_B[mixture.partner_B]  # a loss of the user's own need not say what each image loses
        return mixture.share * loss(outputs_BK, targets_B, None) + (1 - mixture.share) * loss(
            outputs_BK, others_B, None
        )

    def frozen_features(self, image_shape: tuple[int, int, int]) -> FrozenFeatures | None:
        net = unwrap_compiled(self.net)
        features = frozen_features(net)
        if not type(self).__module__.startswith("pellucid.task.") or features is None:
            return None  # a task of the user's own may do something else with the images
        if type(net).__module__.startswith("pellucid.model."):
            return features
        images_BCHW = torch.randn(2, *image_shape, generator=torch.Generator().manual_seed(0))
        with preserve_state(net), torch.no_grad():  # what a user's net claims is tried
            return features if keeps_contract(net, images_BCHW) else None


def mean_loss(losses_B: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """The mean over images, by their weights, (B,), where there are any."""
    if not weights:
        return losses_B.mean()
    return weighted_mean(losses_B, torch.ones_like(losses_B), weights[0].to(losses_B.dtype))
