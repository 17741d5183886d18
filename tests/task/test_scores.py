"""What tasks of K outputs have in common: the heads of a net, and how their losses are joined."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.task.nets import Heads, Own, classification


def test_the_share_of_auxiliary_heads() -> None:
    task = classification(Own(lambda logits: Heads(logits, 0 * logits)))

    def loss(scores_BK: Tensor) -> Tensor:
        return scores_BK.abs().sum() + 1

    with torch.no_grad():
        heads = task._heads(torch.randn(3, 1, 2, 2))
    assert [head.shape for head in heads] == [(3, 2), (3, 2)]
    assert float(task._joint_loss(heads, loss)) == pytest.approx(float(loss(heads[0])) + 0.4)
    assert float(task._joint_loss(heads[:1], loss)) == pytest.approx(float(loss(heads[0])))
