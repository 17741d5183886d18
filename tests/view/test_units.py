"""The study of a layer's units, of a net that can be worked out by hand."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import nn

from pellucid.inside.predictor import Predictor
from pellucid.inside.trace import traced
from pellucid.inside.units import find_units
from pellucid.spec import Spec
from pellucid.view.units import study_units


def test_what_activates_each_unit() -> None:
    linear = nn.Linear(2, 3, bias=False)
    linear.weight.data = torch.tensor([[1.0, 0.0], [0.0, -1.0], [0.0, 0.0]])
    net = nn.Sequential(nn.Flatten(), linear, nn.ReLU()).eval()
    spec = Spec(image_shape=(1, 1, 2), classes=("a", "b"), mean=(0.0,), std=(1.0,), statistics="none")
    predictor = Predictor(net, spec, torch.device("cpu"), lambda images, output, labels: {})
    pixels = torch.tensor([[0, 0], [51, 255], [255, 0], [102, 0]], dtype=torch.uint8).view(4, 1, 1, 2)
    trace = traced(net, predictor.black(2))
    layer = find_units(trace, net, "1", batch=2)
    heard = Counter[str]()
    study = study_units(
        predictor,
        trace,
        layer,
        [0, 2],
        [pixels[:3], pixels[3:]],
        steps=3,
        seed=0,
        advance=lambda phase, count: heard.update({phase: count}),
    )
    assert heard == {"Looking": 4, "Finding what each unit sees": 0, "Making images that excite": 2}
    seen = study.activations
    assert seen.rate_U.tolist() == [0.75, 0, 0]
    assert seen.mean_U.tolist() == pytest.approx([(0.2 + 1 + 0.4) / 4, -0.25, 0])
    assert seen.dead_U.tolist() == [False, False, True]
    assert study.images(0) == [2, 3, 1], "not the one that leaves it at rest"
    assert study.images(2) == []
    assert study.maxima.value_B[0] > 0
    assert study.maxima.value_B[1] == 0
    assert study.largest_patch == (1, 2), "a vector's units see the whole image"
    assert study.boxes_UK4[0, 0].tolist() == [0, 0, 1, 2]
