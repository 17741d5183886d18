"""Which classes are taken for which: what is drawn and told."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pellucid.callbacks import confusion as module
from pellucid.callbacks.confusion import Confusion, cell
from pellucid.metrics.predictions import Predictions
from tests.callbacks.scene import Pen, autoencoder, classifier, multilabel, regression


def test_the_matrix_of_this_epochs_validation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "draw_confusion", pen := Pen())
    scene = classifier(tmp_path)
    view = Confusion(figures=scene.figures)
    assert scene.drawn(view) == [], "an epoch without validation"
    scene.host.predictions = Predictions(
        torch.arange(4), torch.tensor([0, 1, 0, 1]), {"predicted": torch.tensor([0, 1, 1, 1])}
    )
    assert scene.drawn(view) == ["confusion/epoch_0003.png"]
    (((matrix,), options),) = pen.calls
    assert matrix.counts_KK.tolist() == [[1, 1], [0, 2]]
    assert options["title"] == "Confusion matrix after epoch 3"
    assert options["note"].startswith("4 of 8 validation images, accuracy 0.7500; ")
    image, text = scene.board.noted
    assert image == ("image", "confusion", 7)
    assert text[2].splitlines()[2:] == [
        "| cat | 1.000 | 0.500 | 0.667 | 2 |",
        "| dog | 0.667 | 1.000 | 0.800 | 2 |",
    ]


def test_a_name_is_one_cell_of_a_table() -> None:
    assert cell("a|b\n") == "a\\|b "


def test_it_is_of_classifiers(tmp_path: Path) -> None:
    scene = autoencoder(tmp_path)
    view = Confusion(figures=scene.figures)
    assert view.reason(scene.at(view)) == "not a classifier"


def test_each_label_and_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "draw_labels", pen := Pen())
    scene, known = multilabel(tmp_path / "labels"), torch.full((2,), -1)
    view = Confusion(figures=scene.figures)
    true = torch.tensor([[True, False], [True, True]])
    values = {"scores": true.float(), "has": true}
    scene.host.predictions = Predictions(torch.arange(2), known, values, true, torch.tensor([0.5, 0.25]))
    assert scene.drawn(view) == ["labels/epoch_0003.png"]
    (((scores,), options),) = pen.calls
    assert scores.f1_K.tolist() == [1, 1]
    assert options["note"].startswith("2 of 8 validation images, on which thresholds were chosen")
    assert scene.board.noted[1][2].splitlines()[-1] == "| dog | 1.000 | 1.000 | 1.000 | 1.000 | 0.250 | 1 |"
    monkeypatch.setattr(module, "draw_numbers", pen := Pen())
    scene = regression(tmp_path / "numbers")
    view = Confusion(figures=scene.figures)
    numbers = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    scene.host.predictions = Predictions(torch.arange(2), known, {"numbers": numbers + 1}, numbers)
    assert scene.drawn(view) == ["numbers/epoch_0003.png"]
    (((predicted, true_NK, scores), _),) = pen.calls
    assert (predicted - true_NK).tolist() == [[1, 1], [1, 1]]
    assert scores.mae_K.tolist() == [1, 1]
