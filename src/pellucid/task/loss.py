"""Losses: cross-entropy that is focal or weighted, and losses of the user's own.

Axes: B images, K classes.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid.errors import OPTION_ERRORS, UserError, first_line
from pellucid.task.net_check import shape_of


def cross_entropies(
    logits_BK: Tensor,
    labels_B: Tensor,
    *,
    class_weights_K: Tensor | None = None,
    label_smoothing: float = 0.0,
    focal: float = 0.0,
) -> Tensor:
    """Cross-entropy of each image, (B,) float32: torch's, with its weights and smoothing, times
    ``(1 - p) ** focal``, p the probability of the true class (Lin et al., "Focal loss for dense object
    detection", 2017).
    """
    weight = None if class_weights_K is None else class_weights_K.to(logits_BK.dtype)
    losses_B = functional.cross_entropy(
        logits_BK, labels_B, weight=weight, label_smoothing=label_smoothing, reduction="none"
    )
    if not focal:
        return losses_B
    log_p_B = logits_BK.log_softmax(dim=1).gather(1, labels_B.unsqueeze(1)).squeeze(1)
    # Below 1e-7 the power of an exponent under 1 has no finite gradient.
    return losses_B * (-log_p_B.expm1()).clamp(min=1e-7).pow(focal)


def weighted_mean(losses_B: Tensor, shares_B: Tensor, weights_B: Tensor | None = None) -> Tensor:
    """The sum of the losses divided by that of their ``shares_B``, the weights of the classes that are in the
    losses; both times the images' own weights where there are any. 0 where all weights are 0.
    """
    if weights_B is not None:
        losses_B, shares_B = losses_B * weights_B, shares_B * weights_B
    return losses_B.sum() / shares_B.sum().clamp(min=torch.finfo(shares_B.dtype).tiny)


def balanced_weights(labels_N: Tensor, classes: int) -> Tensor:
    """N / (K · n) of each class with n of the N images, (K,) float32: their mean over the images is 1.

    K counts the classes that have images, as scikit-learn's ``class_weight="balanced"``; others get 0.
    """
    counts_K = torch.bincount(labels_N, minlength=classes)
    present = int((counts_K > 0).sum())
    return torch.where(counts_K > 0, len(labels_N) / (present * counts_K.clamp(min=1)), 0.0).float()


def loss_of(loss: nn.Module, output: Tensor, targets: Tensor) -> Tensor:
    """What a loss of the user's own gives, as one number: the mean, where it is a number an image."""
    value: Tensor = loss(output, targets)
    return value.mean() if value.ndim else value


def losses_per_image(loss: nn.Module, output: Tensor, targets: Tensor) -> Tensor | None:
    """Each image's own, (B,), of a loss that has ``reduction`` or gives them anyway; None of any other."""
    if hasattr(loss, "reduction"):
        loss = copy.copy(loss)
        loss.reduction = "none"  # type: ignore[assignment]
    values = loss(output, targets)
    if not isinstance(values, Tensor) or values.ndim == 0 or len(values) != len(output):
        return None
    return values.flatten(1).mean(dim=1) if values.ndim > 1 else values


def check_loss(loss: object, output: Tensor, targets: Tensor) -> bool:
    """Whether a loss of the user's own has one for each image, of which its value is the mean.

    Raises UserError where it is no loss of such an output and targets.
    """
    name = type(loss).__name__
    if not isinstance(loss, nn.Module):
        example = "task.loss._target_=torch.nn.MultiMarginLoss"
        raise UserError(f"task.loss: expected an nn.Module, as {example}, got {loss!r:.60}.")
    takes = (
        f"outputs {shape_of(output)} of {_kind(output)} and labels {shape_of(targets)} of {_kind(targets)}"
    )
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            value = loss(output, targets)
            if not isinstance(value, Tensor) or not value.is_floating_point():
                raise UserError(f"task.loss: {name} gives {shape_of(value)} of {takes}; expected a number.")
            each_B = losses_per_image(loss, output, targets)
    except UserError:
        raise
    except (*OPTION_ERRORS, AttributeError) as error:
        raise UserError(
            f"task.loss: {name} does not take {takes}: {first_line(error).rstrip('.')}. Use another, or one "
            "of your own that calls it: packages=[mypkg] task.loss._target_=mypkg.MyLoss"
        ) from error
    if value.ndim and each_B is None:
        raise UserError(f"task.loss: {name} gives {shape_of(value)} of {takes}; expected one number or (B,).")
    return each_B is not None and math.isclose(each_B.mean(), value.mean(), rel_tol=1e-4, abs_tol=1e-6)


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
