"""The program beside a model says of files what ``predict`` says."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from pellucid.commands.export import onnx_file, onnx_predict
from pellucid.commands.predict import predict
from pellucid.data.decode import decode
from pellucid.data.fitting import fitted
from pellucid.spec import FITS, Spec
from tests.commands.export.runs import failing, run_export
from tests.data.hostile import exif_jpeg, tiff
from tests.fakes import write_photos
from tests.helpers import make_run


def classes_by_program(model: Path, files: list[Path]) -> list[tuple[str, float]]:
    """What the program beside the model, which knows nothing of pellucid, prints of each file."""
    program = model.with_name(json.loads(model.with_suffix(".json").read_text())["program"])
    assert "pellucid" not in program.read_text()
    line = [sys.executable, "-W", "error", program.name, model.name, *map(str, files)]
    done = subprocess.run(line, cwd=model.parent, capture_output=True, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    return [(name, float(share)) for name, share in rows]


def assert_it_predicts(run: Path, model: Path, photos: Path) -> list[dict[str, Any]]:
    options: dict[str, Any] = {"checkpoint": "best", "top": 1, "accelerator": "cpu", "out": None}
    rows = predict(str(run), images=str(photos), **options)
    by_program = classes_by_program(model, [Path(row["file"]) for row in rows])
    assert [row["class"] for row in rows] == [name for name, _ in by_program]
    shares = [share for _, share in by_program]
    assert [row["confidence"] for row in rows] == pytest.approx(shares, abs=1e-4)
    return rows


def test_it_says_of_files_what_predict_says(trained: Path, exported: Path, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", {"cat": 50, "dog": 50}, seed=3)
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (20, 20, 4), dtype=np.uint8)).save(
        tmp_path / "photos" / "glass.png"
    )
    deep = random.integers(0, 2**16, (20, 20), dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "photos" / "deep.png")
    floats = random.random((20, 20), dtype=np.float32) * 1.2 - 0.1
    floats[3, 4] = np.nan
    Image.fromarray(floats).save(tmp_path / "photos" / "floats.tif")
    odd = tiff({0x0112: (3, 1, 6), 0x011A: (10, 1, struct.pack("<ll", -1, 0)), 0x011B: (2, 6, b"72dpi\0")})
    (tmp_path / "photos" / "odd.jpg").write_bytes(exif_jpeg(odd))
    rows = assert_it_predicts(trained, exported, tmp_path / "photos")
    assert len(rows) == 104
    assert {row["class"] for row in rows} == {"cat", "dog"}


def test_preprocessing_beside(
    trained: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_file, "_export", failing)  # by tracing, which is the quicker one
    model = run_export(trained, preprocessing="beside", out=str(tmp_path))
    (taken,) = onnxruntime.InferenceSession(model).get_inputs()
    assert (taken.name, taken.type, taken.shape) == ("images", "tensor(float)", ["batch", 3, 16, 16])
    assert_it_predicts(trained, model, photos / "test")


def test_grey_of_more_than_8_bits_is_read_by_the_range_of_its_data(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 500], [1000, 2000]], np.uint16)).save(tmp_path / "deep.png")
    facts: dict[str, Any] = {"image_shape": [1, 2, 2], "value_range": [0, 1000]}
    assert onnx_predict.read(str(tmp_path / "deep.png"), facts).tolist() == [[[[0, 127], [255, 255]]]]
    facts["value_range"] = None
    assert onnx_predict.read(str(tmp_path / "deep.png"), facts).tolist() == [[[[0, 1], [3, 7]]]]


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(3, 32), (1, 28)])
def test_1000_files(shape: tuple[int, int], tmp_path: Path, fashion: Path, photos: Path) -> None:
    """In colour, and in grey by files in colour, of a convolutional net that is not sure of them."""
    channels, size = shape
    data = [f"data.root={photos}", f"data.cache={tmp_path / 'cache'}", f"data.image_size={size}"]
    data = ["data=catdog", *data] if channels == 3 else ["data=fashion_mnist", f"data.root={fashion}"]
    run = make_run(tmp_path / "run", "model=cnn", *data)
    write_photos(tmp_path / "photos", {"cat": 500, "dog": 500}, seed=3)
    model = run_export(run)
    rows = assert_it_predicts(run, model, tmp_path / "photos")
    assert len(rows) == 1000
    assert len({row["class"] for row in rows}) > 1


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("channels", [3, 4])
def test_it_brings_photos_to_the_size_as_the_net_has_them(tmp_path: Path, fit: str, channels: int) -> None:
    random = np.random.default_rng(0)
    spec = Spec((channels, 14, 18), (), (0.4, 0.5, 0.6, 0.7)[:channels], (1.0,) * channels, "")
    spec = replace(spec, **fitted(fit))
    facts = {**spec.to_dict(), "value_range": None}
    for shape in ((30, 40), (40, 30), (9, 80), (80, 9), (16, 21)):
        pixels = random.integers(0, 256, (*shape, channels), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photo.png")
        expected = decode(tmp_path / "photo.png", (14, 18), fit=spec.fit, channels=channels)
        assert np.array_equal(onnx_predict.read(str(tmp_path / "photo.png"), facts)[0], expected)
