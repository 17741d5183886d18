"""The net as a graph, for TensorBoard alone."""

from __future__ import annotations

from pathlib import Path

from pellucid.callbacks.graph import Graph
from tests.callbacks.scene import classifier


def test_one_image_is_traced_once_before_training(tmp_path: Path) -> None:
    scene = classifier(tmp_path)
    view = Graph(figures=scene.figures)
    assert view.every_n_epochs is None
    assert scene.drawn(view, epoch=0) == []
    assert scene.board.noted == [("graph", scene.task.net, (1, 1, 8, 8))]


def test_without_tensorboard_there_is_none(tmp_path: Path) -> None:
    scene = classifier(tmp_path)
    scene.trainer.loggers = []
    view = Graph(figures=scene.figures)
    assert view.reason(scene.at(view)) == "no TensorBoard logger"
