"""Pipelines: names and lists, and numbers that are each operation's own."""

from __future__ import annotations

import pytest
import torch

from pellucid.data.augment.options import PRESETS, RANGES
from pellucid.data.augment.pipeline import OPERATIONS, Pipeline, find_augment
from pellucid.errors import UserError
from pellucid.system.seeding import generator

NAMES = [*PRESETS, *RANGES]


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"data\.augment=spin: expected one of none, shift_flip, crop_flip"):
        find_augment("spin")


def test_the_old_names_draw_what_they_drew() -> None:
    expected = torch.rand(9, 5, generator=generator(3, "augment", 2))
    for name in ("flip", "shift", "crop", "shift_flip", "crop_flip"):
        assert torch.equal(find_augment(name).numbers(9, 3, 2), expected)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 2, 3, 13])
def test_shape_and_type_stay_and_the_input_is_not_touched(name: str, channels: int) -> None:
    images = torch.rand(7, channels, 12, 14, generator=torch.Generator().manual_seed(0))
    before, pipeline = images.clone(), find_augment(name)
    numbers = pipeline.numbers(7, 0, 0) if pipeline else torch.zeros(7, 0)
    out = pipeline(images, numbers, torch.full((1, channels, 1, 1), 0.4))
    assert (out.shape, out.dtype) == (images.shape, torch.float32)
    assert torch.equal(images, before)
    assert bool(pipeline) == (name != "none") == (not torch.equal(out, images))


@pytest.mark.parametrize("name", NAMES[1:])
def test_an_image_is_changed_by_its_own_numbers_alone(name: str) -> None:
    images = torch.rand(12, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    pipeline = find_augment(name)
    numbers = pipeline.numbers(12, 1, 0)
    whole = pipeline(images, numbers)
    each = [pipeline(images[i : i + 1], numbers[i : i + 1]) for i in range(12)]
    torch.testing.assert_close(torch.cat(each), whole)


def test_the_crop_that_stands_first_may_be_done_elsewhere() -> None:
    pipeline = find_augment(["crop", "flip"], {"crop": {"scale": (0.5, 0.5)}})
    numbers = pipeline.numbers(20, 0, 0)
    boxes = pipeline.boxes(numbers)
    assert pipeline.crop is not None
    assert torch.equal(boxes, pipeline.crop.boxes(numbers[:, 1:]))
    torch.testing.assert_close(boxes[:, 2] * boxes[:, 3], torch.full((20,), 0.5))
    images = torch.rand(20, 3, 8, 8)
    rest = pipeline.after_crop()
    assert torch.equal(rest(pipeline.crop(images, numbers[:, 1:]), numbers), pipeline(images, numbers))
    for other in (find_augment(["flip", "crop"]), find_augment("shift"), Pipeline()):
        assert other.crop is None
        assert other.after_crop() is other


def test_operations_are_those_with_options() -> None:
    assert list(OPERATIONS) == list(RANGES)
