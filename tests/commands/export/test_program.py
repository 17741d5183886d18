"""Programs of torch: they run in any folder, without this package, and say what the net says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pellucid.commands.export.program import Program
from pellucid.commands.predict import predict
from pellucid.engine.loaded_run import restore
from pellucid.errors import UserError
from pellucid.model.state_file import StateFile
from pellucid.task.regression import Regression
from tests.commands.export.runs import random_pixels, run_export

# As ``python <program> …`` where the package is not installed.
WITHOUT = "import runpy, sys; sys.modules['pellucid'] = None; sys.argv[:1] = []; "
WITHOUT += "runpy.run_path(sys.argv[0], run_name='__main__')"


def said_of(model: Path, folder: Path, files: list[str]) -> list[tuple[str, float]]:
    """What the program prints of each file in a folder that holds only what was exported."""
    shutil.copytree(model.parent, folder / "elsewhere")
    beside = model.with_suffix(".json") if model.suffix == ".onnx" else Path(f"{model}.json")
    line = [
        sys.executable,
        "-I",
        "-c",
        WITHOUT,
        json.loads(beside.read_text())["program"],
        model.name,
        *files,
    ]
    done = subprocess.run(line, cwd=folder / "elsewhere", capture_output=True, text=True, check=True)
    return [(name, float(share)) for name, share in map(str.split, done.stdout.splitlines())]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize(
    ("format", "preprocessing"),
    [("torch_export", "inside"), ("torch_export", "beside"), ("torchscript", "beside"), ("onnx", "inside")],
)
def test_it_runs_from_any_folder_without_this_package(
    trained: Path, photos: Path, tmp_path: Path, format: str, preprocessing: str
) -> None:
    out = tmp_path / "out"
    model = run_export(trained, format=format, preprocessing=preprocessing, out=str(out))
    options: dict[str, Any] = {"checkpoint": "best", "top": 1, "accelerator": "cpu"}
    rows = predict(str(trained), images=str(photos / "test"), out=str(tmp_path / "predicted"), **options)
    found = said_of(model, tmp_path, [row["file"] for row in rows])
    assert [name for name, _ in found] == [row["class"] for row in rows]
    assert [share for _, share in found] == pytest.approx([row["confidence"] for row in rows], abs=1e-4)


def test_another_training_may_start_from_a_program(trained: Path, tmp_path: Path) -> None:
    file = StateFile.read(run_export(trained, format="torch_export", out=str(tmp_path)))
    assert file.spec == restore(trained).spec
    expected = restore(trained).net.state_dict()
    assert all(torch.equal(file.tensors[f"net.{name}"], value) for name, value in expected.items())


class Branching(nn.Module):
    """What it computes depends on the values of its images."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images_BCHW: Tensor) -> Tensor:
        logits_BK: Tensor = self.net(images_BCHW)
        return logits_BK if bool(images_BCHW.sum() > 0) else -logits_BK


class Checking(nn.Module):
    """It checks the sizes of its images, as transformers' nets do, and keeps them."""

    height: int | Tensor = 16

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images_BCHW: Tensor) -> Tensor:
        _, channels, height, width = images_BCHW.shape
        if channels != 3 or width != self.height:
            raise ValueError("Expected other images.")
        self.height = height
        logits_BK: Tensor = self.net(images_BCHW)
        return logits_BK


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_a_net_that_checks_sizes_has_a_trace(trained: Path, tmp_path: Path) -> None:
    run = restore(trained, accelerator="cpu")
    run.task.net = Checking(run.net)
    program = Program(run, tmp_path / "x", format="torchscript", inside=True)
    pixels_BCHW = random_pixels(3, *run.spec.image_shape)
    logits_BK, _ = program.outputs(pixels_BCHW)
    assert torch.allclose(logits_BK, program.predictor.run(program.predictor.inputs(pixels_BCHW)), atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize("format", ["torch_export", "torchscript"])
def test_a_net_that_has_no_such_form_is_told(trained: Path, tmp_path: Path, format: str) -> None:
    run = restore(trained, accelerator="cpu")
    run.task.net = Branching(run.net)
    with pytest.raises(UserError, match=rf"Branching cannot be exported by format={format}: .*state_dict"):
        Program(run, tmp_path / "x", format=format, inside=True)


def test_batches_of_any_size(trained: Path, tmp_path: Path) -> None:
    model = run_export(trained, format="torch_export", out=str(tmp_path))
    program = torch.export.load(model).module()
    for count in (1, 5):
        logits_BK, _ = program(random_pixels(count, 3, 16, 16))
        assert logits_BK.shape == (count, 2)


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize("format", ["torch_export", "torchscript"])
def test_numbers_are_given_in_their_own_units(trained: Path, tmp_path: Path, format: str) -> None:
    run = restore(trained)
    count = len(run.spec.classes)
    task = Regression(net=run.net, image_shape=run.spec.image_shape, num_classes=count)
    task.fit_targets(torch.tensor([[0.0], [20.0]]).repeat(1, count))
    run = replace(run, task=task)
    program = Program(run, tmp_path / "best.pt2", format=format, inside=True)
    pixels_BCHW = random_pixels(2, *run.spec.image_shape)
    (numbers_BK,) = program.outputs(pixels_BCHW)
    standardised_BK = program.predictor.run(program.predictor.inputs(pixels_BCHW))
    assert torch.allclose(numbers_BK, 10 * standardised_BK + 10, atol=1e-4)
    assert program.graph.outputs == ["numbers"]
