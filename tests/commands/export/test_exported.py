"""The form of a net as an ONNX model, of one that redraws."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from pellucid.commands.export import onnx_file
from tests.commands.export.runs import failing, random_pixels, run_export
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
