"""Photos kept whole: what a net sees of them, and crops of them, one by one and all at once."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pellucid.data.store import WholePhotos

SIZES = [(16, 20), (30, 16), (16, 16), (17, 48)]


def photos(channels: int = 3) -> list[Tensor]:
    """Smooth ones, (H, W, C) uint8."""
    random = torch.Generator().manual_seed(0)
    made = []
    for height, width in SIZES:
        noise_CHW = torch.rand(1, channels, 6, 6, generator=random) * 255
        smooth = functional.interpolate(noise_CHW, size=(height, width), mode="bilinear", align_corners=True)
        made.append(smooth[0].permute(1, 2, 0).round().byte())
    return made


def store(channels: int = 3, size: tuple[int, int] = (14, 14)) -> WholePhotos:
    pixels_P = torch.cat([photo.flatten() for photo in photos(channels)])
    return WholePhotos(pixels_P, torch.tensor(SIZES), (channels, *size))


def test_a_net_sees_the_centres() -> None:
    kept, whole = store(), photos()
    assert (kept.shape, kept.dtype, kept.ndim, len(kept)) == ((4, 3, 14, 14), torch.uint8, 4, 4)
    assert kept.nbytes == sum(photo.nbytes for photo in whole)
    seen = kept[torch.tensor([1, 0, 3, 1])]
    assert seen.is_contiguous()
    assert torch.equal(seen[0], whole[1][8:22, 1:15].permute(2, 0, 1))
    assert torch.equal(seen[1], whole[0][1:15, 3:17].permute(2, 0, 1))
    assert torch.equal(seen[2], whole[3][2:16, 17:31].permute(2, 0, 1)), (
        "of 1.5 pixels above 2, as torchvision"
    )
    assert torch.equal(seen[3], seen[0])
    assert kept[torch.tensor([], dtype=torch.int64)].shape == (0, 3, 14, 14)


def test_crops_are_the_parts_that_the_boxes_say() -> None:
    kept, whole = store(), photos()
    boxes = torch.tensor([[0.5, 0.25, 0.5, 0.5], [0.0, 0.0, 1.0, 1.0], [0.99, 0.99, 0.001, 0.001]])
    crops = kept.crops(torch.tensor([0, 2, 1]), boxes, (8, 10))
    assert crops.shape == (3, 3, 8, 10)
    assert torch.equal(crops[0], whole[0][8:16, 5:15].permute(2, 0, 1)), "nothing is resized"
    shrunk = functional.interpolate(
        whole[2].permute(2, 0, 1)[None].float(), size=(8, 10), mode="bilinear", antialias=True
    )
    assert (crops[1].float() - shrunk[0]).abs().max() <= 1
    assert torch.equal(crops[2], whole[1][29, 15].view(3, 1, 1).expand(3, 8, 10)), "one pixel at least"


@pytest.mark.parametrize("channels", [1, 3, 4, 7])
def test_all_at_once_gives_what_one_by_one_gives(channels: int) -> None:
    kept, random = store(channels), torch.Generator().manual_seed(1)
    rows_B = torch.randint(0, 4, (40,), generator=random)
    extent_B2 = 0.1 + 0.9 * torch.rand(40, 2, generator=random)
    boxes_B4 = torch.cat([torch.rand(40, 2, generator=random) * (1 - extent_B2), extent_B2], dim=1)
    for size in ((14, 14), (5, 9), (30, 24)):
        parts = kept.crops(rows_B, boxes_B4, size)
        pixels = (boxes_B4.double() * torch.tensor(SIZES)[rows_B].repeat(1, 2)).round().long()
        pixels[:, 2:] = pixels[:, 2:].clamp(min=1)
        at_once = kept._at_once(rows_B, pixels, size)
        assert (parts.int() - at_once.int()).abs().max() <= 1, size
    seen = torch.tensor([[8, 1, 14, 14], [1, 3, 14, 14]])
    assert torch.equal(kept._at_once(torch.tensor([1, 0]), seen, (14, 14)), kept[torch.tensor([1, 0])])


def test_shrinking_averages_and_does_not_pick() -> None:
    board_HWC = (torch.arange(64).view(-1, 1, 1) + torch.arange(64).view(1, -1, 1)) % 2 * 255
    kept = WholePhotos(board_HWC.byte().flatten(), torch.tensor([[64, 64]]), (1, 8, 8))
    box = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    for parts in (
        kept.crops(torch.tensor([0]), box, (8, 8)),
        kept._at_once(torch.tensor([0]), torch.tensor([[0, 0, 64, 64]]), (8, 8)),
    ):
        assert (parts[:, :, 1:-1, 1:-1].int() - 127).abs().max() <= 3


def test_it_goes_to_a_device_as_a_tensor_does() -> None:
    kept = store()
    moved = kept.to(torch.device("meta"))
    assert moved.device.type == "meta"
    assert moved.shape == kept.shape
    assert kept.device.type == "cpu"


@pytest.mark.parametrize(
    ("sizes", "problem"),
    [([(13, 20)], "smaller"), ([(16, 20), (16, 20)], "values"), ([], "values")],
)
def test_sizes_that_do_not_fit_the_pixels_are_refused(sizes: list[tuple[int, int]], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        WholePhotos(torch.zeros(16 * 20 * 3, dtype=torch.uint8), torch.tensor(sizes).view(-1, 2), (3, 14, 14))
