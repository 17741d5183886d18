"""Loss and metrics over epochs, of the rows that the run has."""

from __future__ import annotations

from pathlib import Path

import pytest

from pellucid.callbacks import curves as module
from pellucid.callbacks.curves import Curves
from tests.callbacks.scene import Pen, classifier


def test_the_best_epoch_is_that_of_the_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "draw_curves", pen := Pen())
    scene = classifier(tmp_path)
    view = Curves(figures=scene.figures)
    assert scene.drawn(view) == ["curves.png"]
    accuracies = [0.5, 0.75, 0.25]
    scene.host.run.write_rows(
        [{"epoch": e, "val/accuracy": value, "lr": 0.1} for e, value in enumerate(accuracies, start=1)]
    )
    assert scene.drawn(view) == ["curves.png"], "rewritten"
    (_, before), (given, after) = pen.calls
    assert (before["note"], before["best"]) == ("DNN on eight", None)
    assert after["note"] == "DNN on eight; dashed: epoch 2, the best by val/accuracy (0.75)"
    assert after["best"] == 2
    assert given == ({"accuracy": {"val": [(1, 0.5), (2, 0.75), (3, 0.25)]}},)
    assert after["lr"] == [(1, 0.1), (2, 0.1), (3, 0.1)]
    assert scene.board.noted == [], "a file alone"
