"""Filters of a layer."""

from __future__ import annotations

import torch

from pellucid.inside.trace import traced
from pellucid.inside.weights import find_filters
from pellucid.model.autoencoder import Autoencoder
from tests.explainer.nets import small_cnn


def test_filters() -> None:
    net = small_cnn()
    trace = traced(net, torch.randn(2, 3, 16, 16))
    first, dense = (
        find_filters(trace, "features.0", (3, 16, 16)),
        find_filters(trace, "classifier.1", (3, 16, 16)),
    )
    assert first is not None
    assert dense is not None
    assert first.pixels
    assert first.weights_OIHW.shape == (4, 3, 3, 3)
    assert (dense.weights_OIHW.shape, dense.pixels) == ((16, 8, 3, 3), False), "as it sees the maps"
    assert find_filters(trace, None, (3, 16, 16)) is None
    coder = Autoencoder(image_shape=(1, 8, 8), sizes=[12, 3])
    trace = traced(coder, torch.randn(2, 1, 8, 8))
    first, inner = find_filters(trace, "encoder.1", (1, 8, 8)), find_filters(trace, "encoder.3", (1, 8, 8))
    assert first is not None
    assert inner is not None
    assert (first.weights_OIHW.shape, first.pixels) == ((12, 1, 8, 8), True)
    assert inner.weights_OIHW.shape == (3, 12, 1, 1)
