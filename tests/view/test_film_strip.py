"""The strip of an image by hand."""

from __future__ import annotations

import numpy as np
import torch

from pellucid.view.film_strip import strip


def test_the_strip_of_a_classified_image() -> None:
    frames = [
        {
            "predicted": np.array([0, 1]),
            "confidence": np.array([0.6, 0.75]),
            "map/a map 0": np.full((2, 1, 1), 1.0),
        },
        {
            "predicted": np.array([0, 0]),
            "confidence": np.array([0.7, 0.5]),
            "map/a map 0": np.full((2, 1, 1), 2.0),
        },
    ]
    seen = strip(frames, 1, 1)
    assert seen.predicted == [1, 0]
    assert seen.confidence == [0.75, 0.5]
    assert seen.right == [True, False]
    assert seen.errors is None
    assert seen.rows["map/a map 0"].tolist() == [[[1.0]], [[2.0]]]


def test_the_strip_of_a_reconstruction() -> None:
    frames = [{"mse": np.array([0.5]), "image/reconstruction": np.zeros((1, 1, 1, 1), np.uint8)}]
    seen = strip(frames, 0, 0)
    assert seen.errors == [0.5]
    assert seen.predicted is None
    assert seen.right == [None]


def test_the_strips_of_labels_and_numbers() -> None:
    scores = np.array([[0.9, 0.2], [0.9, 0.8]])
    frames = [{"scores": scores, "has": scores > cut} for cut in (0.1, 0.5)]
    seen = strip(frames, 0, -1, torch.tensor([True, False]))
    assert seen.right == [False, True]
    assert seen.outputs["has"].tolist() == [[True, True], [True, False]]
    assert seen.predicted is None
    (numbers,) = strip([{"numbers": np.array([[1.0], [2.0]])}], 1, -1, torch.tensor([2.5])).outputs.values()
    assert numbers.tolist() == [[2]]
