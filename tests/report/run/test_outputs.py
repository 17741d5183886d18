"""The page's section of labels and numbers."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from pellucid.metrics.predictions import Predictions
from pellucid.report.run.context import Context
from pellucid.report.run.outputs import MARGIN, SIDE, outputs

PIXELS, UNKNOWN = torch.zeros(3, 1, 2, 2, dtype=torch.uint8), torch.full((3,), -1)


def test_labels_and_the_worst(make_context: Callable[..., Context]) -> None:
    true = torch.tensor([[True, False], [True, True], [False, False]])
    scores = torch.tensor([[0.9, 0.2], [0.1, 0.7], [0.3, 0.4]])
    values = {"scores": scores, "has": scores > 0.5, "loss": torch.tensor([0.1, 0.9, 0.4])}
    predictions = Predictions(torch.arange(3), UNKNOWN, values, true, torch.tensor([0.5, 0.5]))
    evaluation = SimpleNamespace(predictions=predictions)
    section = outputs(make_context(nn.Flatten(), PIXELS, [0, 0, 1], evaluation=evaluation))
    assert [label.name for label in section.labels] == ["cat", "dog"]
    assert section.labels[0].f1 == pytest.approx(2 / 3)
    assert section.labels[1].precision == 1
    assert [(image.file, image.right, image.true) for image in section.worst] == [
        ("1.png", False, "cat, dog"),
        ("2.png", True, "none"),
        ("0.png", True, "cat"),
    ]
    assert section.worst[0].explained == "dog", "the likeliest label"
    assert section.ece is not None


def test_numbers_lie_on_one_scale(make_context: Callable[..., Context]) -> None:
    true = torch.tensor([[0.0, 5.0], [10.0, 5.0], [20.0, 5.0]])
    values = {
        "numbers": true + torch.tensor([[20.0, 0.0], [0, 0], [0, 0]]),
        "loss": torch.tensor([9.0, 0, 0]),
    }
    evaluation = SimpleNamespace(predictions=Predictions(torch.arange(3), UNKNOWN, values, true))
    section = outputs(make_context(nn.Flatten(), PIXELS, [0, 0, 1], evaluation=evaluation))
    first, second = section.panels
    assert first.name == "cat"
    assert [(x, y) for x, y, _ in first.points] == [
        (MARGIN, MARGIN),
        (SIDE / 2, SIDE / 2),
        (SIDE - MARGIN, MARGIN),
    ]
    assert first.points[0][2] == "0.png: true 0, predicted 20"
    assert ("10" in [text for _, text in first.x_ticks], len(second.points)) == (True, 3)
    assert section.heads == ("MAE", "RMSE", "mean error", "R²")
    assert section.worst[0].predicted == "cat 20, dog 5"
    assert section.ece is None
