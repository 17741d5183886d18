"""Versions of images by hand, and a net that is asked for them as a plain loop asks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid.errors import UserError
from pellucid.inside.tta import (
    VERSIONS,
    AugmentedNet,
    check_tta,
    mean,
    mean_sigmoid,
    mean_softmax,
    versions,
)


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3)).eval()


@pytest.fixture
def images() -> Tensor:
    return torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def test_positions_by_hand() -> None:
    row = torch.arange(8.0)
    image = (10 * row.view(8, 1) + row).view(1, 1, 8, 8)  # tens: the row; ones: the column
    centre, upper_left, upper_right, lower_left, lower_right = versions(image, "five")
    assert torch.equal(centre, image)
    assert upper_left[0, 0, 0].tolist() == [11, 10, 11, 12, 13, 14, 15, 16], "one pixel of 8, by reflection"
    assert upper_right[0, 0, 0].tolist() == [11, 12, 13, 14, 15, 16, 17, 16]
    assert lower_left[0, 0, -1].tolist() == [61, 60, 61, 62, 63, 64, 65, 66]
    assert lower_right[0, 0, :, 0].tolist() == [11, 21, 31, 41, 51, 61, 71, 61]
    assert torch.equal(lower_right[..., :7, :7], image[..., 1:, 1:])


def test_each_has_as_many_as_it_says_and_the_image_first(images: Tensor) -> None:
    for tta, count in VERSIONS.items():
        found = list(versions(images, tta))
        assert len(found) == count
        assert torch.equal(found[0], images)
        assert all(each.shape == images.shape for each in found)
    ten = list(versions(images, "ten"))
    assert all(torch.equal(ten[i + 1], ten[i].flip(-1)) for i in range(0, 10, 2))
    five = list(versions(images, "five"))
    assert all(map(torch.equal, ten[::2], five))
    (wide, *_), size = versions(torch.zeros(1, 1, 16, 32), "five"), torch.Size((1, 1, 16, 32))
    assert wide.shape == size


def test_it_is_a_plain_loop(net: nn.Module, images: Tensor) -> None:
    with torch.no_grad():
        found = AugmentedNet(net, tta="flip", pool=mean_softmax)(images).softmax(dim=1)
        expected = (net(images).softmax(dim=1) + net(images.flip(-1)).softmax(dim=1)) / 2
        assert torch.allclose(found, expected, atol=1e-6)
        halved = AugmentedNet(net, tta="none", pool=mean, temperature=2.0)(images)
        assert torch.equal(halved, net(images) / 2)
        assert torch.equal(AugmentedNet(net, tta="none", pool=mean)(images), net(images))


def test_each_image_is_by_itself(net: nn.Module, images: Tensor) -> None:
    augmented = AugmentedNet(net, tta="ten", pool=mean_softmax)
    with torch.no_grad():
        alone = torch.cat([augmented(image) for image in torch.split(images, 1)])
        assert torch.allclose(augmented(images), alone, atol=1e-5)


def test_a_net_symmetric_under_flip_stays_as_it_is(images: Tensor) -> None:
    torch.manual_seed(0)
    symmetric = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 3)).eval()
    with torch.no_grad():
        plain = symmetric(images)
        found = AugmentedNet(symmetric, tta="flip", pool=mean_softmax)(images)
    assert torch.allclose(found.softmax(dim=1), plain.softmax(dim=1), atol=1e-6)
    assert not torch.allclose(symmetric(images[:, :, :4]), plain), "it does look at the image"


def test_means_of_probabilities() -> None:
    scores = torch.tensor([[[0.0, 200.0]], [[3.0, 0.0]]])  # as scores the mean would be of the first alone
    shares = scores.softmax(dim=2).mean(dim=0)
    assert torch.allclose(mean_softmax(scores).softmax(dim=1), shares)
    assert torch.allclose(mean_sigmoid(scores).sigmoid(), scores.sigmoid().mean(dim=0))
    assert torch.equal(mean(scores), scores.mean(dim=0))
    assert mean_softmax(torch.full((2, 1, 3), -1e4)).isfinite().all()
    assert mean_sigmoid(torch.full((2, 1, 3), -1e4)).isfinite().all()


def test_mistakes_are_told() -> None:
    with pytest.raises(UserError, match="tta=flop: expected none, flip, five or ten"):
        check_tta("flop")
    with pytest.raises(UserError, match="tta=five: images of 1 × 8 pixels have no corners"):
        list(versions(torch.zeros(1, 1, 1, 8), "five"))
    with pytest.raises(UserError, match="tta=flip: images of 8 × 1 pixels have no mirror images"):
        list(versions(torch.zeros(1, 1, 8, 1), "flip"))
    assert len(list(versions(torch.zeros(1, 1, 1, 8), "flip"))) == 2
