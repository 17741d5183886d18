"""What is told in the file and beside it."""

from __future__ import annotations

import json
from pathlib import Path

import onnxruntime

from pellucid.engine.loaded_run import restore


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
    assert any("16 x 16 pixels, bilinear" in step for step in json.loads(facts["reading"]))
    assert beside["checked"]["on"].startswith("16 test images of ")
    assert all(value < 1e-5 for value in beside["checked"]["largest_difference"].values())
    assert beside["trained_in_precision"] == "32-true"
