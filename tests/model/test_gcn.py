"""The graph convolutional net, by hand."""

from __future__ import annotations

import torch

from pellucid.model.gcn import GCN, normalised_adjacency


def test_adjacency_of_two_by_two_patches_by_hand() -> None:
    # All four patches touch one another: degree 4 with the self-loop, every entry 1/4.
    assert torch.allclose(normalised_adjacency(2, 2), torch.full((4, 4), 0.25))


def test_adjacency_of_a_row_of_three_by_hand() -> None:
    # Degrees with self-loops 2, 3, 2.
    a, b = 1 / 2, 6**-0.5
    expected = torch.tensor([[a, b, 0], [b, 1 / 3, b], [0, b, a]])
    assert torch.allclose(normalised_adjacency(1, 3), expected)


def test_gcn_nodes_are_patches_and_places() -> None:
    net = GCN(image_shape=(1, 4, 4), num_classes=2, grid=2, channels=[8, 8], dropout=0.0)
    nodes = net.nodes(torch.arange(16.0).view(1, 1, 4, 4))
    assert nodes.shape == (1, 4, 2 * 2 + 2)
    assert nodes[0, 1].tolist() == [2, 3, 6, 7, 1, -1], "the patch at the top right"


def test_gcn_mixes_neighbours_only() -> None:
    net = GCN(image_shape=(1, 8, 8), num_classes=2, grid=8, channels=[4], dropout=0.0)
    one, other = torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)
    other[0, 0, 0, 0] = 1.0
    first = net.convolutions[0]
    change = (first(net.nodes(other), net.adjacency_NN) - first(net.nodes(one), net.adjacency_NN)).abs()
    touched = change[0].sum(1).nonzero().flatten().tolist()
    assert touched == [0, 1, 8, 9]


def test_gcn_pads_what_the_grid_does_not_divide() -> None:
    net = GCN(image_shape=(3, 30, 30), num_classes=2, grid=8, channels=[8, 8], dropout=0.0)
    assert net.nodes(torch.zeros(2, 3, 30, 30)).shape == (2, 64, 3 * 16 + 2)
