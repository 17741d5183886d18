"""What two nets' predictions of the same images have in common, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.inside.images import Images
from pellucid.inside.predictor import Predictor
from pellucid.metrics.predictions import Predictions
from pellucid.spec import Spec
from pellucid.view.comparison import (
    better_reconstructed,
    disagreements,
    layer_grams,
    layer_similarity,
    paired_test,
)


def predictions(predicted: list[int], confidence: list[float]) -> Predictions:
    count = len(predicted)
    values = {"predicted": torch.tensor(predicted), "confidence": torch.tensor(confidence)}
    return Predictions(torch.arange(count), torch.zeros(count, dtype=torch.int64), values)


def test_who_is_right_alone() -> None:
    first = predictions([0, 0, 0, 1, 1], [0.9] * 5)
    second = predictions([0, 1, 1, 0, 1], [0.9] * 5)
    test = paired_test(first, second)
    assert (test.images, test.only_first, test.only_second, test.both_right) == (5, 2, 1, 1)
    assert test.p == pytest.approx(1)
    low, high = test.interval
    assert low < -0.2 < high


def test_without_classes_the_smaller_loss_is_the_better() -> None:
    both = [
        Predictions(torch.arange(3), torch.zeros(3), {"loss": torch.tensor(losses)})
        for losses in ([1.0, 2.0, 3.0], [1.0, 3.0, 4.0])
    ]
    test = paired_test(*both)
    assert (test.only_first, test.only_second, test.both_right) == (2, 0, None)
    assert test.p == pytest.approx(0.5)


def test_the_surest_disagreements_come_first() -> None:
    first = predictions([0, 1, 1, 0], [0.5, 0.9, 0.9, 1.0])
    second = predictions([1, 0, 1, 1], [0.8, 0.8, 0.9, 0.1])
    assert disagreements([first, second]).tolist() == [1, 0, 3]


def test_the_greatest_gains_of_a_net_come_first() -> None:
    errors, others = np.array([1.0, 1.0, 1.0, 1.0]), np.array([2.0, 1.0, 4.0, 0.0])
    assert better_reconstructed(errors, others, 3).tolist() == [2, 0]
    assert better_reconstructed(others, errors, 3).tolist() == [3]


def test_a_layer_is_like_itself_scaled() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 4), nn.Linear(4, 4)).eval()
    net[2].weight.data, net[2].bias.data = 2 * torch.eye(4), torch.zeros(4)
    spec = Spec(image_shape=(1, 2, 2), classes=("a",), mean=(0.0,), std=(1.0,), statistics="none")
    predictor = Predictor(net, spec, torch.device("cpu"), lambda images, output, labels: {})
    pixels = torch.arange(24, dtype=torch.uint8).view(6, 1, 2, 2) ** 2
    images = Images(pixels, torch.zeros(6), [str(i) for i in range(6)], ["a"] * 6)
    grams = layer_grams(predictor, ["1", "2"], [images])
    assert layer_similarity(grams, grams) == pytest.approx(np.ones((2, 2)))
    assert layer_similarity(grams, {}).shape == (2, 0)
