"""The deep convolutional net, whose layers are to be looked at."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pellucid.errors import ImageTooSmallError
from pellucid.model.xai import XAI


def test_xai_looks_as_the_document_says() -> None:
    net = XAI(image_shape=(3, 100, 100), num_classes=2, dropout=[0.3, 0.4, 0.5], channels_last=False).eval()
    convolutions = [i for i, m in enumerate(net.features) if isinstance(m, nn.Conv2d)]
    assert convolutions == [0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48] or len(convolutions) == 13
    assert {0, 20, 40} <= set(convolutions), "the layers whose maps the document shows"
    assert all(net.features[i].bias is None for i in convolutions)
    rates = [m.p for m in net.features if isinstance(m, nn.Dropout)]
    assert rates == [0.3] + [0.4] * 7
    images = torch.zeros(2, 3, 100, 100)
    assert net.features(images).shape == (2, 512, 3, 3)
    assert net(images).shape == (2, 2), "one row an image, not nine"


def test_xai_says_the_smallest_size_that_works() -> None:
    with pytest.raises(ImageTooSmallError) as caught:
        XAI(image_shape=(3, 33, 33), num_classes=2, dropout=[0.3, 0.4, 0.5], channels_last=False)
    assert caught.value.smallest == 34
