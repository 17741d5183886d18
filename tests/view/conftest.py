"""Predictors of nets whose answers are known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pellucid.inside.predictor import Predictor
from pellucid.spec import Spec


def classify(images_BCHW: Tensor, output: Tensor, labels_B: Tensor | None) -> dict[str, Tensor]:
    probabilities_BK = output.softmax(dim=1)
    confidence_B, predicted_B = probabilities_BK.max(dim=1)
    return {"predicted": predicted_B, "confidence": confidence_B, "probabilities": probabilities_BK}


@pytest.fixture
def make_predictor() -> Callable[[nn.Module], Predictor]:
    """Of a classifier of grey images of 2 × 2 as cat or dog, which takes pixels in [0, 1]."""
    spec = Spec((1, 2, 2), ("cat", "dog"), (0.0,), (1.0,), "none")

    def make(net: nn.Module) -> Predictor:
        return Predictor(net.eval(), spec, torch.device("cpu"), classify)

    return make
