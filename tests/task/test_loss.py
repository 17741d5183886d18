"""Losses by hand and by torch's, and which of the user's own are taken."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor, nn
from torch.nn import functional

from pellucid.errors import UserError
from pellucid.task.loss import (
    balanced_weights,
    check_loss,
    cross_entropies,
    loss_of,
    losses_per_image,
    weighted_mean,
)

LOGITS = torch.tensor([[math.log(3.0), 0.0], [math.log(3.0), 0.0]])  # probabilities 3/4 and 1/4
LABELS = torch.tensor([0, 1])


def test_focal_loss_by_hand() -> None:
    expected = [(1 / 4) ** 2 * math.log(4 / 3), (3 / 4) ** 2 * math.log(4)]
    torch.testing.assert_close(cross_entropies(LOGITS, LABELS, focal=2.0), torch.tensor(expected))
    plain = functional.cross_entropy(LOGITS, LABELS, reduction="none")
    assert torch.equal(cross_entropies(LOGITS, LABELS, focal=0.0), plain)


@pytest.mark.parametrize("focal", [0.5, 2.0])
def test_gradients_stay_finite_where_the_net_is_sure(focal: float) -> None:
    logits = torch.tensor([[200.0, 0.0], [200.0, 0.0]], requires_grad=True)
    cross_entropies(logits, LABELS, focal=focal).sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_weights_and_smoothing_combine_as_torch_has_it(smoothing: float) -> None:
    """The mean of ``F.cross_entropy(weight=…)`` is divided by the sum of the labels' weights."""
    random = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(20, 3, generator=random), torch.randint(3, (20,), generator=random)
    weight = torch.tensor([1.0, 5.0, 0.5])
    losses = cross_entropies(logits, labels, class_weights_K=weight, label_smoothing=smoothing)
    torch.testing.assert_close(
        weighted_mean(losses, weight[labels]),
        functional.cross_entropy(logits, labels, weight=weight, label_smoothing=smoothing),
    )


def test_weights_of_images_by_hand() -> None:
    losses, shares = torch.tensor([2.0, 3.0]), torch.tensor([1.0, 1.5])
    weights = torch.tensor([3.0, 1.0])
    assert float(weighted_mean(losses, shares, weights)) == pytest.approx((6 + 3) / (3 + 1.5))
    assert float(weighted_mean(losses, shares, torch.zeros(2))) == 0, "and not NaN"


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    labels = torch.tensor([0] * 6 + [2] * 3)
    expected = compute_class_weight("balanced", classes=np.array([0, 2]), y=labels.numpy())
    assert balanced_weights(labels, 3).tolist() == pytest.approx([expected[0], 0, expected[1]])
    assert expected.tolist() == [9 / (2 * 6), 9 / (2 * 3)]


class Alone(nn.Module):
    """Without a reduction: of all images together."""

    def forward(self, output: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(output, targets) * output.std()


class Each(nn.Module):
    """Gives one for each image, as it is."""

    def forward(self, output: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(output, targets, reduction="none")


@pytest.mark.parametrize(
    ("loss", "each"),
    [
        (nn.CrossEntropyLoss(), True),
        (nn.MultiMarginLoss(), True),
        (Each(), True),
        (Alone(), False),
        (nn.CrossEntropyLoss(reduction="sum"), False),
        (nn.CrossEntropyLoss(weight=torch.tensor([1.0, 9.0])), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_loss_has_one_for_each_image_where_its_value_is_their_mean(loss: nn.Module, each: bool) -> None:
    random = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(8, 2, generator=random), torch.arange(8) % 2
    assert check_loss(loss, logits, labels) is each
    if each:
        losses = losses_per_image(loss, logits, labels)
        assert losses is not None
        torch.testing.assert_close(losses.mean(), loss_of(loss, logits, labels))
    assert getattr(loss, "reduction", "mean") in ("mean", "sum"), "it is left as it was"


class Odd(nn.Module):
    def forward(self, output: Tensor, targets: Tensor) -> object:
        return output.argmax(dim=1) == targets


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (nn.BCEWithLogitsLoss(), r"does not take outputs \(8, 2\) of float32 and labels \(8,\) of int64"),
        (nn.GaussianNLLLoss(), "GaussianNLLLoss does not take"),
        (Odd(), r"Odd gives \(8,\) .* expected a number"),
        ("mse", "expected an nn.Module"),
        (partial(functional.cross_entropy), "expected an nn.Module"),
    ],
)
def test_what_is_no_loss_of_classes_is_refused(loss: object, said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_loss(loss, torch.zeros(8, 2), torch.arange(8) % 2)
