"""Images and what the net makes of them, the best and the worst."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from pellucid.callbacks import reconstructions as module
from pellucid.callbacks.reconstructions import Reconstructions
from pellucid.errors import UserError
from tests.callbacks.scene import Pen, autoencoder, classifier


def test_of_black_images_the_brightest_are_the_worst(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    black = nn.Conv2d(1, 1, 1)
    for parameter in black.parameters():
        parameter.data.zero_()
    monkeypatch.setattr(module, "reconstructions", first := Pen())
    monkeypatch.setattr(module, "extremes", second := Pen())
    scene = autoencoder(tmp_path, net=black)
    view = Reconstructions(count=3, figures=scene.figures)
    files = ["reconstructions/epoch_0003.png", "reconstructions/extremes/epoch_0003.png"]
    assert scene.drawn(view) == files
    (((originals, outputs, names), _),) = first.calls
    assert originals.shape == outputs.shape == (3, 8, 8, 1)
    assert not outputs.any()
    assert len(names) == 3
    (((groups,), options),) = second.calls
    found = {name: (255 * each[0][:, 0, 0, 0]).round().tolist() for name, each in groups.items()}
    assert found == {"best": [40, 45], "median": [55, 60], "worst": [75, 70]}
    assert groups["worst"][2] == ["dog, val/00007", "cat, val/00006"]
    mean = sum((value / 255) ** 2 for value in range(40, 80, 5)) / 8
    assert options["note"] == f"of 8 validation images; mean MSE {mean:.4f}"


def test_wrong_options_and_nets_are_told(tmp_path: Path) -> None:
    scene = classifier(tmp_path)
    view = Reconstructions(figures=scene.figures)
    assert view.reason(scene.at(view)) == "not an autoencoder"
    with pytest.raises(UserError, match=r"callbacks\.reconstructions\.count=21: expected 1 to 20"):
        Reconstructions(count=21, figures=scene.figures)
