"""What an exported model gives of several labels and of numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from pellucid.commands.export.finish import Units, finish_of
from pellucid.commands.export.onnx_file import Graph
from pellucid.commands.export.usage import facts_of_graph, use_of_onnx
from pellucid.engine.loaded_run import restore
from pellucid.run.folder import Run
from pellucid.spec import Spec
from pellucid.task.multilabel import Multilabel
from pellucid.task.regression import Regression
from tests.commands.export.runs import random_pixels, run_export
from tests.helpers import make_run
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


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("finish")
    options = ("packages=[tests]", "+data.count=120", "model.channels=[4]", "model.hidden=[8]")
    made = {"multilabel": ("Shapes",), "regression": ("Arrows", "+data.several=true")}
    return {
        task: make_run(folder / task, f"data._target_=tests.drawn.{name}", *more, *options)
        for task, (name, *more) in made.items()
    }


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize("format", ["torch_export", "torchscript", "state_dict", "onnx_int8"])
@pytest.mark.parametrize("task", ["multilabel", "regression"])
def test_every_form_says_what_the_task_says(runs: dict[str, Path], task: str, format: str) -> None:
    run = restore(str(runs[task]), packages=["tests"])
    path = run_export(runs[task], format=format, packages=["tests"])
    beside = path.with_suffix(".json") if format == "onnx_int8" else Path(f"{path}.json")
    facts = json.loads(beside.read_text())
    assert facts["task"] == task
    key = "thresholds" if task == "multilabel" else "target_std"
    assert facts[key] == pytest.approx(run.task.get_buffer(key).tolist())
    pixels = random_pixels(3, 1, 32, 32)
    with torch.no_grad():
        said = run.task.predictions(pixels, run.net(run.spec.normalise(pixels)))
    expected = said["scores" if task == "multilabel" else "numbers"]
    if format in ("torch_export", "torchscript"):
        script = format == "torchscript"
        program = torch.jit.load(path) if script else torch.export.load(path).module()  # type: ignore[no-untyped-call]
        outputs = program(pixels)
        assert len(outputs) == len(facts["outputs"])
        assert torch.allclose(outputs[-1], expected, rtol=1e-4, atol=1e-4)
        assert facts["use"][-1].startswith("numbers, = " if task == "regression" else "logits, probability =")
    if format == "onnx_int8":
        quality = facts["quantization"]
        assert quality["measure"] == ("mean average precision" if task == "multilabel" else "R²")
        metric = "test/map" if task == "multilabel" else "test/r2"
        assert quality["float32"] == pytest.approx(Run(runs[task]).metrics()[metric], abs=1e-3)
        assert quality["int8"] == pytest.approx(quality["float32"], abs=0.1)
