"""What an exported model gives of several labels and of numbers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pellucid.commands.export.finish import Units, finish_of
from pellucid.commands.export.onnx_file import Graph
from pellucid.commands.export.usage import facts_of_graph, use_of_onnx
from pellucid.spec import Spec
from pellucid.task.multilabel import Multilabel
from pellucid.task.regression import Regression
from tests.task.nets import Fixed, classification

SHAPE = (1, 2, 2)


def test_probabilities_and_their_thresholds() -> None:
    task = Multilabel(net=Fixed([0.0, 1.0]), image_shape=SHAPE, num_classes=2)
    task.thresholds.copy_(torch.tensor([0.25, 0.75]))
    last = finish_of(task, ("cat", "dog"))
    assert last is not None
    _, probability = last(torch.tensor([[0.0, 3.0]]))
    assert probability.tolist() == [[0.5, pytest.approx(torch.tensor(3.0).sigmoid().item())]]
    assert last.facts == {"labels": ["cat", "dog"], "thresholds": [0.25, 0.75]}
    spec = Spec(SHAPE, ("cat", "dog"), (0.5,), (0.25,), "a test", labels="multilabel")
    graph = Graph(net=nn.Identity(), spec=spec, inside=True, classifies=False, last=last)
    assert graph.outputs == ["logits", "probability"]
    assert list(facts_of_graph(graph, spec)["outputs"]) == graph.outputs
    assert "thresholds = json.loads" in use_of_onnx("best.onnx", graph, spec)[-1]


def test_numbers_in_their_units() -> None:
    task = Regression(net=Fixed([0.0, 1.0]), image_shape=SHAPE, num_classes=2)
    task.fit_targets(torch.tensor([[0.0, 1e6], [20.0, 3e6]]))
    last = finish_of(task, ("angle", "price"))
    assert isinstance(last, Units)
    (numbers,) = last(torch.tensor([[1.0, -1.0]]))
    assert numbers.tolist() == [[20, 1e6]]
    assert last.facts["target_std"] == [10, 1e6]
    task.fit_targets(torch.tensor([[0.0, 0.0], [2.0, 2.0]]))
    assert last.scale.tolist() == [10, 1e6], "a copy"


def test_other_tasks_have_none() -> None:
    assert finish_of(classification(Fixed([0.0, 1.0])), ("cat", "dog")) is None
