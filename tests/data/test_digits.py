"""The digits of scikit-learn."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits

from tests.data.build import make, read


def test_all_1797_images_are_used() -> None:
    splits = read("digits").splits
    assert {name: len(split) for name, split in splits.items()} == {"train": 1259, "val": 179, "test": 359}


def test_sixteen_is_white_and_eight_is_grey() -> None:
    split = read("digits").splits["train"]
    pixels, labels = load_digits(return_X_y=True)
    row = int(split.rows_N[0])
    expected = (torch.from_numpy(pixels[row]) * 255 / 16).round().to(torch.uint8).view(1, 1, 8, 8)
    assert torch.equal(split.images(torch.tensor([0])), expected)
    assert int(split.labels_N[0]) == labels[row]


@pytest.mark.parametrize("given", [{}, {"seed": 3}, {"test_fraction": 0.6}])
def test_mean_and_deviation_are_those_of_the_training_images_alone(given: dict[str, Any]) -> None:
    spec, train = make("digits", **given).spec, read("digits", **given).splits["train"]
    pixels, _ = load_digits(return_X_y=True)
    trained = pixels[train.rows_N]
    assert spec.mean[0] == pytest.approx(trained.mean() / 16, abs=5e-4)
    assert spec.std[0] == pytest.approx(trained.std() / 16, abs=5e-4)
    assert spec.statistics == f"its {len(train):,} training images"
