"""The threshold below which a net abstains, and what is said of it."""

from __future__ import annotations

import pytest
import torch

from pellucid.engine.threshold import _selection, check_threshold, facts, told
from pellucid.errors import UserError
from pellucid.metrics.predictions import Predictions


def predictions_of(confidence_N: torch.Tensor, right_N: torch.Tensor) -> Predictions:
    values = {"predicted": torch.where(right_N, 0, 1), "confidence": confidence_N}
    return Predictions(torch.arange(len(right_N)), torch.zeros(len(right_N)).long(), values)


def test_a_given_one_is_told_with_coverage_and_risk() -> None:
    confidence_N = torch.tensor([0.95, 0.92, 0.91, 0.85, 0.7, 0.6, 0.99, 0.97, 0.55, 0.5])
    right_N = torch.tensor([1, 1, 0, 1, 1, 0, 1, 1, 0, 1]).bool()
    chosen = _selection(predictions_of(confidence_N, right_N), 0.9, 0.05)
    assert told(chosen, None) == (
        "Threshold 0.9000 of uncalibrated confidences: on 10 validation images coverage 50.0 % (5 images), "
        "risk 20.0 % (1 wrong; 95 % interval 3.6 % to 62.4 %)."
    )
    assert facts(chosen)["coverage"] == 0.5
    assert facts(chosen)["guaranteed_risk"] is None
    assert "none is so sure" in told(_selection(predictions_of(confidence_N, right_N), 0.999, 0.05), None)


def test_one_that_is_chosen_is_told_with_its_guarantee() -> None:
    confidence_N = torch.linspace(0.5, 1, 1000)
    chosen = _selection(predictions_of(confidence_N, confidence_N > 0.65), "auto", 0.05)
    assert chosen.guaranteed is not None
    assert chosen.guaranteed <= 0.05
    assert "With 95 % confidence at most" in told(chosen, None)
    assert "SGR" in told(chosen, None)


def test_mistakes_are_told_with_numbers() -> None:
    for threshold, classes, message in (
        (0.3, 2, r"threshold=0.3: expected 0.5 up to below 1, .* 2 classes has at least 1/2"),
        (0.05, 10, r"expected 0.1 up to below 1"),
        (1.0, 10, r"threshold=1.0: expected"),
        (0.9, 1, r"one class, which is always certain"),
    ):
        with pytest.raises(UserError, match=message):
            check_threshold(threshold, 0.05, classes)
    check_threshold(0.5, 0.05, 2)
    with pytest.raises(UserError, match="risk=2: expected more than 0 and less than 1"):
        check_threshold("auto", 2, 2)
    confidence_N = torch.linspace(0.5, 1, 20)
    with pytest.raises(UserError, match=r"20 validation images cannot show that .*; risk=0\.\d+ is"):
        _selection(predictions_of(confidence_N, confidence_N > 0), "auto", 0.01)
    with pytest.raises(UserError, match="20 of 20 validation images get a confidence that is no number"):
        _selection(predictions_of(confidence_N * torch.nan, confidence_N > 0), 0.9, 0.01)
