"""What only a GPU can show: every model in every precision, resuming, the views, the commands.

``pytest -m gpu``. ``PELLUCID_GPU_TESTS=cpu`` tries the tests themselves where there is none.
"""

from __future__ import annotations

import os

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS needs to be deterministic

import csv
import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

from pellucid.commands.compare.compare import compare
from pellucid.commands.embed.embed import embed
from pellucid.commands.evaluate import evaluate
from pellucid.commands.explain.explain import explain
from pellucid.commands.export.export import export
from pellucid.commands.predict import predict
from pellucid.commands.report import report
from pellucid.commands.train import train
from pellucid.commands.units import units
from pellucid.engine.loaded_run import restore
from tests.helpers import CONF, command, compose, make_run, metrics, same, weights

DEVICE = os.environ.get("PELLUCID_GPU_TESTS", "gpu")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(DEVICE == "gpu" and not torch.cuda.is_available(), reason="no GPU"),
]

MODELS = ("dnn", "cnn", "xai", "autoencoder", "gcn", "resnet9", "resnet_frozen", "resnet_finetune")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "bf16-true")


def options(model: str, *more: str) -> list[str]:
    found = [f"model={model}", f"trainer={DEVICE}", "+trainer.limit_train_batches=6"]
    if model.startswith("resnet"):
        found += ["model.weights=none", "data.image_size=32"]
    return [*found, *more]


def defaults(name: str) -> dict[str, Any]:
    """The options of a command as its YAML has them."""
    loaded = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))
    assert isinstance(loaded, dict)
    return {str(key): value for key, value in loaded.items() if key not in ("defaults", "_target_")}


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("model", MODELS)
def test_every_model_in_every_precision(tmp_path: Path, model: str, precision: str) -> None:
    if DEVICE == "cpu" and precision == "16-mixed":
        pytest.skip("needs a GPU")
    folder = make_run(
        tmp_path / "run", *options(model, f"trainer.precision={precision}", "trainer.max_epochs=2")
    )
    found = metrics(folder)
    assert found["status"] == "finished"
    assert found["device"].startswith("cuda" if DEVICE == "gpu" else "cpu")
    assert np.isfinite(found["test/loss" if model != "autoencoder" else "test/mse"])
    assert all(torch.isfinite(value.float()).all() for value in weights(folder).values())


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("model", MODELS)
def test_views_and_page(tmp_path: Path, model: str, precision: str) -> None:
    more = (f"trainer.precision={precision}", "callbacks=default", "logger=tensorboard", "report=true")
    folder = make_run(tmp_path / "run", *options(model, *more))
    found = metrics(folder)
    assert not [key for key in found if key.startswith("look/failed")], (folder / "train.log").read_text()
    assert (folder / "report.html").is_file()
    assert {path.name for path in (folder / "figures").iterdir()} >= {"samples", "curves.png", "activations"}


@pytest.mark.parametrize("model", ["dnn", "cnn", "autoencoder"])
def test_looking_changes_nothing(tmp_path: Path, model: str) -> None:
    steady = options(model, "+trainer.deterministic=true", "trainer.max_epochs=2")
    plain = make_run(tmp_path / "plain", *steady)
    seen = make_run(tmp_path / "seen", *steady, "callbacks=default", "logger=tensorboard", "report=true")
    assert same(weights(plain), weights(seen))


@pytest.mark.parametrize("precision", ["32-true", "16-mixed"])
def test_resumed_equals_uninterrupted(tmp_path: Path, precision: str) -> None:
    if DEVICE == "cpu" and precision == "16-mixed":
        pytest.skip("needs a GPU")
    steady = options(
        "cnn", "+trainer.deterministic=true", "data.augment=shift", f"trainer.precision={precision}"
    )
    whole = make_run(tmp_path / "whole", *steady, "trainer.max_epochs=4")
    parts = make_run(tmp_path / "parts", *steady, "trainer.max_epochs=2")
    train(compose(*steady, "trainer.max_epochs=4"), parts, resume=True)
    assert same(weights(whole), weights(parts))
    assert same(weights(whole, "best"), weights(parts, "best"))


def test_images_on_the_device_and_in_the_host_memory_train_alike(tmp_path: Path) -> None:
    steady = options("cnn", "+trainer.deterministic=true", "data.augment=shift")
    near = make_run(tmp_path / "near", *steady, "device_images=1.0")
    far = make_run(tmp_path / "far", *steady, "device_images=0.0")
    assert same(weights(near), weights(far))


@pytest.mark.parametrize("precision", ["32-true", "16-mixed"])
def test_clipping_and_accumulation(tmp_path: Path, precision: str) -> None:
    if DEVICE == "cpu" and precision == "16-mixed":
        pytest.skip("needs a GPU")
    more = ("trainer.gradient_clip_val=0.5", "trainer.accumulate_grad_batches=2")
    folder = make_run(tmp_path / "run", *options("cnn", f"trainer.precision={precision}", *more))
    assert metrics(folder)["status"] == "finished"


def test_features_of_a_frozen_net_are_those_that_it_would_compute(tmp_path: Path) -> None:
    more = ("data.augment=shift", "trainer.max_epochs=2")
    folder = make_run(tmp_path / "run", *options("resnet_frozen", "model.augmentations_per_image=2", *more))
    assert metrics(folder)["status"] == "finished"
    (row,) = evaluate(str(folder), **{**_evaluate(), "accelerator": "cpu"})
    assert row["val/loss"] == pytest.approx(metrics(folder)["val/loss"], rel=2e-2)


def test_compiled(tmp_path: Path) -> None:
    if DEVICE == "cpu":
        pytest.skip("takes half a minute and is tested by -m slow")
    folder = make_run(tmp_path / "run", *options("cnn"), "compile=true")
    plain = make_run(tmp_path / "plain", *options("cnn"))
    assert metrics(folder)["test/loss"] == pytest.approx(metrics(plain)["test/loss"], rel=5e-2)


def test_runs_of_one_process_free_their_memory(tmp_path: Path) -> None:
    if DEVICE == "cpu":
        pytest.skip("of the GPU's memory")
    held = []
    for number in range(4):
        make_run(tmp_path / str(number), *options("cnn", "callbacks=default"))
        gc.collect()
        held.append(torch.cuda.memory_allocated())
    assert held[-1] <= held[1] + 2**20, held


def _evaluate() -> dict[str, Any]:
    return {**{k: v for k, v in defaults("evaluate").items() if k != "run"}, "data": None}


@pytest.fixture(scope="module", params=["cnn", "resnet_frozen", "autoencoder"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = options(str(request.param), "trainer.precision=bf16-mixed", "trainer.max_epochs=2")
    return make_run(tmp_path_factory.mktemp("runs") / "run", *model)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(5):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def test_a_run_is_the_same_on_either_device(trained: Path, tmp_path: Path) -> None:
    on = {
        device: evaluate(
            str(trained), **{**_evaluate(), "accelerator": device, "out": str(tmp_path / device)}
        )[0]
        for device in (DEVICE, "cpu")
    }
    for name, value in on["cpu"].items():
        if isinstance(value, float):
            assert on[DEVICE][name] == pytest.approx(value, rel=3e-2, abs=2e-2), name


def test_predict(trained: Path, pictures: Path, tmp_path: Path) -> None:
    given = {**defaults("predict"), "run": str(trained), "images": str(pictures), "out": str(tmp_path)}
    found = predict(**{**given, "accelerator": DEVICE})
    beside = predict(**{**given, "accelerator": "cpu"})
    for one, other in zip(found, beside, strict=True):
        for name, value in other.items():
            if isinstance(value, float):
                assert one[name] == pytest.approx(value, rel=5e-2, abs=3e-2), name


def test_explain(trained: Path, pictures: Path, tmp_path: Path) -> None:
    given = {**defaults("explain"), "run": str(trained), "images": str(pictures), "out": str(tmp_path)}
    given |= {"accelerator": DEVICE, "explainer": compose()["explainer"], "trust": "all", "layers": "auto"}
    assert explain(**given)


def test_embed(trained: Path, pictures: Path, tmp_path: Path) -> None:
    given = {**defaults("embed"), "run": str(trained), "data": None, "tsne_points": 100, "points": 200}
    given |= {"accelerator": DEVICE, "neighbours": str(pictures), "out": str(tmp_path)}
    assert embed(**given)["images"] > 0


def test_units(trained: Path, tmp_path: Path) -> None:
    given = {**defaults("units"), "run": str(trained), "data": None, "out": str(tmp_path)}
    units(**{**given, "accelerator": DEVICE, "count": 3, "steps": 8})
    assert list(tmp_path.rglob("*.png"))


def test_export(trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    for kind in ("onnx", "state_dict"):
        given = {**defaults("export"), "run": str(trained), "format": kind, "out": str(tmp_path / kind)}
        export(**{**given, "accelerator": DEVICE})
        assert list((tmp_path / kind).iterdir())


def test_report(trained: Path) -> None:
    given = {k: v for k, v in defaults("report").items() if k != "storage"}
    path = report(**{**given, "run": str(trained), "data": None, "accelerator": DEVICE, "seconds": 5.0})
    assert path.is_file()


def test_compare(trained: Path, tmp_path: Path) -> None:
    last = trained / "checkpoints" / "last.ckpt"
    given = {**defaults("compare"), "runs": [str(trained), str(last)], "data": None, "out": str(tmp_path)}
    assert compare(**{**given, "accelerator": DEVICE})


def test_a_net_is_on_the_device_that_was_asked_for(trained: Path) -> None:
    predictor = restore(trained, accelerator=DEVICE).predictor()
    assert {value.device.type for value in predictor.net.parameters()} == {
        "cuda" if DEVICE == "gpu" else "cpu"
    }


def test_the_command_line(tmp_path: Path) -> None:
    done = command(f"trainer={DEVICE}", "trainer.precision=bf16-mixed", "trainer.max_epochs=2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "outputs" / "cnn_digits").iterdir()
    assert rows(folder / "metrics.csv")[-1]["epoch"] == "2"
    done = command(f"resume={folder}", "trainer.max_epochs=3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert metrics(folder)["epochs"] == 3


def test_a_sweep(tmp_path: Path) -> None:
    done = command(
        "-m", "model=dnn,cnn", f"trainer={DEVICE}", "trainer.max_epochs=2", "callbacks=none", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    (sweep,) = (tmp_path / "outputs" / "sweeps").iterdir()
    assert [row["state"] for row in rows(sweep / "trials.csv")] == ["finished", "finished"]


def test_ddp_on_one_device(tmp_path: Path) -> None:
    done = command(
        "trainer=ddp", f"trainer.accelerator={DEVICE}", "trainer.devices=1", "trainer.max_epochs=1",
        "callbacks=none", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
