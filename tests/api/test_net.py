"""Questions to a net of anybody's: arrays against the net's own, and what does not fit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import pellucid


def make_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)
    )


IMAGES = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def test_explanations_of_the_predicted_class() -> None:
    net = make_net()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    found = pellucid.explain(net, IMAGES, methods=["saliency", "grad_cam"])
    with torch.no_grad():
        scores = net.eval()(IMAGES)
    assert torch.allclose(torch.from_numpy(found.arrays["scores"]), scores, atol=1e-6)
    assert found.arrays["saliency"].shape == found.arrays["grad_cam"].shape == (2, 16, 16)
    assert [row["explained"] for row in found.rows] == [str(label) for label in scores.argmax(1).tolist()]
    assert found.rows[0]["probability"] == pytest.approx(float(scores.softmax(1)[0].max()))
    assert list(found.figures) == ["explanations"]
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert net.training is False


def test_explanations_of_a_named_class() -> None:
    found = pellucid.explain(
        make_net(), IMAGES, methods=["saliency"], classes=["cat", "dog", "owl"], target="owl"
    )
    assert [row["explained"] for row in found.rows] == ["owl", "owl"]
    assert repr(found).startswith("owl 0.")


def test_what_cannot_be_explained() -> None:
    with pytest.raises(pellucid.UserError, match=r"methods: salency: .*Did you mean 'saliency'"):
        pellucid.explain(make_net(), IMAGES, methods=["salency"])
    with pytest.raises(pellucid.UserError, match=r"target=owl: expected predicted or one of classes"):
        pellucid.explain(make_net(), IMAGES, classes=["cat", "dog", "cow"], target="owl")
    with pytest.raises(pellucid.UserError):
        pellucid.explain(make_net(), torch.rand(2, 5, 16, 16))


def test_feature_maps_are_what_layers_give() -> None:
    net = make_net()
    found = pellucid.feature_maps(net, IMAGES)
    with torch.no_grad():
        assert torch.allclose(torch.from_numpy(found.arrays["0"]), net[0](IMAGES), atol=1e-6)
    assert [(row["layer"], row["maps"]) for row in found.rows] == [("0", 8)]
    assert list(found.figures) == ["0"]
    with pytest.raises(pellucid.UserError, match="layers"):
        pellucid.feature_maps(net, IMAGES, layers=["4"])


def test_a_net_without_convolutions_has_no_feature_maps() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 3))
    with pytest.raises(pellucid.UserError, match="Sequential has no convolutions"):
        pellucid.feature_maps(net, IMAGES)


def test_filters_are_the_weights() -> None:
    net = make_net()
    found = pellucid.filters(net)
    assert torch.equal(torch.from_numpy(found.arrays["0"]), net.get_parameter("0.weight"))
    with pytest.raises(pellucid.UserError, match=r"4 is a Linear\. Expected a convolution"):
        pellucid.filters(net, layers=["4"])
    with pytest.raises(pellucid.UserError, match="has no convolutions"):
        pellucid.filters(nn.Linear(2, 2))


def test_a_summary_by_hand() -> None:
    found = pellucid.summary(make_net(), (3, 16, 16))
    rows = {row["name"]: row for row in found.rows}
    assert rows["0"]["parameters"] == 3 * 8 * 9 + 8
    assert rows["0"]["output"] == (8, 16, 16)
    assert rows["total"]["parameters"] == 3 * 8 * 9 + 8 + 8 * 3 + 3
    assert "Conv2d" in repr(found)
    with pytest.raises(pellucid.UserError, match=r"Sequential does not run on an image of 5 × 16 × 16"):
        pellucid.summary(make_net(), (5, 16, 16))


class Residual(nn.Module):
    """A sum past a layer, and twice the same activation."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        kept = self.relu(self.first(images))
        result: torch.Tensor = self.relu(self.second(kept) + kept)
        return result


def test_a_graph_by_hand() -> None:
    found = pellucid.graph(Residual(), (3, 8, 8))
    assert [(row["name"], row["sources"]) for row in found.rows] == [
        ("first", []),
        ("relu", ["first"]),
        ("second", ["relu"]),
        ("add", ["second", "relu"]),
        ("relu", ["add"]),
    ]
    assert list(found.figures) == ["graph"]
    assert repr(found) == "Residual: 5 parts"
    nested = nn.Sequential(Residual(), nn.Flatten())
    assert [row["name"] for row in pellucid.graph(nested, (3, 8, 8), depth=1).rows] == ["0", "1"]
    with pytest.raises(pellucid.UserError, match="depth=0"):
        pellucid.graph(nested, (3, 8, 8), depth=0)
    with pytest.raises(pellucid.UserError, match="Residual does not run on an image of 5 × 8 × 8"):
        pellucid.graph(Residual(), (5, 8, 8))


def test_units_are_told_by_the_images_that_activate_them() -> None:
    net = make_net()
    found = pellucid.units(
        net, IMAGES, layer="0", count=2, labels=torch.tensor([0, 2]), classes=["a", "b", "c"], steps=2
    )
    with torch.no_grad():
        maps = net[0](IMAGES)
    assert [row["max"] for row in found.rows] == pytest.approx(maps.amax((0, 2, 3)).tolist(), rel=1e-4)
    strongest = maps.amax((2, 3)).argmax(0).tolist()
    assert [row["image_1"] for row in found.rows] == [f"image {index}" for index in strongest]
    assert found.arrays["made"].shape == (2, 16, 16, 3)
    assert list(found.figures) == ["units_000_001"]
    with pytest.raises(pellucid.UserError, match="mean, std"):
        pellucid.units(net, IMAGES * 20 - 3)
    with pytest.raises(pellucid.UserError, match="count=0"):
        pellucid.units(net, IMAGES, count=0)


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("explain", (3, IMAGES), "net: expected a torch.nn.Module, got 3"),
        ("filters", ("resnet18",), "net: expected"),
        ("summary", (nn.Flatten(), 3), r"image_shape=3: expected channels, height, width"),
        ("graph", (nn.Flatten(), (8, 8)), r"image_shape=\(8, 8\): expected"),
        ("list_models", (3,), "pattern: expected a text"),
    ],
)
def test_arguments_of_another_kind_are_told(name: str, arguments: tuple[Any, ...], told: str) -> None:
    with pytest.raises(pellucid.UserError, match=told):
        getattr(pellucid, name)(*arguments)
