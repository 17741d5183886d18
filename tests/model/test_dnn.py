"""The fully connected net."""

from __future__ import annotations

from torch import nn

from pellucid.model.dnn import DNN


def parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def test_dnn_has_the_layers_of_the_document() -> None:
    net = DNN(image_shape=(1, 28, 28), num_classes=10, hidden=[256, 128], dropout=0.25)
    kinds = [type(m).__name__ for m in [*net.features, net.head]]
    assert kinds == ["Flatten", "Linear", "ReLU", "Dropout", "Linear", "ReLU", "Linear"]
    assert parameters(net) == (784 * 256 + 256) + (256 * 128 + 128) + (128 * 10 + 10)
