"""Evaluation mode for a while."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pellucid.inside.mode import evaluation_mode


def test_each_module_is_back_in_the_mode_it_had_also_after_an_error() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    net[1].eval()
    with evaluation_mode(net):
        assert not any(module.training for module in net.modules())
        assert not torch.is_grad_enabled()
    with pytest.raises(RuntimeError), evaluation_mode(net):
        net(torch.zeros(1, 3))  # a column too many
    assert [module.training for module in net.modules()] == [True, True, False]
    assert torch.is_grad_enabled()
