"""What is told in the file and beside it."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import onnxruntime
import pytest
from torch import nn

from pellucid.commands.export.onnx_file import Graph
from pellucid.commands.export.usage import facts_of_graph, use_of_library, use_of_onnx, use_of_program
from pellucid.engine.loaded_run import restore
from pellucid.model.transfer import LibraryNet
from pellucid.spec import Spec


def test_what_is_told_in_the_file_and_beside_it(trained: Path, exported: Path) -> None:
    assert exported == trained / "export" / "best.onnx"
    assert {path.name for path in exported.parent.iterdir()} == {"best.onnx", "best.json", "onnx_predict.py"}
    session = onnxruntime.InferenceSession(exported)
    facts = session.get_modelmeta().custom_metadata_map
    beside = json.loads(exported.with_suffix(".json").read_text())
    spec, epoch = restore(trained).spec, restore(trained).epoch
    assert json.loads(facts["classes"]) == beside["classes"] == ["cat", "dog"]
    assert json.loads(facts["image_shape"]) == [3, 16, 16]
    assert json.loads(facts["mean"]) == list(spec.mean)
    assert json.loads(facts["std"]) == list(spec.std)
    assert (facts["task"], facts["preprocessing"]) == ("classification", "inside")
    assert (facts["checkpoint"], int(facts["epoch"])) == ("best.ckpt", epoch)
    assert facts["run"] == "/".join(trained.parts[-2:])
    assert facts["input"] == "pixels: uint8 (batch, 3, 16, 16)"
    reading = json.loads(facts["reading"])
    assert any("its shorter side has 18 pixels (" in step and "), bilinear" in step for step in reading)
    assert beside["checked"]["on"].startswith("16 test images of ")
    assert all(value < 1e-5 for value in beside["checked"]["largest_difference"].values())
    assert beside["trained_in_precision"] == "32-true"


@pytest.mark.parametrize(("classifies", "inside"), [(True, True), (False, False)])
def test_the_lines_that_are_told_are_python_and_name_the_models_own_names(
    classifies: bool, inside: bool
) -> None:
    spec = Spec((1, 8, 8), ("a", "b"), (0.5,), (0.25,), "a test", (0, 1000))
    graph = Graph(net=nn.Identity(), spec=spec, inside=inside, classifies=classifies)
    text = "\n".join(use_of_onnx("a 'b'.onnx", graph, spec))
    ast.parse(text)
    assert (repr("a 'b'.onnx") in text, f"{{'{graph.input}': {graph.input}}}" in text) == (True, True)
    assert ("classes = " in text) is classifies
    facts = facts_of_graph(graph, spec)
    assert list(facts["outputs"]) == graph.outputs
    assert facts["input"] == ("pixels: uint8" if inside else "images: float32") + " (batch, 1, 8, 8)"
    assert any("0 is black, 1000 white" in step for step in facts["reading"])
    assert any("grey = round(0.299 red" in step for step in facts["reading"])


@pytest.mark.parametrize("name", ["best.pt", "best.safetensors"])
def test_the_lines_for_weights_build_the_net(name: str) -> None:
    changes = {"0": nn.Linear(2, 4)}
    lines = use_of_library(
        Path("/a") / name, LibraryNet("torch.nn.Linear", {"bias": True}, (), changes=changes)
    )
    ast.parse("\n".join(lines))
    assert lines[0] == "import torch; from torch.nn import Linear"
    assert "net = Linear(bias=True)" in lines
    assert "net.set_submodule('0', torch.nn.Linear(in_features=2, out_features=4, bias=True))" in lines
    assert sum("load_file" in line for line in lines) == (2 if name.endswith("safetensors") else 0)


@pytest.mark.parametrize("name", ["best.pt2", "best.torchscript"])
def test_the_lines_for_a_program_name_its_own_outputs(name: str) -> None:
    spec = Spec((1, 8, 8), ("a", "b"), (0.5,), (0.25,), "a test")
    graph = Graph(net=nn.Identity(), spec=spec, inside=True, classifies=True)
    lines = use_of_program(name, graph, spec)
    ast.parse("\n".join(lines))
    assert lines[-1].startswith("logits, confidence = net(pixels)")
    assert ("jit" in lines[1]) is name.endswith("torchscript")
