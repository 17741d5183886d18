"""Augmentation: numbers worked out by hand, and ramps whose slope tells what was cropped."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pellucid.data.augment import (
    AUGMENTS,
    NUMBERS,
    crop,
    crop_flip,
    find_augment,
    flip,
    none,
    shift,
    shift_flip,
)
from pellucid.errors import UserError


def numbers(*rows: tuple[float, ...]) -> Tensor:
    return torch.tensor(rows)


def ramps(batch: int, size: int) -> Tensor:
    """Two channels: the x and the y of each pixel's centre, in [-1, 1]."""
    line = (torch.arange(size) + 0.5) * 2 / size - 1
    x, y = line.expand(size, size), line.view(-1, 1).expand(size, size)
    return torch.stack([x, y]).expand(batch, 2, size, size).clone()


def test_six_augmentations_are_known() -> None:
    assert list(AUGMENTS) == ["none", "flip", "shift", "crop", "shift_flip", "crop_flip"]


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"data\.augment=spin: expected one of none, flip, shift, crop"):
        find_augment("spin")


@pytest.mark.parametrize("name", list(AUGMENTS))
def test_shape_and_type_stay_and_the_input_is_not_touched(name: str) -> None:
    images = torch.randn(7, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    before = images.clone()
    out = find_augment(name)(images, torch.rand(7, NUMBERS, generator=torch.Generator().manual_seed(1)))
    assert (out.shape, out.dtype) == (images.shape, torch.float32)
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", list(AUGMENTS))
def test_an_image_is_changed_by_its_own_numbers_alone(name: str) -> None:
    random = torch.Generator().manual_seed(0)
    images = torch.randn(6, 1, 16, 16, generator=random)
    rows = torch.rand(6, NUMBERS, generator=random)
    whole = find_augment(name)(images, rows)
    each = [find_augment(name)(images[i : i + 1], rows[i : i + 1]) for i in range(6)]
    torch.testing.assert_close(torch.cat(each), whole)


def test_none_gives_the_images_as_they_are() -> None:
    images = torch.arange(32.0).view(2, 1, 4, 4)
    assert torch.equal(none(images, torch.zeros(2, NUMBERS)), images)


def test_flip_mirrors_exactly_where_the_number_is_below_a_half() -> None:
    image = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    mirrored = torch.tensor([[3.0, 2.0, 1.0], [6.0, 5.0, 4.0]])
    rows = torch.zeros(4, NUMBERS)
    rows[:, 0] = torch.tensor([0.0, 0.4999, 0.5, 0.999])
    out = flip(image.expand(4, 1, 2, 3), rows)
    assert torch.equal(out[:, 0], torch.stack([mirrored, mirrored, image, image]))


@pytest.mark.parametrize(
    ("down", "right", "expected"),
    [  # 8 × 8 pixels move by 1 at most: thirds of [0, 1) mean +1, 0, -1
        (0.0, 0.5, {(3, 2): 1.0}),
        (0.5, 0.0, {(2, 3): 1.0}),
        (0.5, 0.5, {(2, 2): 1.0}),
        (0.99, 0.5, {(1, 2): 1.0}),
        (0.99, 0.99, {(1, 1): 1.0}),
    ],
)
def test_shift_moves_a_point_by_whole_pixels(
    down: float, right: float, expected: dict[tuple[int, int], float]
) -> None:
    image = torch.zeros(1, 1, 8, 8)
    image[0, 0, 2, 2] = 1
    out = shift(image, numbers((0, down, right, 0, 0)))[0, 0]
    assert {tuple(place): float(out[tuple(place)]) for place in out.nonzero().tolist()} == expected


def test_shift_fills_with_the_mean_colour() -> None:
    out = shift(torch.ones(1, 1, 8, 8), numbers((0, 0.0, 0.99, 0, 0)))[0, 0]
    expected = torch.ones(8, 8)
    expected[0, :] = 0  # moved down
    expected[:, 7] = 0  # and to the left
    assert torch.equal(out, expected)


def test_shift_moves_32_pixels_by_4_at_most_and_by_each_step_between() -> None:
    image = torch.zeros(1, 1, 32, 32)
    image[..., 16, 16] = 1
    rows = torch.zeros(900, NUMBERS)
    rows[:, 1] = (torch.arange(900) + 0.5) / 900
    rows[:, 2] = 0.5
    out = shift(image.expand(900, 1, 32, 32), rows)
    where = out[:, 0, :, 16].argmax(1)
    assert torch.bincount(where).tolist() == [0] * 12 + [100] * 9


def test_crop_of_the_whole_is_the_identity() -> None:
    images = torch.randn(1, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    out = crop(images, numbers((0, 1.0, 0.5, 0.3, 0.8)))  # all of the area, aspect 1
    torch.testing.assert_close(out, images, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("left", "up", "centre"), [(0.5, 0.5, (0, 0)), (0.0, 0.0, (-1, -1)), (1.0, 0.5, (1, 0))]
)
def test_crop_stretches_the_chosen_part(left: float, up: float, centre: tuple[float, float]) -> None:
    side = 0.35**0.5  # the smallest area at aspect 1
    out = crop(ramps(1, 64), numbers((0, 0.0, 0.5, left, up)))[0]
    inner = ramps(1, 64)[0] * side + torch.tensor(centre).view(2, 1, 1) * (1 - side)
    torch.testing.assert_close(out, inner.clamp(-63 / 64, 63 / 64), atol=1e-4, rtol=0)


def test_crops_keep_to_their_range_of_area_and_aspect() -> None:
    random = torch.Generator().manual_seed(0)
    out = crop(ramps(500, 64), torch.rand(500, NUMBERS, generator=random))
    breadth = (out[:, 0, 32, 40] - out[:, 0, 32, 24]) / 0.5  # of a ramp of slope 1: 16 of 32 pixels
    height = (out[:, 1, 40, 32] - out[:, 1, 24, 32]) / 0.5
    area, aspect = breadth * height, breadth / height
    assert area.min() > 0.349
    assert max(breadth.max(), height.max()) < 1.001
    assert area.min() < 0.37, "the smallest crops occur"
    assert aspect.min() > 0.749
    assert aspect.max() < 1.334
    assert float(out.abs().max()) <= 1, "nothing from outside the image"


def test_the_joint_ones_move_first_and_mirror_then() -> None:
    images = torch.randn(5, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    rows = torch.rand(5, NUMBERS, generator=torch.Generator().manual_seed(1))
    chosen = rows[:, 0] < 0.5
    assert 0 < int(chosen.sum()) < 5
    for joint, move in ((shift_flip, shift), (crop_flip, crop)):
        moved, out = move(images, rows), joint(images, rows)
        assert torch.equal(out[chosen], moved[chosen].flip(-1))
        assert torch.equal(out[~chosen], moved[~chosen])
