"""Facts of single nets."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pellucid.errors import ImageTooSmallError
from pellucid.model.autoencoder import Autoencoder
from pellucid.model.cnn import CNN
from pellucid.model.dnn import DNN
from pellucid.model.gcn import GCN, normalised_adjacency
from pellucid.model.xai import XAI


def parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def test_dnn_has_the_layers_of_the_document() -> None:
    net = DNN(image_shape=(1, 28, 28), num_classes=10, hidden=[256, 128], dropout=0.25)
    kinds = [type(m).__name__ for m in [*net.features, net.head]]
    assert kinds == ["Flatten", "Linear", "ReLU", "Dropout", "Linear", "ReLU", "Linear"]
    assert parameters(net) == (784 * 256 + 256) + (256 * 128 + 128) + (128 * 10 + 10)


def test_cnn_has_the_layers_of_the_document() -> None:
    net = CNN(
        image_shape=(1, 28, 28),
        num_classes=10,
        channels=[32, 64],
        hidden=[600, 120],
        dropout=0.25,
        channels_last=False,
    )
    assert net.features(torch.zeros(1, 1, 28, 28)).shape == (1, 64, 6, 6)
    convolutions = (32 * 9 + 32) + 2 * 32 + (64 * 32 * 9 + 64) + 2 * 64
    assert parameters(net) == convolutions + (2304 * 600 + 600) + (600 * 120 + 120) + (1200 + 10)
    assert not any(isinstance(m, nn.Dropout2d) for m in net.modules())


def test_cnn_says_the_smallest_size_that_works() -> None:
    options = {
        "num_classes": 10,
        "channels": [32, 64],
        "hidden": [600, 120],
        "dropout": 0.25,
        "channels_last": False,
    }
    with pytest.raises(ImageTooSmallError, match="smallest that works is 8") as caught:
        CNN(image_shape=(1, 7, 7), **options)  # type: ignore[arg-type]
    assert caught.value.smallest == 8
    CNN(image_shape=(1, 8, 8), **options)(torch.zeros(2, 1, 8, 8))  # type: ignore[arg-type]


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


def test_autoencoder_mirrors_its_encoder() -> None:
    net = Autoencoder(image_shape=(1, 28, 28), sizes=[128, 64, 12, 3])
    sizes = [m.out_features for m in net.encoder if isinstance(m, nn.Linear)]
    back = [m.out_features for m in net.decoder if isinstance(m, nn.Linear)]
    assert sizes == [128, 64, 12, 3]
    assert back == [12, 64, 128, 784]
    assert not isinstance(net.encoder[-1], nn.ReLU), "the latent vector takes any sign"
    assert net.encode(torch.zeros(4, 1, 28, 28)).shape == (4, 3)


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
