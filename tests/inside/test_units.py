"""A layer's units: how they are found; by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid.errors import UserError
from pellucid.inside.preserve_state import preserve_state
from pellucid.inside.trace import traced, unit_axis
from pellucid.model.autoencoder import Autoencoder
from tests.explainer.nets import small_cnn, small_resnet
from tests.inside.looked import layer_of


class Watched(nn.Module):
    """As a user writes them: a shared activation, functions, tuples, a layer that never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3, padding=1)
        self.act, self.never = nn.ReLU(inplace=True), nn.Linear(3, 3)
        self.attention = nn.MultiheadAttention(4, 1, batch_first=True)
        self.head = nn.Linear(4, 2)
        self.windows = nn.Identity()

    def forward(self, images_BCHW: Tensor) -> Tensor:
        first = self.act(self.one(images_BCHW))
        maps = self.two(first)
        maps += first  # in place: it is no longer what the convolution gave
        maps = self.act(maps)
        self.windows(maps.flatten(0, 1))
        tokens = maps.flatten(2).transpose(1, 2)
        tokens, _ = self.attention(tokens, tokens, tokens)
        logits: Tensor = self.head(tokens.mean(dim=1))
        return logits


def test_layers_of_any_net_have_units() -> None:
    net, shape = Watched(), (1, 6, 6)
    shared = layer_of(net, "act", shape)
    assert (shared.units, shared.map_shape, shared.runs) == (4, (4, 4), 2)
    assert shared.filtered_by is None, "a sum came between"
    assert layer_of(net, "two", shape).filtered_by == "two"
    assert layer_of(net, "auto", shape).name == "act"
    images = torch.randn(3, *shape)
    with preserve_state(net) as plain, torch.no_grad():
        first, second = plain.get_submodule("one"), plain.get_submodule("two")
        maps = second(first(images).relu()) + first(images).relu()
        assert torch.allclose(shared.outputs(plain, images), maps.relu().flatten(2))
        assert torch.allclose(shared.outputs(plain, images, rising=True), maps.flatten(2))
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in net.modules())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("twoo", r"no layer named 'twoo'. Did you mean two"),
        ("never", "layer=never: this Linear does not run"),
        ("attention", "layer=attention: this MultiheadAttention gives no tensor"),
        ("windows", r"layer=windows: this Identity gives \(8, 4, 4\) for 2 images, which has no units"),
    ],
)
def test_layers_without_units_are_refused(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        layer_of(Watched(), name, (1, 6, 6))


def test_auto_takes_no_layer_that_sees_parts_of_images_as_images() -> None:
    """As the pools of MViTv2's attention do with their heads."""

    class Halves(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.halves = nn.Conv2d(2, 4, 1), nn.Conv2d(2, 2, 1)

        def forward(self, images_BCHW: Tensor) -> Tensor:
            maps = self.first(images_BCHW)
            return self.halves(maps.reshape(-1, 2, *maps.shape[2:])).reshape(maps.shape)  # type: ignore[no-any-return]

    assert layer_of(Halves(), "auto", (2, 4, 4)).name == "first"


def test_the_layer_that_auto_takes() -> None:
    cnn, resnet = small_cnn(), small_resnet(32)
    assert layer_of(cnn, "auto", (3, 16, 16)).name == "features.6", "the ReLU behind the norm"
    assert layer_of(cnn, "auto", (3, 16, 16)).filtered_by == "features.4"
    last = layer_of(resnet, "auto", (3, 32, 32))
    assert (last.name, last.runs, last.filtered_by) == ("backbone.layer4.1.relu", 2, None)
    coder = Autoencoder(image_shape=(1, 8, 8), sizes=[12, 3])
    assert layer_of(coder, "auto", (1, 8, 8)).name == "encoder.3", "its latent vector"
    with pytest.raises(UserError, match="no convolution and no linear layer"):
        layer_of(nn.Flatten(), "auto", (1, 8, 8))


def test_units_of_a_linear_layer_that_sees_maps_are_last() -> None:
    net = nn.Sequential(nn.Conv2d(1, 6, 3), nn.Flatten(2), nn.Linear(9, 5), nn.GELU())
    trace = traced(net, torch.randn(2, 1, 5, 5))
    assert [unit_axis(trace, name) for name in "0123"] == [1, 1, 2, 2]
    layer = layer_of(net, "3", (1, 5, 5))
    assert (layer.units, layer.map_shape) == (5, (6,))
