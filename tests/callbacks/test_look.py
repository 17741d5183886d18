"""One look at a net that was trained elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import pellucid
from pellucid.errors import UserError

VIEWS = {"activations", "confusion", "embeddings", "explanations", "feature_maps", "filters", "predictions"}


def classifier() -> nn.Module:
    """Two of its classes are told by the mean of the image."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    )


def photos(count: int = 12) -> torch.Tensor:
    return torch.randint(
        0, 256, (count, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )


def test_all_that_needs_no_history_is_drawn_and_the_net_left_as_it_was(tmp_path: Path) -> None:
    net = classifier().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.get_rng_state()
    labels_N = torch.arange(12) % 2
    figures = pellucid.look(net, photos(), labels_N, classes=["cat", "dog"], folder=tmp_path)
    assert {name.partition("/")[0] for name in figures} == VIEWS
    assert {path.relative_to(tmp_path).with_suffix("").as_posix() for path in tmp_path.rglob("*.png")} == set(
        figures
    )
    assert figures["confusion"].size[0] > 100
    assert figures._repr_html_().count("<img alt=") == len(figures)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert net.training
    assert not any(module._forward_hooks for module in net.modules())


def test_without_labels_and_names_nothing_is_said_of_classes() -> None:
    figures = pellucid.look(classifier(), photos())
    assert {name.partition("/")[0] for name in figures} == {
        *("activations", "embeddings", "feature_maps", "filters")
    }


def test_names_of_classes_make_scores_of_what_a_net_gives() -> None:
    figures = pellucid.look(
        classifier(), photos(), classes=["cat", "dog"], only=["predictions", "explanations"]
    )
    assert set(figures) == {"predictions", "explanations"}, "no mistakes, as no class is known"


def test_options_of_a_view() -> None:
    figures = pellucid.look(classifier(), photos(), only=["feature_maps"], feature_maps={"layers": ["2"]})
    assert list(figures) == ["feature_maps/2"]


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(UserError, match=r"labels: expected a class number for each of 12 images, got \(3,\)"):
        pellucid.look(classifier(), photos(), torch.arange(3))
    with pytest.raises(UserError, match=r"feature_map: no view of that name. Did you mean 'feature_maps'\?"):
        pellucid.look(classifier(), photos(), only=["feature_map"])
    with pytest.raises(UserError, match=r"No net in Linear runs on its images \(12, 3, 16, 16\)"):
        pellucid.look(nn.Linear(3, 2), photos())
    with pytest.raises(UserError, match=r"channels last. Expected \(B, C, H, W\)"):
        pellucid.look(classifier(), photos().permute(0, 2, 3, 1))
