"""The kernels of convolutions, and how far they are from where they started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pellucid.callbacks import filters as module
from pellucid.callbacks.filters import START, Filters
from pellucid.callbacks.view_scheduler import ViewScheduler
from pellucid.errors import UserError
from tests.callbacks.scene import Pen, classifier, convolutional


def test_the_change_is_from_the_kernels_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "draw_filters", pen := Pen())
    scene = convolutional(tmp_path)
    weight = scene.task.net.get_parameter("features.0.weight")
    scene.trainer.global_step = 0
    start = weight.detach().numpy().copy()
    for _ in range(2):  # also on resuming, where it stays
        view = Filters(kernels=9, figures=scene.figures)
        scheduler = ViewScheduler([view], scene.figures)
        scheduler.prepare(scene.moment(0))
        scheduler.begin(scene.moment(0))
        with torch.no_grad():
            weight.mul_(2)
    scene.trainer.global_step = 7
    assert scene.drawn(view) == ["filters/features.0/epoch_0003.png", START]
    ((now, before), options), *others = pen.calls
    assert not others
    assert np.array_equal(before, start)
    assert np.array_equal(now, 4 * start)
    assert options == {
        "kernels": 9, "title": "features.0 after epoch 3", "change": pytest.approx(3), "is_grouped": False
    }  # fmt: skip
    assert scene.board.noted[0] == ("metrics", {"filters/change/features.0": pytest.approx(3)}, 7)
    assert not [key for key in scene.figures.account() if "failed" in key]


def test_a_net_without_convolutions_has_none(tmp_path: Path) -> None:
    scene = classifier(tmp_path)
    view = Filters(figures=scene.figures)
    assert view.reason(scene.at(view)) == "no convolutions"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernels": 0}, r"callbacks\.filters\.kernels=0: expected 1 to 4,096"),
        ({"layers": ["features.2"]}, "layers: features.2 is a ReLU. Expected a convolution"),
    ],
)
def test_wrong_options_are_told(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    scene = convolutional(tmp_path)
    with pytest.raises(UserError, match=message):
        (view := Filters(**options, figures=scene.figures)).reason(scene.at(view))
