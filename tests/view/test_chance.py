"""What is said of a net that ends at what guessing gives."""

from __future__ import annotations

import numpy as np
import torch

from pellucid.metrics.predictions import Predictions
from pellucid.view.chance import chance

NAMES = ("cat", "dog")


def of_classes(predicted: list[int], true: list[int]) -> Predictions:
    values = {"predicted": torch.tensor(predicted), "confidence": torch.ones(len(true))}
    return Predictions(torch.arange(len(true)), torch.tensor(true), values)


def of_targets(name: str, said_NK: np.ndarray, targets_NK: np.ndarray) -> Predictions:
    values, index_N = {name: torch.from_numpy(said_NK)}, torch.arange(len(said_NK))
    return Predictions(index_N, torch.full_like(index_N, -1), values, torch.from_numpy(targets_NK))


def test_classes() -> None:
    said = chance(of_classes([0] * 40, [0, 1] * 20), NAMES, {}, split="test")
    assert said == (
        "test/accuracy 0.50 is what guessing gives: all images are called cat; maps of this net mean nothing."
    )
    said = chance(of_classes([0, 0, 1, 0, 0] * 8, [0, 0, 0, 0, 1] * 8), NAMES, {}, split="val")
    assert said == (
        "val/accuracy 0.60 is what guessing gives: cat alone, the commonest class, would give 0.80; maps of "
        "this net mean nothing."
    )
    assert chance(of_classes([0, 1] * 20, [0, 1] * 20), NAMES, {}, split="test") == ""
    assert chance(of_classes([0, 0], [-1, -1]), NAMES, {}, split="test") == "", "of no known class"


def test_few_images_are_not_called_chance() -> None:
    said = chance(of_classes([0, 0, 0, 1], [0, 0, 1, 1]), NAMES, {}, split="test")
    assert said == "test/accuracy 0.75 of 4 images cannot be told from guessing, which gives 0.50."


def test_several_labels() -> None:
    targets_NK = np.array([[1, 0], [0, 1]] * 50, dtype=bool)
    said = chance(of_targets("scores", np.full((100, 2), 0.4), targets_NK), NAMES, {"map": 0.5}, split="test")
    assert said.startswith("test/map 0.50 is what guessing gives: images with a label score no higher")
    assert chance(of_targets("scores", targets_NK * 0.5, targets_NK), NAMES, {}, split="test") == ""


def test_numbers() -> None:
    true_NK = np.array([[1.0], [3.0]] * 10)
    said = chance(of_targets("numbers", np.full((20, 1), 2.0), true_NK), ["age"], {}, split="test")
    assert said == (
        "test/r2 0.00 is what guessing gives: the mean of the true numbers, 2, is as near for every image; "
        "maps of this net mean nothing."
    )
    said = chance(of_targets("numbers", true_NK + 5, true_NK), ["age"], {}, split="test")
    assert said == (
        "test/r2 −24.00: the mean of the true numbers, 2, is nearer, though what is predicted rises with the "
        "truth."
    )
    assert chance(of_targets("numbers", true_NK + 0.5, true_NK), ["age"], {}, split="test") == ""
