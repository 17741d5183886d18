"""Outputs of layers by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.errors import UserError
from pellucid.inside.predictor import Predictor
from pellucid.view.feature_maps import LayerOutput, feature_maps, forward_pass, mapped_layers

MakePredictor = Callable[[nn.Module], Predictor]
IMAGE = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])


def net() -> nn.Module:
    """A convolution that negates, a ReLU in place, and scores 0 and log 3."""
    convolution, linear = nn.Conv2d(1, 1, 1), nn.Linear(4, 2)
    with torch.no_grad():
        for parameter in (*convolution.parameters(), *linear.parameters()):
            parameter.zero_()
        convolution.weight.fill_(-1)
        linear.bias[1] = float(np.log(3))
    return nn.Sequential(convolution, nn.ReLU(inplace=True), nn.Flatten(), linear)


def test_maps_are_those_of_the_layer_itself(make_predictor: MakePredictor) -> None:
    predictor = make_predictor(net())
    assert mapped_layers(predictor, "auto") == ["0"]
    (output,) = feature_maps(predictor, IMAGE, ["0"])
    assert (output.layer, output.kind) == ("0", "Conv2d")
    assert np.array_equal(output.values, -IMAGE.numpy())
    with pytest.raises(UserError, match=r"layers: 3 gives \(1, 2\)"):
        mapped_layers(predictor, ["3"])


def test_a_forward_pass_ends_with_the_likeliest_classes(make_predictor: MakePredictor) -> None:
    seen = forward_pass(make_predictor(net()), IMAGE, max_layers=10, max_classes=5)
    assert seen is not None
    assert [(each.layer, each.kind, each.values.shape) for each in seen.layers] == [
        ("0", "Conv2d", (1, 1, 2, 2)),
        ("3", "Linear", (1, 2)),
    ]
    ((first, second),) = seen.likeliest
    assert [name for name, _ in (first, second)] == ["dog", "cat"]
    assert [probability for _, probability in (first, second)] == pytest.approx([0.75, 0.25])
    fewer = forward_pass(make_predictor(net()), IMAGE, max_layers=1, max_classes=1)
    assert fewer is not None
    assert (len(fewer.layers), fewer.total, len(fewer.likeliest[0])) == (1, 2, 1)
    assert forward_pass(make_predictor(nn.Flatten()), IMAGE, max_layers=1, max_classes=1) is None


def test_large_maps_are_averaged() -> None:
    output = LayerOutput("0", "Conv2d", np.arange(32, dtype=np.float32).reshape(1, 2, 4, 4))
    assert output.first(1, 2).tolist() == [[[[2.5, 4.5], [10.5, 12.5]]]]
    assert np.array_equal(output.first(2, 4), output.values)
