"""A layer's units: how they are found, what they see, what excites them; by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pellucid.errors import UserError
from pellucid.inside.activation_maximization import maximize_activations, middle
from pellucid.inside.preserve_state import preserve_state
from pellucid.inside.receptive_field import receptive_fields
from pellucid.inside.top_activations import TopActivations, Watch
from pellucid.inside.trace import traced, unit_axis
from pellucid.inside.units import UnitLayer, find_units
from pellucid.inside.weights import find_filters
from pellucid.model.autoencoder import Autoencoder
from pellucid.model.gcn import GCN
from pellucid.spec import Spec
from tests.explainer.nets import small_cnn, small_resnet


def layer_of(net: nn.Module, name: str, shape: tuple[int, int, int]) -> UnitLayer:
    return find_units(traced(net, torch.randn(2, *shape)), net, name, batch=2)


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
    assert (shared.units, shared.places, shared.runs) == (4, (4, 4), 2)
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
    assert (layer.units, layer.places) == (5, (6,))


class Split(nn.Module):
    """Tokens of all images in one tensor of vectors, for a linear layer, then by heads."""

    def __init__(self) -> None:
        super().__init__()
        self.project, self.heads = nn.Linear(4, 6), nn.Identity()

    def forward(self, images_BCHW: Tensor) -> Tensor:
        rows = self.project(images_BCHW.reshape(-1, 4))  # (B · 4, 6)
        heads: Tensor = self.heads(rows.view(len(images_BCHW), 4, 2, 3).transpose(1, 2))
        return heads


def test_an_image_made_of_a_vector_has_its_units_first_and_heads_made_of_tokens_have_none() -> None:
    decoder = nn.Sequential(nn.Flatten(), nn.Linear(16, 12), nn.Unflatten(1, (3, 2, 2)))
    assert unit_axis(traced(decoder, torch.randn(2, 1, 4, 4)), "2") == 1
    assert unit_axis(traced(Split(), torch.randn(2, 1, 4, 4)), "heads") is None


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


def watched(values_NUP: Tensor, size: int) -> TopActivations:
    watch = Watch(values_NUP.shape[1])
    for some in torch.split(values_NUP, size):
        watch.see(some)
    return watch.found()


def test_firing_and_strongest_images_by_hand() -> None:
    values_NUP = torch.zeros(12, 3, 4)
    values_NUP[:, 0, 2] = torch.arange(12.0)  # above 0 in 11 of 12 images, at one place of four
    values_NUP[5, 1, 3] = values_NUP[7, 1, 1] = 2.0
    values_NUP[:, 2] = -1.0
    found = watched(values_NUP, 5)
    assert found.rate_U.tolist() == pytest.approx([11 / 12, 2 / 12, 0])
    assert found.places_U.tolist() == pytest.approx([11 / 48, 2 / 48, 0])
    assert found.mean_U.tolist() == pytest.approx([66 / 48, 4 / 48, -1])
    assert found.dead_U.tolist() == [False, False, True]
    assert found.image_UK[0].tolist() == [11, 10, 9, 8, 7, 6, 5, 4, 3]
    assert found.place_UK[0].tolist() == [2] * 9
    assert found.image_UK[1].tolist() == [5, 7] + [-1] * 7, "it is at rest in the others"
    assert found.place_UK[1, :2].tolist() == [3, 1]
    assert found.image_UK[2].tolist() == [-1] * 9


@pytest.mark.parametrize("size", [1, 7, 40])
def test_batches_do_not_matter(size: int) -> None:
    values_NUP = torch.randint(-3, 4, (40, 6, 5), generator=torch.Generator().manual_seed(0)).float()
    whole, parts = vars(watched(values_NUP, 40)), vars(watched(values_NUP, size))
    for name, value in whole.items():
        if isinstance(value, Tensor):
            assert torch.allclose(value, parts[name], equal_nan=True), name
    best = values_NUP.amax(dim=2).T.topk(9).values
    assert torch.equal(whole["value_UK"], best)


def test_what_is_not_finite_is_told() -> None:
    with pytest.raises(UserError, match="not finite: the training has diverged"):
        Watch(1).see(torch.tensor([[[torch.nan]]]))


def test_one_image_cannot_show_that_a_vectors_unit_is_dead() -> None:
    found = watched(torch.ones(1, 2, 1), 1)
    assert found.dead_U.tolist() == [False, False]
    assert found.image_UK.tolist() == [[0], [0]]


def make(net: nn.Module, name: str, spec: Spec, units: list[int], **given: Any) -> Any:
    layer = layer_of(net, name, spec.image_shape)
    options: dict[str, Any] = {"patch": 3, "steps": 64, "seed": 0, "done": lambda number: None}
    places = [middle(layer)] * len(units)
    with preserve_state(net) as plain:
        return maximize_activations(plain, layer, units, places, spec, **{**options, **given})


GREY = Spec((1, 9, 9), ("a",), (0.5,), (0.25,), "")


def test_the_image_that_excites_a_linear_filter_is_its_sign() -> None:
    """The best image in [0, 1] is white where the weight is above 0, black elsewhere."""
    net = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1, bias=False), nn.ReLU())
    edge, cross, spot = (
        [[1, 0.5, -1]] * 3,
        [[1, -1, 1], [-1, 1, -1], [1, -1, 1]],
        [[-1] * 3, [-1, 8, -1], [-1] * 3],
    )
    weights_3HW = torch.tensor([edge, cross, spot])
    with torch.no_grad():
        next(net.parameters()).copy_(weights_3HW[:, None])
    made = make(net, "1", GREY, [0, 1, 2], steps=128)
    for image_CHW, weights_HW in zip(made.images_BCHW, weights_3HW, strict=True):
        seen_HW = image_CHW[0, 3:6, 3:6].float()
        both = torch.stack([seen_HW.flatten(), weights_HW.sign().flatten()])
        assert torch.corrcoef(both)[0, 1] > 0.9
    most = 2 * weights_3HW.abs().sum(dim=(1, 2))  # of pixels that are ±2 as the net takes them
    assert (made.value_B > 0.9 * most).all()
    assert (made.value_B <= most).all()


def test_images_are_the_same_for_the_same_seed() -> None:
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv2d(1, 20, 3), nn.Tanh(), nn.Conv2d(20, 20, 3))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    many = make(net, "2", GREY, list(range(20)), steps=5)
    alone = make(net, "2", GREY, [17], steps=5)
    other = make(net, "2", GREY, [17], steps=5, seed=1)
    apart = (many.images_BCHW[17].int() - alone.images_BCHW[0].int()).abs()
    assert apart.max() <= 1, "whatever is made beside it"
    assert (other.images_BCHW.int() - alone.images_BCHW.int()).abs().max() > 1
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.parametrize("size", [(3, 8, 8), (3, 7, 5), (1, 6, 6), (4, 6, 6)])
def test_images_of_any_shape(size: tuple[int, int, int]) -> None:
    channels = size[0]
    spec = Spec(size, ("a",), (0.5,) * channels, (0.25,) * channels, "")
    net = nn.Sequential(nn.Flatten(), nn.Linear(size[0] * size[1] * size[2], 2))
    made = make(net, "1", spec, [1], patch=32)
    assert made.images_BCHW.shape == (1, *size)
    blank = net(spec.normalise(torch.full((1, *size), 127, dtype=torch.uint8)))
    assert made.value_B[0] > blank[0, 1]
