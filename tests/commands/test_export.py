"""Nets as files for other programs: the same answers, and nothing written where that is not so."""

from __future__ import annotations

import json
import logging
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from pellucid.commands.export import onnx_file, onnx_predict
from pellucid.commands.export.export import export
from pellucid.commands.export.onnx_file import Graph, to_onnx
from pellucid.commands.export.onnx_session import Session
from pellucid.commands.export.verify import Agreement
from pellucid.commands.predict import predict
from pellucid.engine.loaded_run import restore
from pellucid.errors import UserError
from pellucid.spec import Spec
from tests.data.hostile import exif_jpeg, tiff
from tests.fakes import write_photos
from tests.helpers import ROOT, command, make_run
from tests.model.test_contract import MODELS, make

QUICK = {"gcn"}  # dnn and autoencoder are exported by other tests


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    data = ("data=catdog", f"data.root={photos}", f"data.cache={folder / 'cache'}", "data.image_size=16")
    return make_run(folder / "run", "model=dnn", *data, "data.batch_size=8", "trainer.max_epochs=3")


@pytest.fixture(scope="module")
def exported(trained: Path) -> Path:
    return run_export(trained)


@pytest.fixture(scope="module")
def redrawing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    return make_run(folder, "model=autoencoder", "trainer.precision=bf16-mixed", "data.batch_size=600")


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    """A run whose photos are gone."""
    folder = tmp_path_factory.mktemp("moved")
    shutil.copytree(photos, folder / "photos")
    data = (f"data.root={folder / 'photos'}", f"data.cache={folder / 'cache'}", "data.image_size=16")
    run = make_run(folder / "run", "model=dnn", "data=image_folder", *data)
    shutil.rmtree(folder / "photos")
    return run


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    monkeypatch.setattr(logging.getLogger("pellucid"), "propagate", True)
    caplog.set_level(logging.INFO, logger="pellucid")
    return caplog


def run_export(run: Path, **given: Any) -> Path:
    options = {"format": "onnx", "preprocessing": "inside", "checkpoint": "best", "images": None}
    return export(str(run), **{**options, "opset": None, "accelerator": "cpu", "out": None, **given})


def graph_of(net: nn.Module, shape: tuple[int, int, int], *, inside: bool = True) -> Graph:
    spec = Spec(
        shape, tuple("0123456789"), (0.4, 0.5, 0.6)[: shape[0]], (0.2, 0.3, 0.25)[: shape[0]], "a test"
    )
    return Graph(net=net, spec=spec, inside=inside, classifies=True)


def random_pixels(count: int, *shape: int) -> Tensor:
    return torch.randint(0, 256, (count, *shape), generator=torch.manual_seed(0), dtype=torch.uint8)


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in MODELS]
)
def test_every_net(name: str) -> None:
    assert_exported(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_every_net_by_tracing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a torch whose other exporter fails."""
    monkeypatch.setattr(onnx_file, "_export", failing)
    assert_exported(name)


def failing(graph: Graph, opset: int | None) -> None:
    raise RuntimeError("no batch norm")


def assert_exported(name: str) -> None:
    torch.manual_seed(0)
    net, shape = make(name, (1, 20, 20), 10)
    graph = graph_of(net.eval(), shape)
    graph.classifies = name != "autoencoder"
    session = Session(to_onnx(graph, facts={}, opset=None), name)
    for count in (1, 2, 5):
        pixels_BCHW = random_pixels(count, *shape)
        with torch.no_grad():
            expected = graph(pixels_BCHW)
        given = session.run(pixels_BCHW)
        assert len(given) == len(expected) == (1 if name == "autoencoder" else 2)
        for one, other in zip(given, expected, strict=True):
            assert one.shape == other.shape
            assert torch.allclose(one, other, atol=1e-5)


def test_the_pixels_are_normalised_as_in_training() -> None:
    spec = Spec((3, 4, 4), ("a", "b"), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "a test")
    graph = Graph(net=nn.Identity(), spec=spec, inside=True, classifies=False)
    pixels_BCHW = random_pixels(8, 3, 4, 4)
    assert torch.equal(graph(pixels_BCHW)[0], spec.normalise(pixels_BCHW))


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


def test_nothing_is_told_of_the_machine(exported: Path) -> None:
    content = exported.read_bytes()
    for place in (ROOT, exported.parents[2], Path(torch.__file__).parent):
        assert str(place).encode() not in content


def test_a_state_dict_builds_the_net_anew(
    trained: Path, tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    path = run_export(trained, format="state_dict", out=str(tmp_path))
    assert [file.name for file in tmp_path.iterdir()] == ["best.pt"]
    kept = torch.load(path, weights_only=True)
    assert kept["about"]["classes"] == ["cat", "dog"]
    told = said.text[said.text.index("To use it:\n") :].splitlines()[1:5]
    found: dict[str, Any] = {}
    exec("\n".join(line.strip() for line in told), found)
    predictor = restore(trained, accelerator="cpu").predictor()
    images_BCHW = predictor.inputs(random_pixels(5, 3, 16, 16))
    with torch.no_grad():
        assert torch.equal(found["net"](images_BCHW), predictor.run(images_BCHW))
    assert "bitwise the same values" in said.text


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


def test_without_test_images_others_serve(
    moved: Path, photos: Path, tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    run_export(moved, format="state_dict")
    assert "on 64 images of random pixels, as the run's own cannot be read (" in said.text
    assert "images=<folder>" in said.text
    said.clear()
    mixed = tmp_path / "a [1]"
    shutil.copytree(photos / "test" / "cat", mixed)
    (mixed / "0.jpg").write_bytes(b"no image")
    run_export(moved, format="state_dict", images=str(mixed))
    assert f"on 8 images of {mixed} (1 of 9 files cannot be read: " in said.text


class Fixed(nn.Module):
    """Its trace holds for batches of one size."""

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return images_BCHW.flatten(1)[:, :3] + torch.zeros(len(images_BCHW), 3)


class Choosing(nn.Module):
    """Its way through depends on values."""

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return images_BCHW.flatten(1)[:, :3] * (2 if float(images_BCHW.sum()) > 0 else 1)


@pytest.mark.parametrize(
    ("net", "reason"),
    [
        (Fixed(), "fixes the size of a batch"),
        pytest.param(Choosing(), "data-dependent|size of a batch", marks=pytest.mark.slow),
    ],
)
def test_a_net_without_such_a_form(net: nn.Module, reason: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(
        UserError, match=rf"{type(net).__name__} cannot be exported to ONNX: .*({reason}).*"
    ) as told:
        to_onnx(graph_of(net, (1, 4, 4)), facts={}, opset=None)
    assert str(told.value).endswith("format=state_dict works.")
    assert "\n" not in str(told.value)
    assert capfd.readouterr() == ("", ""), "the exporter's own words are kept from the console"


def test_agreement_by_hand() -> None:
    found = Agreement()
    one = torch.tensor([[1.0, -20.0], [3.0, 4.0]])
    found.add([one + 1e-3], [one])
    found.add([one], [one])
    assert found.differences == pytest.approx((1e-3,), rel=1e-2)
    assert found.largest == (20.0,)
    assert found.allowed == pytest.approx((2e-3,))
    assert found.holds
    found.add([one * float("nan")], [one])
    assert not found.holds, "what is no number is no agreement"
    small = Agreement()
    small.add([torch.tensor([[0.5 + 2e-4]])], [torch.tensor([[0.5]])])
    assert not small.holds, "1e-4 where values are below 1"
    with pytest.raises(UserError, match="values that are not finite"):
        small.add([one], [one / 0])


def test_nothing_is_written_where_they_differ(
    trained: Path, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = exported.read_bytes()
    monkeypatch.setattr("pellucid.commands.export.exported.to_onnx", lambda graph, **given: content)
    other = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
    other["state_dict"]["net.head.bias"][0] += 0.01
    torch.save(other, tmp_path / "other.ckpt")
    with pytest.raises(
        UserError, match=r"differs from its net by 0\.01 on 16 test images .*Nothing was written"
    ):
        run_export(tmp_path / "other.ckpt")
    other["state_dict"]["net.head.bias"][0] = float("inf")
    torch.save(other, tmp_path / "other.ckpt")
    with pytest.raises(UserError, match="not finite"):
        run_export(tmp_path / "other.ckpt", format="state_dict")
    assert [path.name for path in tmp_path.iterdir()] == ["other.ckpt"]


def test_mistakes(trained: Path, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.jpg").write_bytes(b"")
    out = {"out": str(tmp_path / "out")}
    for given, message in (
        ({"format": "onxx"}, r"format=onxx: expected onnx or state_dict\..*'onnx'"),
        ({"preprocessing": "outside"}, r"preprocessing=outside: expected inside or beside"),
        ({"opset": "new"}, r"opset=new: expected a whole number"),
        ({"checkpoint": "first"}, r"checkpoint=first: .* It has: last\.ckpt, best\.ckpt"),
        ({"images": str(tmp_path / "no")}, r"images=.*no: there is no such file or folder"),
        ({"format": "state_dict", "images": str(tmp_path / "x.jpg")}, r"1 file, no image"),
        ({"out": str(photo)}, r"photo\.png cannot be made: .*out=<folder>"),
    ):
        with pytest.raises(UserError, match=message):
            run_export(trained, **{**out, **given})
    monkeypatch.setattr(onnx_file, "NEEDED", ("onnx", "no_such_package"))
    with pytest.raises(UserError, match=r"not installed: no_such_package.* pip install 'pellucid\[export\]'"):
        run_export(trained, **out)
    assert not (tmp_path / "out").exists()


def test_a_run_without_checkpoints(tmp_path: Path) -> None:
    (tmp_path / "run" / ".hydra").mkdir(parents=True)
    (tmp_path / "run" / ".hydra" / "config.yaml").write_text("model: {}\n")
    with pytest.raises(UserError, match="It has: none"):
        run_export(tmp_path / "run")
    with pytest.raises(UserError, match="this folder is no run folder"):
        run_export(tmp_path)
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".hydra"]


def test_the_command(tmp_path: Path) -> None:
    done = command(f"run={tmp_path}", script="scripts/export.py", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "is no run folder" in done.stderr


@pytest.mark.slow
def test_the_command_prints_what_it_did_and_no_more(trained: Path, tmp_path: Path) -> None:
    done = command(
        f"run={trained}", f"out={tmp_path / 'a=b [1] 한글'}", script="scripts/export.py", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for said in ("Written: ", "Checked with onnxruntime", "16 test images", "To use it:"):
        assert said in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["a=b [1] 한글"]
