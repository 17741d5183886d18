"""Predictions of the reference images, and the most confident mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pellucid.callbacks import predictions as module
from pellucid.callbacks.predictions import Predictions
from pellucid.errors import UserError
from pellucid.metrics import predictions as metrics
from tests.callbacks.scene import Pen, autoencoder, classifier, multilabel, regression


def test_predictions_and_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "image_grid", pen := Pen())
    scene = classifier(tmp_path)
    view = Predictions(count=4, figures=scene.figures)
    assert scene.drawn(view) == ["predictions/epoch_0003.png"]
    (((pixels, captions), options),) = pen.calls
    assert pixels.shape == (4, 8, 8, 3)
    assert captions == ["dog 0.75\n(cat)"] * 2 + ["dog 0.75\n(dog)"] * 2
    assert options["right"] == [False, False, True, True]
    assert options["note"] == "predicted class, confidence (true class); 2 of 4 are right"
    values = {"predicted": torch.tensor([1, 1, 1]), "confidence": torch.tensor([0.6, 0.9, 0.8])}
    scene.host.predictions = metrics.Predictions(torch.tensor([0, 1, 2]), torch.tensor([0, 1, 0]), values)
    assert scene.drawn(view) == ["predictions/epoch_0003.png", "predictions/mistakes/epoch_0003.png"]
    (pixels, captions), options = pen.calls[-1]
    assert pixels[:, 0, 0, 0].tolist() == [50, 40], "the most confident first"
    assert captions == ["dog 0.80\n(cat)", "dog 0.60\n(cat)"]
    assert options["files"] == ["val/00002", "val/00000"]
    assert options["note"].endswith("; 2 mistakes in 3 of 8 validation images")


def test_wrong_options_and_nets_are_told(tmp_path: Path) -> None:
    scene = autoencoder(tmp_path)
    view = Predictions(figures=scene.figures)
    assert view.reason(scene.at(view)) == "not a classifier"
    with pytest.raises(UserError, match=r"callbacks\.predictions\.count=0: expected 1 to 200"):
        Predictions(count=0, figures=scene.figures)


def test_labels_and_numbers_and_the_worst(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "image_grid", pen := Pen())
    scene = multilabel(tmp_path / "labels")
    view = Predictions(count=8, figures=scene.figures)
    assert scene.drawn(view) == ["predictions/epoch_0003.png"]
    ((_, captions), options) = pen.calls[-1]
    assert sorted(set(captions)) == ["dog 0.75, cat 0.50\n(cat)", "dog 0.75, cat 0.50\n(cat, dog)"]
    assert sum(options["right"]) == 4
    assert options["note"] == "predicted labels, probability (true labels); 4 of 8 are right"
    scene = regression(tmp_path / "numbers")
    view = Predictions(count=2, figures=scene.figures)
    values = {"numbers": torch.tensor([[1.0, 2.0]] * 3), "loss": torch.tensor([0.1, 0.9, 0.5])}
    known = scene.host.images.targets[:3]
    scene.host.predictions = metrics.Predictions(torch.arange(3), torch.full((3,), -1), values, known)
    assert scene.drawn(view) == ["predictions/epoch_0003.png", "predictions/worst/epoch_0003.png"]
    (pixels, captions), options = pen.calls[-1]
    assert pixels[:, 0, 0, 0].tolist() == [45, 50], "the largest loss first"
    assert captions[0] == "cat 1 (45)\ndog 2 (90)"
    assert options["right"] == [None, None]
    assert pen.calls[-2][0][1][0].startswith("cat 17.5 (")
