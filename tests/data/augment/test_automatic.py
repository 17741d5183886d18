"""Policies: every operation and strength is chosen as often, and does what torchvision's does."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode, TrivialAugmentWide
from torchvision.transforms.v2 import functional as theirs

from pellucid.data.augment.automatic import MEMBERS, Rand, Trivial, members

BILINEAR = InterpolationMode.BILINEAR
NAMES = {  # torchvision's
    **{name: "".join(part.title() for part in name.split("_")) for name in MEMBERS},
    "saturation": "Color",
    "autocontrast": "AutoContrast",
}


def pictures(count: int, channels: int = 3) -> Tensor:
    images = torch.rand(count, channels, 64, 64, generator=torch.Generator().manual_seed(0))
    return (images * 255).round() / 255


def test_the_operations_are_those_of_the_paper() -> None:
    assert [NAMES[name] for name in MEMBERS if name not in ("saturation", "contrast")] == [
        name for name in TrivialAugmentWide._AUGMENTATION_SPACE if name not in ("Color", "Contrast")
    ]
    assert members(3) == list(MEMBERS)
    assert [name for name in MEMBERS if name not in members(1)] == ["saturation"]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", MEMBERS)
def test_each_is_torchvisions_of_the_same_strength(name: str, channels: int) -> None:
    names = members(channels)
    if name not in names:
        pytest.skip("of RGB alone")
    choice = (names.index(name) + 0.5) / len(names)
    bins, signs = (0, 7, 30), (0.2, 0.8)
    rows = [(choice, (bin + 0.5) / 31, sign) for bin in bins for sign in signs]
    images = pictures(len(rows), channels)
    out = Trivial()(images, torch.tensor(rows))
    levels, signed = TrivialAugmentWide._AUGMENTATION_SPACE[NAMES[name]]
    magnitudes = levels(31, 64, 64)
    for image, changed, (bin, sign) in zip(images, out, [(b, s) for b in bins for s in signs], strict=True):
        magnitude = 0.0 if magnitudes is None else float(magnitudes[bin])
        magnitude = -magnitude if signed and sign < 0.5 else magnitude
        policy = TrivialAugmentWide(interpolation=BILINEAR)
        expected = policy._apply_image_or_video_transform(
            image, NAMES[name], magnitude, BILINEAR, {Tensor: None}
        )
        torch.testing.assert_close(changed, expected, atol=2e-5, rtol=0)


def test_every_operation_is_as_likely() -> None:
    count = 14 * 31
    numbers = torch.zeros(count, 3)
    numbers[:, 0] = (torch.arange(count) + 0.5) / count
    numbers[:, 1] = 0.5
    images = pictures(1)[..., :20, :20].expand(count, 3, 20, 20)
    out = Trivial()(images, numbers)
    kinds, counts = torch.unique(out.flatten(1), dim=0, return_counts=True)
    assert (len(kinds), counts.tolist()) == (14, [31] * 14)


def test_less_strength_changes_less() -> None:
    images, numbers = pictures(2), torch.tensor([[5.5 / 14, 0.99, 0.9]] * 2)  # rotated by 135°, or a tenth
    expected = theirs.rotate(images, 13.5, BILINEAR)
    torch.testing.assert_close(Trivial(strength=0.1)(images, numbers), expected, atol=1e-5, rtol=0)


def test_small_images_are_moved_by_half_at_most() -> None:
    images = torch.ones(1, 1, 8, 8)
    out = Trivial()(images, torch.tensor([[3.5 / 13, 0.99, 0.9]]))
    assert out[0, 0, 0].tolist() == [0] * 4 + [1] * 4


def test_rand_does_so_many_one_after_another() -> None:
    images = pictures(1)
    numbers = torch.tensor([[5.5 / 14, 0.9, 11.5 / 14, 0.0]])  # rotate, then solarize
    out = Rand(operations=2, magnitude=15)(images, numbers)
    expected = theirs.solarize(theirs.rotate(images, 15.0, BILINEAR), 0.5)
    assert float((out - expected).abs().gt(1e-4).float().mean()) < 0.001, "apart from pixels at the threshold"
    still = Rand(operations=1, magnitude=0)(images, torch.tensor([[5.5 / 14, 0]]))
    torch.testing.assert_close(still, images, atol=1e-4, rtol=0)
    assert Rand(operations=3).numbers == 6
