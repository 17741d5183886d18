"""Kernels and their change by hand."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from pellucid.view.filters import filters


def test_kernels_and_their_change() -> None:
    net = nn.Sequential(convolution := nn.Conv2d(1, 1, (1, 2)))
    convolution.weight.data = torch.tensor([[[[3.0, 4.0]]]])
    found = filters(net, "0", np.array([[[[3.0, 0.0]]]], np.float32))
    assert found.now_OIHW.tolist() == [[[[3.0, 4.0]]]]
    assert found.change == 4 / 3
    assert filters(net, "0", found.now_OIHW).change == 0
    assert filters(net, "0", 0 * found.now_OIHW).change == float("inf")
    convolution.weight.data.zero_()
    assert filters(net, "0", np.zeros((1, 1, 1, 2), np.float32)).change == 0, "none of nothing"
