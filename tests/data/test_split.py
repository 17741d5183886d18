"""Stratified splits."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pellucid.data.split import stratified_split
from pellucid.errors import UserError


def labels(*counts: int) -> Tensor:
    """``counts[k]`` images of class k, mixed."""
    sorted_N = torch.cat([torch.full((count,), k) for k, count in enumerate(counts)])
    return sorted_N[torch.randperm(len(sorted_N), generator=torch.Generator().manual_seed(0))]


def per_class(everything: Tensor, part: Tensor, classes: int) -> list[int]:
    return torch.bincount(everything[part], minlength=classes).tolist()


def test_every_class_is_divided_by_the_same_fractions() -> None:
    everything = labels(100, 50, 10)
    train, val, test = stratified_split(everything, [0.1, 0.2], seed=0)
    assert per_class(everything, train, 3) == [70, 35, 7]
    assert per_class(everything, val, 3) == [10, 5, 1]
    assert per_class(everything, test, 3) == [20, 10, 2]


@pytest.mark.parametrize(
    ("count", "fractions", "sizes"),
    [
        (10, [0.5, 0.4], [1, 5, 4]),
        (20, [0.5, 0.45], [1, 10, 9]),
        (6, [0.34], [4, 2]),
        (10, [0.1, 0.1, 0.1], [7, 1, 1, 1]),
    ],
)
def test_the_parts_have_the_sizes_asked_for(count: int, fractions: list[float], sizes: list[int]) -> None:
    parts = stratified_split(labels(count, count), fractions, seed=0)
    assert [len(part) for part in parts] == [2 * size for size in sizes]


@pytest.mark.parametrize("fractions", [[0.01], [0.99], [0.3, 0.3], [0.01, 0.98], [0.1, 0.1, 0.7]])
def test_every_part_gets_one_image_of_every_class_at_least(fractions: list[float]) -> None:
    least = len(fractions) + 1
    everything = labels(*range(least, least + 12))
    for part in stratified_split(everything, fractions, seed=0):
        assert min(per_class(everything, part, 12)) >= 1


def test_the_parts_are_sorted_and_hold_every_image_once() -> None:
    parts = stratified_split(labels(31, 17, 9), [0.15, 0.15], seed=3)
    assert all(torch.equal(part, part.sort().values) for part in parts)
    assert torch.equal(torch.cat(parts).sort().values, torch.arange(57))


def test_the_parts_are_drawn_by_the_seed() -> None:
    everything = labels(100, 100)
    first, again, other = (stratified_split(everything, [0.2], seed=s)[1] for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_classes_are_drawn_independently_of_one_another() -> None:
    sorted_N = torch.arange(200) // 100
    val = stratified_split(sorted_N, [0.2], seed=1)[1]
    assert not torch.equal(val[:20], val[20:] - 100)


def test_no_fraction_gives_everything() -> None:
    (everything,) = stratified_split(labels(3, 1), [], seed=0)
    assert torch.equal(everything, torch.arange(4))


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5])
def test_a_fraction_outside_0_and_1_is_refused(fraction: float) -> None:
    with pytest.raises(UserError, match="between 0 and 1"):
        stratified_split(labels(10), [fraction], seed=0)


def test_fractions_that_leave_nothing_are_refused() -> None:
    with pytest.raises(UserError, match="leave nothing to train on"):
        stratified_split(labels(10), [0.5, 0.5], seed=0)


def test_a_class_with_too_few_images_is_told() -> None:
    with pytest.raises(UserError, match="Class number 1 has 2 images, too few for 3 splits"):
        stratified_split(labels(10, 2), [0.1, 0.1], seed=0)
