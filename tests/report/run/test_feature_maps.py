"""The page's feature maps, of a net whose maps are known."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from pellucid.report.run.context import Context
from pellucid.report.run.feature_maps import feature_maps

IMAGES = torch.tensor([[[0, 51], [102, 255]], [[0, 0], [0, 0]]], dtype=torch.uint8)[
    :, None
]  # 0 to 1 in fifths


def picture(address: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as opened:
        return np.asarray(opened)


class Twice(nn.Module):
    """The image, times 2 and times 0, and its sum as the logit of a dog."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Conv2d(1, 2, 1, bias=False)
        self.units = nn.Linear(8, 2, bias=False)
        self.maps.weight.data = torch.tensor([2.0, 0.0]).view(2, 1, 1, 1)
        self.units.weight.data = torch.stack([torch.zeros(8), torch.full((8,), 0.5)])

    def forward(self, images_BCHW: Tensor) -> Tensor:
        logits_BK: Tensor = self.units(self.maps(images_BCHW).flatten(1))
        return logits_BK


def test_layers_with_their_scales_and_the_classes_at_the_end(make_context: Callable[..., Context]) -> None:
    section = feature_maps(make_context(Twice(), IMAGES, [1, 0]))
    assert section is not None
    assert section.total == 2
    assert sorted((file, name) for _, file, name in section.images) == [("0.png", "dog"), ("1.png", "cat")]
    maps, units = section.layers
    assert (maps.layer, maps.kind, maps.limits, maps.diverging) == ("maps", "Conv2d", ("0", "2"), False)
    assert maps.note == "2 maps of 2 × 2; 1 the same everywhere in all of these images"
    assert (len(maps.own_scale), len(maps.shared_scale)) == (2, 2)
    assert (units.kind, units.note, units.own_scale) == ("Linear", "2 units, row by row", [])
    assert units.limits == ("0", "1.6"), "(0 + 0.2 + 0.4 + 1) · 2 · 0.5"
    bright = [file for _, file, _ in section.images].index("0.png")
    (first, share), _ = section.ends[bright]
    assert first == "dog"
    assert share == pytest.approx(1 / (1 + math.exp(-1.6)))
    shown = picture(units.shared_scale[bright])
    assert shown.shape[:2] == (6, 13), "a square of 6 pixels a unit, a line between"
    assert (shown[0, 0] != shown[0, 7]).any()


def test_values_below_zero_are_shown_on_a_scale_of_both_signs(make_context: Callable[..., Context]) -> None:
    net = Twice()
    net.maps.weight.data *= -1
    section = feature_maps(make_context(net, IMAGES, [1, 0]))
    assert section is not None
    assert [(layer.diverging, layer.limits) for layer in section.layers] == [
        (True, ("−2", "2")),
        (True, ("−1.6", "1.6")),
    ]


def test_a_net_without_layers_has_none(make_context: Callable[..., Context]) -> None:
    assert feature_maps(make_context(nn.Flatten(), IMAGES, [1, 0])) is None
