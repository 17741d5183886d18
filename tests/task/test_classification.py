"""Cross-entropy and accuracy by hand, and which nets can be trained so."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pellucid.errors import UserError
from tests.task.nets import Fixed, Heads, Own, classification


def test_cross_entropy_and_accuracy_by_hand() -> None:
    task = classification(Fixed([math.log(3.0), 0.0]))  # probabilities 3/4 and 1/4
    images = torch.zeros(4, 1, 2, 2)
    task._step((images, torch.tensor([0, 0, 0, 1])), "val")
    values = {name: float(value) for name, value in task.compute_metrics("val").items()}
    assert values["accuracy"] == pytest.approx(3 / 4)
    assert values["loss"] == pytest.approx((3 * math.log(4 / 3) + math.log(4)) / 4)


def test_metrics_weigh_images_not_batches() -> None:
    task = classification(Fixed([1.0, 0.0]))
    task._step((torch.zeros(3, 1, 2, 2), torch.zeros(3, dtype=torch.long)), "val")
    task._step((torch.zeros(1, 1, 2, 2), torch.ones(1, dtype=torch.long)), "val")
    assert float(task.compute_metrics("val")["accuracy"]) == pytest.approx(3 / 4)


@pytest.mark.parametrize(
    "gives",
    [
        lambda logits: Heads(logits, 0 * logits),
        lambda logits: {"logits": logits, "features": logits[:, :1], "aux": 0 * logits},
        lambda logits: [logits, 0 * logits, None],
    ],
    ids=["namedtuple", "dict", "list"],
)
def test_auxiliary_heads_share_in_the_loss(gives: Callable[[Tensor], Any]) -> None:
    torch.manual_seed(0)
    task = classification(Own(gives))
    images, labels = torch.randn(4, 1, 2, 2), torch.tensor([0, 1, 1, 0])
    given = images.clone()
    loss, logits = task._step((images, labels), "train")
    expected = functional.cross_entropy(logits, labels) + 0.4 * math.log(2)
    assert torch.allclose(loss, expected)
    task.eval()
    loss, logits = task._step((images, labels), "val")
    assert torch.allclose(loss, functional.cross_entropy(logits, labels))
    assert torch.equal(images, given), "a net that writes into its images has a copy of its own"
    task.net(images.requires_grad_()).sum().backward()
    assert images.grad is not None


def test_a_net_of_another_kind_is_refused() -> None:
    with pytest.raises(UserError, match="gives 3 class scores"):
        classification(Fixed([0.0, 0.0]), classes=3)
    with pytest.raises(UserError, match="label_smoothing"):
        classification(Fixed([0.0, 0.0]), smoothing=1.0)
