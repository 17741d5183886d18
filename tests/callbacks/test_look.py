"""One look at a net that was trained elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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


@pytest.mark.parametrize("kind", ["list", "array", "several"])
def test_images_and_labels_may_be_what_makes_a_tensor(kind: str) -> None:
    images, labels_N = photos(), torch.arange(12) % 2
    given: dict[str, Any] = {
        "list": {"images": images, "labels": labels_N.tolist()},
        "array": {"images": images.numpy(), "labels": labels_N.numpy()},
        "several": {"images": list(images), "labels": list(labels_N)},
    }
    figures = pellucid.look(classifier(), **given[kind], classes=[1, 2], only=["confusion"])  # type: ignore[list-item]
    assert list(figures) == ["confusion"]


class WritesInPlace(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = classifier()

    def forward(self, images_BCHW: torch.Tensor) -> torch.Tensor:
        scores_BK: torch.Tensor = self.net(images_BCHW.mul_(2))
        return scores_BK


def test_a_net_that_writes_into_its_images_is_explained(caplog: pytest.LogCaptureFixture) -> None:
    images, labels_N = photos().float() / 255, torch.arange(12) % 2
    before = images.clone()
    figures = pellucid.look(WritesInPlace(), images, labels_N, only=["explanations"])
    assert set(figures) == {"explanations"}
    assert torch.equal(images, before)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"images": photos()[0]}, r"images: expected \(N, C, H, W\), one image at least, got \(3, 16, 16\)"),
        ({"images": photos()[:0]}, r"one image at least, got \(0, 3, 16, 16\)"),
        ({"images": "photos"}, r"images: expected a tensor, got str"),
        ({"labels": ["cat"] * 12}, r"labels: expected a tensor, got list"),
        ({"labels": torch.eye(12)}, r"labels: .* labels.argmax\(1\)"),
        ({"labels": torch.arange(12.0)}, r"labels: .* labels.long\(\)"),
        (
            {"images": photos().permute(0, 2, 3, 1)},
            r"images: .* channels last\. .*images.permute\(0, 3, 1, 2\)",
        ),
        ({"mean": [0.5, 0.5], "std": [1, 1]}, r"expected a number for each of 3 channels"),
        ({"images": photos() / 255, "mean": [0.5, 0.5], "std": [1, 1]}, r"a number for each of 3 channels"),
        ({"score": lambda output: output.sum()}, r"score=…: expected a number for each of 12 images, got 1"),
        ({"score": lambda output: 3}, r"score=…: expected a number for each of 12 images, got 1"),
        ({"net": len}, r"net=.*expected a module"),
    ],
)
def test_what_is_given_and_does_not_fit_is_told(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        pellucid.look(**{"net": classifier(), "images": photos(), **options})


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(UserError, match=r"labels: expected a class number for each of 12 images, got \(3,\)"):
        pellucid.look(classifier(), photos(), torch.arange(3))
    with pytest.raises(UserError, match=r"feature_map: no view of that name. Did you mean 'feature_maps'\?"):
        pellucid.look(classifier(), photos(), only=["feature_map"])
    with pytest.raises(UserError, match=r"Linear does not run on images \(12, 3, 16, 16\) .*images=…"):
        pellucid.look(nn.Linear(3, 2), photos())
