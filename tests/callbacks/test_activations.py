"""Scalars and histograms of every layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.callbacks.activations import Activations
from pellucid.errors import UserError
from tests.callbacks.drawn import events
from tests.callbacks.scene import convolutional


def test_scalars_and_histograms_of_every_layer(classifier: Path) -> None:
    read = events(classifier)
    tags = read.Tags()
    layers = ["features.0", "features.2", "features.4", "features.6", "classifier.1", "classifier.3", "head"]
    for layer in layers:
        for kind in ("mean", "std", "dead"):
            values = [event.value for event in read.Scalars(f"activations/{kind}/{layer}")]
            assert len(values) == 2
            assert np.isfinite(values).all()
        assert f"activations/{layer}" in tags["histograms"]
    weighty = [layer for layer in layers if layer not in ("features.2", "features.6")]
    for layer in weighty:
        assert [event.value > 0 for event in read.Scalars(f"gradients/norm/{layer}")] == [True, True]
        assert len(read.Histograms(f"weights/{layer}")) == 2
        assert len(read.Histograms(f"weights/{layer}")[0].histogram_value.bucket) <= 66
    assert {"filters/change/features.0", "filters/change/features.4"} <= set(tags["scalars"])
    kept = (classifier / "csv" / "metrics.csv").read_text()
    assert "activations/dead/features.2" in kept, "every logger gets them"
    assert "confusion/text_summary" in tags["tensors"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": ["x"]}, "no layer named 'x'"),
        ({"layers": "all"}, "expected auto or a list"),
        ({"histogram_every_n_epochs": 0}, r"histogram_every_n_epochs=0: expected at least 1"),
    ],
)
def test_wrong_options_are_told(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    scene = convolutional(tmp_path)
    with pytest.raises(UserError, match=message):
        (view := Activations(**options, figures=scene.figures)).reason(scene.at(view))
