"""What a unit sees of the image, by hand."""

from __future__ import annotations

import torch
from torch import nn

from pellucid.inside.receptive_field import receptive_fields
from pellucid.model.gcn import GCN
from tests.inside.looked import layer_of


def boxes(net: nn.Module, name: str, shape: tuple[int, int, int], *places: int) -> list[list[int]]:
    layer = layer_of(net, name, shape)
    found = receptive_fields(
        net, layer, torch.zeros(len(places), dtype=torch.long), torch.tensor(places), shape
    )
    return found.tolist()


def test_what_a_unit_sees_by_hand() -> None:
    """3 × 3 padded, pool 2, 3 × 3: row r sees rows 2r-1 … 2r+6 of the image, cut at its borders."""
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(2, 3, 3)
    )
    shape = (1, 12, 16)  # maps of 4 × 6
    corner, inner, last = boxes(net, "3", shape, 0, 1 * 6 + 2, 3 * 6 + 5)
    assert corner == [0, 0, 7, 7]
    assert inner == [1, 3, 9, 11]
    assert last == [5, 9, 12, 16]
    assert boxes(net, "0", shape, 0, 5 * 16 + 7) == [[0, 0, 2, 2], [4, 6, 7, 9]]
    assert boxes(net, "2", shape, 0) == [[0, 0, 3, 3]]


def test_strides_dilation_and_what_sees_all() -> None:
    strided = nn.Sequential(nn.Conv2d(3, 4, 5, stride=2, padding=2), nn.Conv2d(4, 4, 3, dilation=2))
    # Maps of 10 × 10, then 6 × 6: place p sees p, p + 2, p + 4 of the first, 2p - 2 … 2p + 10 of the image.
    assert boxes(strided, "1", (3, 20, 20), 0, 7, 21) == [[0, 0, 11, 11], [0, 0, 13, 13], [4, 4, 17, 17]]
    assert boxes(nn.Sequential(nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(1)), "1", (1, 9, 9), 0) == [
        [0, 0, 9, 9]
    ]
    assert boxes(nn.Sequential(nn.Conv2d(1, 1, 3), nn.GroupNorm(1, 1)), "1", (1, 9, 9), 0) == [[0, 0, 9, 9]]


def test_a_graphs_node_sees_its_neighbours() -> None:
    net = GCN(image_shape=(1, 8, 8), num_classes=2, grid=8, channels=[4, 5], dropout=0.0)
    assert boxes(net, "convolutions.0.linear", (1, 8, 8), 0, 9) == [[0, 0, 2, 2], [0, 0, 3, 3]]
    assert boxes(net, "convolutions.1.linear", (1, 8, 8), 3 * 8 + 4) == [[1, 2, 6, 7]]
