"""Predictions of images by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pellucid.inside.images import Images
from pellucid.inside.predictor import Predictor
from pellucid.metrics.predictions import Predictions
from pellucid.view.predictions import (
    broken,
    likeliest,
    name_classes,
    output_columns,
    predict_images,
    predicted_texts,
    target_texts,
)


class Bright(nn.Module):
    """Class 1 has three times the odds where the upper left pixel is white, else a third."""

    def forward(self, images_BCHW: Tensor) -> Tensor:
        odds_B = (2 * images_BCHW[:, 0, 0, 0] - 1) * torch.tensor(3.0).log()
        return torch.stack([torch.zeros_like(odds_B), odds_B], dim=1)


def test_predictions_of_images(make_predictor: Callable[[nn.Module], Predictor]) -> None:
    pixels_BCHW = torch.zeros(2, 1, 2, 2, dtype=torch.uint8)
    pixels_BCHW[1] = 255
    images = Images(pixels_BCHW, torch.tensor([1, 1]), ("a.png", "b.png"), ("dog", "dog"))
    found = predict_images(make_predictor(Bright()), images)
    assert found.captions == ["cat 0.75\n(dog)", "dog 0.75\n(dog)"]
    assert found.right == [False, True]


def test_the_likeliest_classes() -> None:
    ((first, second),) = likeliest(torch.tensor([[0.2, 0.5, 0.3]]), ("a", "b", "c"), 2)
    assert (first[0], second[0]) == ("b", "c")
    assert [first[1], second[1]] == pytest.approx([0.5, 0.3])
    assert len(likeliest(torch.tensor([[0.2, 0.8]]), ("a", "b"), 5)[0]) == 2


def test_labels_and_numbers_in_words() -> None:
    scores = torch.tensor([[0.3, 0.9], [0.1, 0.2]])
    values = {"scores": scores, "has": scores > 0.25}
    assert predicted_texts(values, ("cat", "dog")) == ["dog 0.90, cat 0.30", "none: dog 0.20"]
    assert target_texts(values["has"], ("cat", "dog")) == ["cat, dog", "none"]
    assert predicted_texts({"numbers": torch.tensor([[-34.25]])}, ("angle",)) == ["−34.25"]
    assert target_texts(torch.tensor([[1.5, -2.0]]), ("x", "y")) == ["x 1.5, y −2"]
    assert broken("circle 0.97, square 0.61, ring 0.50") == "circle 0.97,\nsquare 0.61, ring 0.50"


def test_columns_of_a_table() -> None:
    scores = torch.tensor([[0.25, 0.75]])
    (row,) = output_columns({"scores": scores, "has": scores > 0.5}, ("file", "dog"))
    assert row == {"labels": "dog", "file_": 0.25, "dog": 0.75}
    assert output_columns({"numbers": torch.tensor([[2.0]])}, ("angle",)) == [{"angle": 2.0}]


def test_predictions_of_known_labels_and_numbers_by_name() -> None:
    true = torch.tensor([[True, False], [True, True]])
    values = {"scores": true.float(), "has": torch.tensor([[True, False], [True, False]])}
    found = name_classes(Predictions(torch.arange(2), torch.full((2,), -1), values, true), ("cat", "dog"))
    assert (found.true, found.right) == (["cat", "cat, dog"], [True, False])
    numbers = {"numbers": torch.tensor([[1.0]])}
    found = name_classes(
        Predictions(torch.arange(1), torch.tensor([-1]), numbers, torch.tensor([[2.0]])), ("angle",)
    )
    assert found.captions == ["1\n(2)"]
    assert found.right == [None]


def test_several_numbers_have_a_line_each() -> None:
    predicted = {"numbers": torch.tensor([[-3.3064, 1.23456e7]])}
    true = torch.tensor([[22.86, 5e6]])
    found = name_classes(Predictions(torch.arange(1), torch.tensor([-1]), predicted, true), ("tilt", "size"))
    assert found.captions == ["tilt −3.31 (22.9)\nsize 1.23e7 (5e6)"]
    assert found.predicted == ["tilt −3.306, size 1.235e7"]
