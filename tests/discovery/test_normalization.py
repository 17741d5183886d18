"""Means and standard deviations in others' transforms.

Axes: B images, C channels, H × W pixels.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.transforms import Compose, Normalize, v2

from pellucid.discovery.normalization import OWN_RANGE, Normalization, find_normalization

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.5)
PIXELS = torch.rand(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))


def normalised(mean: Any = MEAN, std: Any = STD) -> Tensor:
    return (PIXELS - torch.tensor(mean).view(-1, 1, 1)) / torch.tensor(std).view(-1, 1, 1)


def albumentations(mean: Any = MEAN, std: Any = STD, max_pixel_value: float | None = 255.0) -> Any:
    """As ``albumentations.Normalize`` holds its options."""
    holder = type("Normalize", (), {"__module__": "albumentations.augmentations"})()
    holder.mean, holder.std, holder.max_pixel_value = mean, std, max_pixel_value
    return SimpleNamespace(transforms=[SimpleNamespace(p=1), holder])


class KorniaNormalize(nn.Module):
    """As kornia's, with tensors among its flags."""

    def __init__(self) -> None:
        super().__init__()
        self.flags = {"mean": torch.tensor([MEAN]), "std": torch.tensor([STD])}


class BufferNormalize(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))


def with_transform(transform: Any) -> Any:
    """As a data set of Hugging Face keeps it: a function that closes over it."""
    return SimpleNamespace(_format_kwargs={"transform": lambda rows: [transform(row) for row in rows]})


@pytest.mark.parametrize(
    ("holder", "source"),
    [
        (SimpleNamespace(transform=Compose([Normalize(MEAN, STD)])), "Normalize of torchvision"),
        (SimpleNamespace(transform=v2.Compose([v2.Normalize(MEAN, STD)])), "Normalize of torchvision"),
        (albumentations(), "Normalize of albumentations"),
        (nn.Sequential(KorniaNormalize()), "KorniaNormalize of tests"),
        (nn.Sequential(BufferNormalize()), "BufferNormalize of tests"),
        (with_transform(v2.Normalize(MEAN, STD)), "Normalize of torchvision"),
        (SimpleNamespace(image_mean=list(MEAN), image_std=list(STD)), "SimpleNamespace of types"),
        (SimpleNamespace(default_cfg={"mean": MEAN, "std": STD}), "dict of builtins"),
        (SimpleNamespace(transform=Normalize(np.array(MEAN), np.array(STD))), "Normalize of torchvision"),
    ],
)
def test_a_normalize_is_found_where_it_undoes_to_pixels(holder: Any, source: str) -> None:
    found = find_normalization(normalised(), [None], [holder])
    assert found.source == source
    assert found.mean == pytest.approx(MEAN)
    assert found.std == pytest.approx(STD)


@pytest.mark.parametrize(
    "holder",
    [
        Normalize([0, 0, 0], [1, 1, 1]),  # another one
        SimpleNamespace(mean=MEAN, std=STD),  # of a data set's own, for all we know of weights
        SimpleNamespace(transform=SimpleNamespace(mean=MEAN)),
        Normalize(MEAN[:2], STD[:2]),
        albumentations(std=(0.2, 0, 0.5)),
        albumentations(mean="imagenet"),
    ],
)
def test_another_normalize_is_passed_over(holder: Any) -> None:
    assert find_normalization(normalised(), [holder]) == Normalization((), (), OWN_RANGE)


def test_the_first_that_holds_one_counts() -> None:
    first, second = Normalize(MEAN, STD), Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])
    other = normalised(*[[0.5] * 3] * 2)
    assert find_normalization(other, [first], [second]).mean == (0.5,) * 3
    assert find_normalization(normalised(), [second, first], []).mean == pytest.approx(MEAN)


def test_one_number_is_that_of_all_channels() -> None:
    found = find_normalization(normalised([0.5] * 3, [0.25] * 3), [Normalize([0.5], [0.25])])
    assert (found.mean, found.std) == ((0.5,) * 3, (0.25,) * 3)


def test_statistics_of_bytes_are_told_in_those_of_pixels_from_0_to_1() -> None:
    found = find_normalization(PIXELS, [Normalize([0.0] * 3, [255.0] * 3)])  # gives [0, 1]
    assert found.mean == (0,) * 3
    assert found.std == pytest.approx((1,) * 3)
    mean, std = [value * 255 for value in MEAN], [value * 255 for value in STD]
    bytes_BCHW = (PIXELS * 255 - torch.tensor(mean).view(-1, 1, 1)) / torch.tensor(std).view(-1, 1, 1)
    found = find_normalization(bytes_BCHW, [Normalize(mean, std)])
    assert found.mean == pytest.approx(MEAN)
    assert found.std == pytest.approx(STD)


def test_kinds_of_pixels_without_a_normalize() -> None:
    ones = find_normalization(PIXELS)
    assert ones == Normalization((0.0,) * 3, (1.0,) * 3, "values in [0, 1]")
    bytes_ = find_normalization((PIXELS * 255).to(torch.uint8))
    assert bytes_.source == "values in [0, 255]"
    assert bytes_.std == pytest.approx((1 / 255,) * 3)
    for other in (PIXELS - 0.5, PIXELS * 1000, PIXELS * 1.5, PIXELS * 255 - 100, normalised()):
        assert find_normalization(other) == Normalization((), (), OWN_RANGE)


def test_a_normalize_of_an_augmentation_that_is_not_used_does_not_mislead() -> None:
    assert find_normalization(PIXELS, [Normalize(MEAN, STD)]).source == "values in [0, 1]"
