"""Changes of values: by numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pellucid.data.augment.color import Blur, Color, Grey

RED = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)


def of_red(operation: Color | Grey, *numbers: float) -> list[float]:
    out: Tensor = operation(RED.expand(1, 3, 2, 2), torch.tensor([numbers]))
    return [round(value, 4) for value in out[0, :, 0, 0].tolist()]


def test_each_part_of_colour_jitter_has_a_number_of_its_own() -> None:
    off = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0, "probability": 1.0}
    assert of_red(Color(**{**off, "brightness": 0.4}), 0, 0, 0.5, 0.5, 0.5) == [0.6, 0, 0]
    # Grey of pure red is 0.2989, here also the mean of all pixels.
    assert of_red(Color(**{**off, "contrast": 0.4}), 0, 0.5, 0, 0.5, 0.5) == [0.7196, 0.1196, 0.1196]
    assert of_red(Color(**{**off, "saturation": 0.4}), 0, 0.5, 0.5, 0, 0.5) == [0.7196, 0.1196, 0.1196]
    assert of_red(Color(**{**off, "hue": 0.5}), 0, 0.5, 0.5, 0.5, 0) == [0, 1, 1]


def test_colour_stays_where_the_number_is_not_below_the_probability() -> None:
    assert of_red(Color(), 0.8, 0, 0, 0, 0) == [1, 0, 0]
    assert of_red(Color(), 0.79, 0, 0, 0, 0) != [1, 0, 0]


@pytest.mark.parametrize("channels", [1, 2, 13])
def test_of_other_channels_brightness_and_contrast_alone(channels: int) -> None:
    images = torch.rand(1, channels, 4, 4, generator=torch.Generator().manual_seed(0))
    numbers = torch.tensor([[0.0, 0.5, 0.5, 0.0, 0.0]])
    assert torch.equal(Color()(images, numbers), images)
    assert not torch.equal(Color()(images, torch.zeros(1, 5)), images)
    assert torch.equal(Grey()(images, torch.zeros(1, 1)), images)


def test_grey_is_the_brightness_that_is_seen() -> None:
    assert of_red(Grey(), 0.09) == [0.2989] * 3
    assert of_red(Grey(), 0.1) == [1, 0, 0]


def test_blur_spreads_a_point_by_its_sigma() -> None:
    point = torch.zeros(1, 1, 21, 21)
    point[..., 10, 10] = 1
    out = Blur(sigma=(2.0, 2.0))(point, torch.zeros(1, 2))[0, 0]
    x = torch.arange(21.0) - 10
    assert float(out.sum()) == pytest.approx(1, abs=1e-5)
    assert float((out.sum(dim=0) * x**2).sum()) == pytest.approx(4, abs=0.15)  # cut off at 3 sigma
    assert torch.equal(Blur()(point, torch.tensor([[0.5, 0.5]])), point)
