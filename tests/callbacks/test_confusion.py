"""Which classes are taken for which: what is drawn and told."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pellucid.callbacks import confusion as module
from pellucid.callbacks.confusion import Confusion, cell
from pellucid.metrics.predictions import Predictions
from tests.callbacks.scene import Pen, autoencoder, classifier


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
