"""ONNX in 8 bits: smaller, about as right, and said how much."""

from __future__ import annotations

import json
from pathlib import Path

import onnxruntime
import pytest
import torch

from pellucid.commands.export import quantized
from pellucid.errors import UserError
from tests.commands.export.runs import random_pixels, run_export
from tests.helpers import make_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run", "model=cnn", "model.channels=[8,8]", "data.batch_size=64")


@pytest.mark.parametrize("method", ["static", "dynamic"])
def test_its_loss_of_accuracy_is_measured_and_told(
    run: Path, method: str, monkeypatch: pytest.MonkeyPatch, said: pytest.LogCaptureFixture
) -> None:
    other = {"static": "dynamic", "dynamic": "static"}[method]
    monkeypatch.setattr(quantized, f"_{other}", lambda *given: RuntimeError("not now"))
    full = run_export(run)
    path = run_export(run, format="onnx_int8")
    assert path.name == "best_int8.onnx"
    assert path.stat().st_size < 0.6 * full.stat().st_size
    facts = json.loads(path.with_suffix(".json").read_text())["quantization"]
    assert facts["method"] == method
    assert facts["images"] == 359
    assert abs(facts["float32"] - facts["int8"]) < 0.05
    assert (facts["calibrated_on"] is not None) is (method == "static")
    assert f"INT8 by {method} quantization. Accuracy on 359 test images: {facts['float32']:.4f}" in said.text
    session = onnxruntime.InferenceSession(path)
    assert json.loads(session.get_modelmeta().custom_metadata_map["quantization"])["method"] == method
    logits, _ = session.run(None, {"pixels": random_pixels(3, 1, 8, 8).numpy()})
    assert logits.shape == (3, 10)


def test_it_needs_the_training_images(run: Path, tmp_path: Path) -> None:
    config = run / ".hydra" / "config.yaml"
    checkpoint = run / "checkpoints" / "best.ckpt"
    config.unlink()
    checkpoint.rename(tmp_path / "alone.ckpt")
    content = torch.load(tmp_path / "alone.ckpt", weights_only=True)
    content["pellucid"]["config"]["data"] = {
        "_target_": "pellucid.data.image_folder.ImageFolder",
        "root": str(tmp_path / "gone"),
    }
    torch.save(content, tmp_path / "alone.ckpt")
    with pytest.raises(UserError, match=r"calibrated on the run's training images, which cannot be read"):
        run_export(tmp_path / "alone.ckpt", format="onnx_int8")
