"""One vector an image, whatever the net: numbers by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid.errors import UserError
from pellucid.inside.embedding import check_layer, embedding

IMAGES = torch.tensor([[[[1.0, -2], [3, 4]]], [[[0.0, 1], [-1, 2]]]])
FLAT = IMAGES.flatten(1)


class Residual(nn.Module):
    """Adds what its last linear layer gives to that layer's own input, in place."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, images: Tensor) -> Tensor:
        flat = images.flatten(1).clone()
        flat += self.last(flat)
        return flat


class Embedding(nn.Module):
    def embed(self, images: Tensor) -> Tensor:
        return images[:, :, :1] * 10  # not flat: (B, 1, 1, 2)

    def forward(self, images: Tensor) -> Tensor:
        raise AssertionError("embed alone is asked")


class Patches(nn.Module):
    """A net with a layer that is called embed, as of a vision transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Conv2d(1, 3, 2), nn.Linear(3, 2)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.embed(images).flatten(1))
        return logits


class Tokens(nn.Module):
    """(B, T = 2, D = 2) before the head: the image's rows."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(2, 5)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(images[:, 0]).mean(dim=1)
        return logits


def test_a_net_with_a_method_embed_is_asked() -> None:
    assert embedding(Embedding(), "embed", IMAGES).tolist() == [[10, -20], [0, 10]]


def test_without_one_it_is_the_input_of_the_last_linear() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    assert torch.equal(embedding(net, "embed", IMAGES), net[:3](IMAGES))
    assert torch.equal(embedding(net[:2], "embed", IMAGES), FLAT)


def test_a_layer_that_is_called_embed_is_no_method() -> None:
    net = Patches()
    assert torch.equal(embedding(net, "embed", IMAGES), net.embed(IMAGES).flatten(1))
    assert embedding(net, "embed", IMAGES).shape == (2, 3)


def test_an_activation_in_place_before_the_head() -> None:
    raised = nn.Threshold(-1.5, 7.0)  # -2 becomes 7, the rest stays
    net = nn.Sequential(nn.Flatten(), raised, nn.ReLU(inplace=True), nn.Linear(4, 2))
    assert embedding(net, "embed", IMAGES).tolist() == [[1, 7, 3, 4], [0, 1, 0, 2]]
    assert embedding(net, "1", IMAGES).tolist() == [[1, 7, 3, 4], [0, 1, -1, 2]], "before the ReLU"


def test_a_change_in_place_after_the_head() -> None:
    assert torch.equal(embedding(Residual(), "embed", IMAGES), FLAT)


def test_tokens_and_maps_are_averaged() -> None:
    assert embedding(Tokens(), "embed", IMAGES).tolist() == [[2, 1], [-0.5, 1.5]]
    convolution = nn.Conv2d(1, 2, 1, bias=False)
    with torch.no_grad():
        convolution.weight.copy_(torch.tensor([1.0, -2]).view(2, 1, 1, 1))
    maps = nn.Sequential(convolution, nn.Flatten(), nn.Linear(8, 1))
    assert embedding(maps, "0", IMAGES).tolist() == [[1.5, -3], [0.5, -1]]
    linear = nn.Linear(2, 2, bias=False)  # (B, C, H, D): units last
    with torch.no_grad():
        linear.weight.copy_(torch.eye(2))
    last = nn.Sequential(linear, nn.Flatten(), nn.Linear(4, 1))
    assert embedding(last, "0", IMAGES).tolist() == [[2, 1], [-0.5, 1.5]]
    assert embedding(nn.Sequential(nn.Identity()), "0", FLAT.view(2, 2, 2)).tolist() == FLAT.tolist()


def test_a_net_without_a_linear_layer_says_what_to_do() -> None:
    with pytest.raises(UserError, match=r"no linear layer.*layer=<name>"):
        embedding(nn.Sequential(nn.Conv2d(1, 1, 1)), "embed", IMAGES)
    mixed = nn.Sequential(nn.Flatten(0), nn.Linear(8, 1))  # one vector for all images
    with pytest.raises(UserError, match="one vector an image"):
        embedding(mixed, "embed", IMAGES)
    with pytest.raises(UserError, match="gives no vectors or maps of an image"):
        embedding(mixed, "0", IMAGES)


def test_an_unknown_layer_gets_the_nearest_names() -> None:
    net = nn.Sequential()
    net.add_module("features", nn.Flatten())
    net.add_module("head", nn.Linear(4, 2))
    check_layer(net, "embed")
    check_layer(net, "features")
    for wrong, hint in (("featurs", "features"), ("embd", "embed"), ("heads", "head")):
        with pytest.raises(UserError, match=rf"layer={wrong}: Sequential has no layer .*Did you mean {hint}"):
            check_layer(net, wrong)
    with pytest.raises(UserError, match="no layer named ''"):
        embedding(net, "", IMAGES)


@pytest.mark.parametrize("layer", ["embed", "1"])
def test_no_hook_is_left(layer: str) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Linear(3, 2))
    embedding(net, layer, IMAGES)
    with pytest.raises(RuntimeError):
        embedding(net, layer, torch.zeros(2, 1, 3, 3))  # too large for the linear layer
    for module in net.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
