"""Items of every form as pixels and labels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid.data.items import (
    Form,
    ItemError,
    Keys,
    bytes_of,
    described,
    parts_of,
    pixels_of,
    raw_of,
    shape_of,
)
from pellucid.discovery.normalization import Normalization
from pellucid.spec import Fit


@pytest.mark.parametrize(
    ("image", "shape"),
    [
        (np.zeros((5, 4), np.uint8), (1, 5, 4)),
        (np.zeros((5, 4, 3), np.uint8), (3, 5, 4)),
        (np.zeros((3, 5, 4), np.uint8), (3, 5, 4)),
        (np.zeros((40, 30, 13), np.float64), (13, 40, 30)),
        (torch.zeros(13, 40, 30), (13, 40, 30)),
        (torch.zeros(13, 8, 8), (13, 8, 8)),
        (np.zeros((8, 8, 13)), (13, 8, 8)),
        (np.zeros((13, 4, 4)), (13, 4, 4)),
        (torch.zeros(3, 5, 3), (3, 5, 3)),
        (np.zeros((3, 5, 3), np.int64), (3, 3, 5)),
        (torch.zeros(1, 8, 8, dtype=torch.bfloat16), (1, 8, 8)),
        (Image.new("L", (4, 5)), (1, 5, 4)),
        (Image.new("RGBA", (4, 5)), (3, 5, 4)),
        (Image.new("I;16", (4, 5)), (1, 5, 4)),
    ],
)
def test_where_the_channels_are(image: Any, shape: tuple[int, int, int]) -> None:
    assert shape_of(raw_of(image)) == shape


def test_black_and_white_is_black_and_white() -> None:
    raw = raw_of(np.array([[True, False]]))
    assert np.array_equal(np.asarray(raw), [[[255, 0]]])


@pytest.mark.parametrize("image", [None, "cat.png", np.zeros(3), np.zeros((1, 2, 3, 4)), np.zeros((0, 4))])
def test_what_is_no_image(image: Any) -> None:
    with pytest.raises(ItemError, match=r"has (the|an) image"):
        raw_of(image)


@dataclass
class Sample:
    target: int
    img: str


@pytest.mark.parametrize(
    ("item", "keys"),
    [
        ({"Image": "i", "label": 2}, Keys()),
        ({"left": "i", "kind": 2, "image": "x"}, Keys("left", "kind")),
        (Sample(2, "i"), Keys()),
    ],
)
def test_parts_by_their_names(item: Any, keys: Keys) -> None:
    assert parts_of(item, keys) == ("i", 2)


def test_a_part_that_is_missing_is_told() -> None:
    with pytest.raises(ItemError, match=r"has no label: its keys are image, id; expected one of label, lab"):
        parts_of({"image": "i", "id": 1}, Keys())
    with pytest.raises(ItemError, match="has no image: its keys are image; expected 'pic'"):
        parts_of({"image": "i"}, Keys("pic"))


def form(channels: int = 1, *, photos: bool = False, mean: tuple[float, ...] = ()) -> Form:
    undone = Normalization(mean, (0.5,), "by hand") if mean else None
    return Form((channels, 2, 2), photos, Fit(), undone)


def test_a_normalization_is_undone() -> None:
    raw = raw_of(torch.tensor([[[-1.0, 1.0], [0.0, 0.5]]]))
    assert pixels_of(raw, form(mean=(0.5,))).tolist() == [[[0, 255], [128, 191]]]
    with pytest.raises(ItemError, match="has values from 0 to 9, beyond black and white"):
        pixels_of(np.array([[[0, 9], [0, 0]]], np.float32), form(mean=(0.5,)))


def test_pillows_images_are_brought_to_the_size() -> None:
    wide = Image.new("RGB", (30, 2), "red")
    assert pixels_of(wide, form(3, photos=True)).tolist() == [[[255] * 2] * 2, [[0] * 2] * 2, [[0] * 2] * 2]


def test_all_that_decides_an_image_is_in_its_bytes() -> None:
    images = [np.zeros((1, 2, 3), np.uint8), np.zeros((1, 3, 2), np.uint8), np.ones((1, 2, 3), np.uint8)]
    of_pillow = [Image.new("L", (3, 2)), Image.new("RGB", (3, 2))]
    assert len({bytes_of(raw_of(image)) for image in [*images, *of_pillow]}) == 5


def test_an_error_is_told_with_its_place() -> None:
    with pytest.raises(AssertionError) as caught:
        raise AssertionError
    assert re.match(r"AssertionError \(.*test_items.py, line \d+\)$", described(caught.value))
