"""The form of a net as an ONNX model, of one that redraws."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from pellucid.commands.export import onnx_file
from pellucid.commands.predict import predict
from pellucid.engine import temperature as temperatures
from tests.commands.export.runs import failing, random_pixels, run_export
from tests.commands.runs import temperature_of
from tests.helpers import make_run


@pytest.fixture
def redrawing(tmp_path: Path) -> Path:
    options = ("model=autoencoder", "trainer.precision=bf16-mixed", "data.batch_size=600")
    return make_run(tmp_path / "run", *options)


def test_an_autoencoder(
    redrawing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(onnx_file, "_export", failing)  # by tracing, which is the quicker one
    model = run_export(redrawing, opset=17)
    session = onnxruntime.InferenceSession(model)
    (given,) = session.run(["reconstruction"], {"pixels": random_pixels(4, 1, 8, 8).numpy()})
    assert given.dtype == np.float32
    assert given.shape == (4, 1, 8, 8)
    assert 0 <= given.min() < given.max() <= 1
    assert "The run computed in bf16-mixed; the file is float32" in said.text
    assert "256 test images of scikit-learn's digits" in said.text
    assert [entry.version for entry in onnx.load(model).opset_import if not entry.domain] == [17]
    Image.fromarray(random_pixels(8, 8).numpy()).save(tmp_path / "grey.png")
    line = [sys.executable, "onnx_predict.py", model.name, str(tmp_path / "grey.png")]
    done = subprocess.run(line, cwd=model.parent, capture_output=True, text=True, check=True)
    assert 0 < float(done.stdout) < 1, "its mean squared error"


@pytest.mark.parametrize("format", ["onnx", "torch_export"])
def test_a_temperature_is_in_the_file(
    trained: Path, photos: Path, tmp_path: Path, format: str, said: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run, ignore=shutil.ignore_patterns("export", "cache"))
    temperatures.save(run, temperature_of(run, "none"))
    path = run_export(run, format=format)
    assert "divided by 2.5" in said.text, "the lines of its use say it"
    beside = path.with_suffix(".json") if format == "onnx" else path.with_name(f"{path.name}.json")
    facts = json.loads(beside.read_text())
    assert facts["temperature"] == 2.5
    assert facts["outputs"]["logits"].endswith("divided by the temperature 2.5")
    predicted = predict(str(run), images=str(photos / "test"), accelerator="cpu", out=str(tmp_path / "said"))
    program = path.with_name("onnx_predict.py" if format == "onnx" else "torch_predict.py")
    for row in predicted[:4]:
        argv = [sys.executable, str(program), str(path), row["file"]]
        printed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
        assert printed[0] == row["class"]
        assert float(printed[1]) == pytest.approx(row["confidence"], abs=1e-4)
    undivided = json.loads(run_export(run, format="onnx", calibrate=False).with_suffix(".json").read_text())
    assert "temperature" not in undivided
    weights = run_export(run, format="state_dict")
    assert "/ 2.5" in json.loads(weights.with_name(f"{weights.name}.json").read_text())["use"][-1]
