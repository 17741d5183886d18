"""Augmentation: numbers worked out by hand, and ramps whose slope tells what was cropped."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchvision.transforms import RandomResizedCrop

from pellucid.data.augment.geometry import Crop, Flip, Shift
from pellucid.data.augment.pipeline import find_augment


def numbers(*rows: tuple[float, ...]) -> Tensor:
    return torch.tensor(rows)


def ramps(batch: int, size: int) -> Tensor:
    """Two channels: the x and the y of each pixel's centre, in [-1, 1]."""
    line = (torch.arange(size) + 0.5) * 2 / size - 1
    x, y = line.expand(size, size), line.view(-1, 1).expand(size, size)
    return torch.stack([x, y]).expand(batch, 2, size, size).clone()


def test_flip_mirrors_exactly_where_the_number_is_below_a_half() -> None:
    image = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    mirrored = torch.tensor([[3.0, 2.0, 1.0], [6.0, 5.0, 4.0]])
    out = Flip()(image.expand(4, 1, 2, 3), numbers((0.0,), (0.4999,), (0.5,), (0.999,)))
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
    out = Shift()(image, numbers((down, right)))[0, 0]
    assert {tuple(place): float(out[tuple(place)]) for place in out.nonzero().tolist()} == expected


def test_shift_fills_with_the_mean_colour() -> None:
    colour = torch.tensor([0.25, 0.5]).view(1, 2, 1, 1)
    for fill, filled in ((0.0, (0.0, 0.0)), (colour, (0.25, 0.5))):
        out = Shift()(torch.ones(1, 2, 8, 8), numbers((0.0, 0.99)), fill)[0]
        expected = torch.ones(2, 8, 8)
        for channel, value in enumerate(filled):
            expected[channel, 0, :] = value  # moved down
            expected[channel, :, 7] = value  # and to the left
        assert torch.equal(out, expected)


def test_shift_moves_32_pixels_by_4_at_most_and_by_each_step_between() -> None:
    image = torch.zeros(1, 1, 32, 32)
    image[..., 16, 16] = 1
    rows = torch.full((900, 2), 0.5)
    rows[:, 0] = (torch.arange(900) + 0.5) / 900
    out = Shift()(image.expand(900, 1, 32, 32), rows)
    where = out[:, 0, :, 16].argmax(1)
    assert torch.bincount(where).tolist() == [0] * 12 + [100] * 9


def test_crop_of_the_whole_is_the_identity() -> None:
    images = torch.randn(1, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    out = Crop()(images, numbers((1.0, 0.5, 0.3, 0.8)))  # all of the area, aspect 1
    torch.testing.assert_close(out, images, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("left", "up", "centre"), [(0.5, 0.5, (0, 0)), (0.0, 0.0, (-1, -1)), (1.0, 0.5, (1, 0))]
)
def test_crop_stretches_the_chosen_part(left: float, up: float, centre: tuple[float, float]) -> None:
    side = 0.35**0.5  # the smallest area at aspect 1
    out = Crop()(ramps(1, 64), numbers((0.0, 0.5, left, up)))[0]
    inner = ramps(1, 64)[0] * side + torch.tensor(centre).view(2, 1, 1) * (1 - side)
    torch.testing.assert_close(out, inner.clamp(-63 / 64, 63 / 64), atol=1e-4, rtol=0)


def test_crops_keep_to_their_range_of_area_and_aspect() -> None:
    random = torch.Generator().manual_seed(0)
    out = Crop()(ramps(500, 64), torch.rand(500, 4, generator=random))
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
    rows = torch.rand(5, 5, generator=torch.Generator().manual_seed(1))
    chosen = rows[:, 0] < 0.5
    assert 0 < int(chosen.sum()) < 5
    moves = {"shift_flip": Shift()(images, rows[:, 1:3]), "crop_flip": Crop()(images, rows[:, 1:5])}
    for name, moved in moves.items():
        out = find_augment(name)(images, rows)
        assert torch.equal(out[chosen], moved[chosen].flip(-1))
        assert torch.equal(out[~chosen], moved[~chosen])


def test_a_box_is_what_the_crop_shows() -> None:
    rows = torch.rand(50, 4, generator=torch.Generator().manual_seed(0))
    top, left, height, width = Crop().boxes(rows).unbind(1)
    shown = Crop()(ramps(50, 64), rows)
    middle = (shown[:, :, 31, 31] + shown[:, :, 32, 32]) / 2 / 2 + 0.5  # as fractions
    torch.testing.assert_close(middle[:, 0], left + width / 2, atol=1e-4, rtol=0)
    torch.testing.assert_close(middle[:, 1], top + height / 2, atol=1e-4, rtol=0)


@pytest.mark.parametrize("aspect", [0.2, 0.5, 1.0, 1.5, 4.0])
def test_boxes_keep_their_ratio_in_images_of_any_proportions(aspect: float) -> None:
    rows = torch.rand(500, 4, generator=torch.Generator().manual_seed(0))
    boxes = Crop(scale=(0.3, 1.0)).boxes(rows, torch.full((500,), aspect))
    top, left, height, width = boxes.unbind(1)
    assert float(boxes.min()) >= 0
    assert max(float((top + height).max()), float((left + width).max())) <= 1 + 1e-6
    ratio = width * aspect / height
    assert 3 / 4 - 1e-5 < float(ratio.min()) <= float(ratio.max()) < 4 / 3 + 1e-5
    assert float(torch.maximum(height, width).max()) > 0.999, "the largest touch the sides"


@pytest.mark.parametrize(("height", "width"), [(300, 300), (300, 450), (450, 300)])
def test_boxes_are_distributed_as_those_of_torchvision(height: int, width: int) -> None:
    count, image = 4000, torch.zeros(1, height, width)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = [RandomResizedCrop.get_params(image, [0.35, 1.0], [3 / 4, 4 / 3]) for _ in range(count)]
    theirs_B4 = torch.tensor(drawn) / torch.tensor([height, width, height, width])
    rows = torch.rand(count, 4, generator=torch.Generator().manual_seed(0))
    ours_B4 = Crop().boxes(rows, torch.full((count,), width / height))
    quantiles = torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95])
    for ours, theirs in zip(_described(ours_B4), _described(theirs_B4), strict=True):
        torch.testing.assert_close(ours.quantile(quantiles), theirs.quantile(quantiles), atol=0.02, rtol=0)


def test_a_crop_larger_than_any_part_of_its_ratio_is_the_largest_there_is() -> None:
    rows = torch.rand(20, 4, generator=torch.Generator().manual_seed(0))
    _, left, height, width = Crop(scale=(0.9, 1.0)).boxes(rows, torch.full((20,), 3.0)).unbind(1)
    torch.testing.assert_close(height, torch.ones(20))
    torch.testing.assert_close(width, torch.full((20,), 4 / 9))
    assert float(left.max() - left.min()) > 0.3, "it lies anywhere"


def _described(boxes_B4: torch.Tensor) -> list[torch.Tensor]:
    """Area, ratio in units of the image, top and left."""
    top, left, height, width = boxes_B4.unbind(1)
    return [height * width, width / height, top, left]
