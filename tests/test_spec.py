"""The spec's arithmetic."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch

from pellucid.spec import Spec, is_range_of, prepare

SPEC = Spec(
    image_shape=(2, 4, 4),
    classes=("a", "b"),
    mean=(0.5, 0.25),
    std=(0.25, 0.5),
    statistics="made up",
)


def test_normalising_by_hand() -> None:
    pixels = torch.tensor([[[[255, 0]], [[255, 0]]]], dtype=torch.uint8)
    expected = torch.tensor([[[[2.0, -2.0]], [[1.5, -0.5]]]])  # (1 - .5) / .25, (0 - .5) / .25, …
    torch.testing.assert_close(SPEC.normalise(pixels), expected)


def test_denormalising_by_hand() -> None:
    images = torch.tensor([[[[2.0, -2.0]], [[1.5, -0.5]]]])
    expected = torch.tensor([[[[1.0, 0.0]], [[1.0, 0.0]]]])
    torch.testing.assert_close(SPEC.denormalise(images), expected)


def test_what_lies_beyond_black_and_white_is_clamped() -> None:
    out = SPEC.denormalise(torch.tensor([[[[9.0, -9.0]], [[9.0, -9.0]]]]))
    assert out.flatten().tolist() == [1, 0, 1, 0]


def test_all_256_values_come_back() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 2, 16, 16)
    back = SPEC.denormalise(SPEC.normalise(pixels)) * 255
    assert torch.equal(back.round().to(torch.uint8), pixels)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_normalising_leaves_its_input_as_it_was(dtype: torch.dtype) -> None:
    pixels = torch.full((1, 2, 2, 2), 100, dtype=dtype)
    SPEC.normalise(pixels)
    assert torch.equal(pixels, torch.full((1, 2, 2, 2), 100, dtype=dtype))


def test_a_spec_survives_plain_containers() -> None:
    plain = json.loads(json.dumps(SPEC.to_dict()))
    assert Spec.from_dict(plain) == SPEC


def test_another_size_changes_the_shape_alone() -> None:
    larger = SPEC.at_size(9)
    assert larger.image_shape == (2, 9, 9)
    assert larger.at_size(4) == SPEC


def test_statistics_serve_gradients_after_an_evaluation() -> None:
    spec = Spec(image_shape=(1, 2, 2), classes=("a",), mean=(0.123,), std=(0.456,), statistics="made up")
    with torch.inference_mode():
        spec.normalise(torch.zeros(1, 1, 2, 2))
    images = torch.zeros(1, 1, 2, 2, requires_grad=True)
    spec.denormalise(images + 0.5).sum().backward()  # type: ignore[no-untyped-call]
    assert images.grad is not None


def test_bicubic_stays_within_what_pixels_can_be() -> None:
    pixels = torch.zeros(1, 1, 4, 4, dtype=torch.uint8)
    pixels[..., 2:] = 255
    plain = Spec((1, 8, 8), ("a", "b"), (0.0,), (1.0,), "none")
    sharp = prepare(pixels, replace(plain, resample="bicubic"))
    assert not torch.allclose(sharp, prepare(pixels, plain))
    assert sharp.min() >= 0
    assert sharp.max() <= 1


@pytest.mark.parametrize("odd", [{"resample": "nearest"}, {"crop": 0.0}, {"crop": 1.5}])
def test_a_fit_that_cannot_be(odd: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not the spec"):
        replace(Spec((1, 8, 8), ("a", "b"), (0.0,), (1.0,), "none"), **odd).check()


def test_height_and_width_may_differ() -> None:
    assert SPEC.at_size((6, 9)).image_shape == (2, 6, 9)
    assert SPEC.at_size(6).image_shape == (2, 6, 6)
    assert prepare(torch.zeros(1, 2, 4, 4, dtype=torch.uint8), SPEC.at_size([6, 9])).shape == (1, 2, 6, 9)


@pytest.mark.parametrize(
    ("bands", "text"),
    [
        ((), ""),
        ((1,), "shown: channel 1"),
        ((1, 0, 1), "shown: channels 1, 0, 1 as RGB"),
        ((0.5,) * 9, "shown: the first 3 principal components of 2 channels"),
    ],
)
def test_how_channels_are_shown_is_kept_and_said(bands: tuple[float, ...], text: str) -> None:
    spec = replace(SPEC, bands=bands)
    spec.check()
    assert Spec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert spec.shown_as == text
    assert spec.noted("a note") == ("a note" if not text else f"a note; {text}")
    assert spec.noted("A note.") == ("A note." if not text else f"A note. {text}")


def test_a_spec_of_before_there_were_bands_is_read() -> None:
    values = {name: value for name, value in SPEC.to_dict().items() if name != "bands"}
    assert Spec.from_dict(values) == SPEC


@pytest.mark.parametrize("bands", [(2,), (0, 1), (0, 1, -1), (0.5, 0, 1), (0.5,) * 8, (float("nan"),) * 9])
def test_bands_that_are_none(bands: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="not the spec"):
        replace(SPEC, bands=bands).check()


def test_a_range_is_of_all_channels_or_of_each() -> None:
    assert is_range_of((0, 1), 2)
    assert is_range_of((0, 1, 2, 3), 2)
    assert not is_range_of((0, 1, 2, 3), 3)
    assert not is_range_of((0, 1, 3, 2), 2)
    assert not is_range_of("auto", 2)
    replace(SPEC, value_range=(0, 1, 2, 3)).check()
