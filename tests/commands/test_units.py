"""The units of a run's layer: pictures, a table, and all that is known of each as files."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from pellucid.commands.units import units
from pellucid.engine.loaded_run import restore
from pellucid.errors import UserError
from tests.helpers import command, make_run


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "run", "model=cnn", "model.channels=[6,8]")


@pytest.fixture(scope="module")
def catdog(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    data = ("data=catdog", f"data.root={photos}", f"data.cache={folder / 'cache'}", "data.image_size=32")
    return make_run(folder / "run", "model=resnet_frozen", "model.weights=none", *data)


def run_units(run: Path, **given: Any) -> list[dict[str, Any]]:
    options: dict[str, Any] = {"layer": "auto", "units": "auto", "count": 2, "split": "test", "images": None}
    options |= {"steps": 2, "seed": 0, "checkpoint": "best", "accelerator": "cpu", "data": None, "out": None}
    return units(str(run), **{**options, **given})


def test_figures_are_those_of_the_whole_split(trained: Path) -> None:
    rows = run_units(trained, layer="features.2", units=[1, 5])
    loaded = restore(trained, accelerator="cpu")
    predictor, images = loaded.predictor(), loaded.data().splits["test"]
    with torch.no_grad():
        net = nn.Sequential(*(predictor.net.get_submodule(f"features.{n}") for n in range(3)))
        maps_NUHW = net(predictor.inputs(images.images(torch.arange(len(images)))))
    above = maps_NUHW > 0
    assert len(rows) == 6
    assert [row["firing_rate"] for row in rows] == pytest.approx(above.any(3).any(2).float().mean(0).tolist())
    assert [row["firing_places"] for row in rows] == pytest.approx(above.float().mean((0, 2, 3)).tolist())
    assert [row["max"] for row in rows] == pytest.approx(maps_NUHW.amax((0, 2, 3)).tolist(), rel=1e-5)
    assert [row["mean"] for row in rows] == pytest.approx(maps_NUHW.mean((0, 2, 3)).tolist(), rel=1e-4)
    assert [row["made"] is None for row in rows] == [True, False, True, True, True, False]
    folder = trained / "units" / "features.2"
    with (folder / "units.csv").open() as file:
        written = list(csv.DictReader(file))
    first = maps_NUHW.amax((2, 3)).argmax(0).tolist()
    assert [row["image_1"] for row in written] == [images.files[index] for index in first]
    with np.load(folder / "units.npz") as kept:
        assert kept["image"][:, 0].tolist() == first
        assert kept["drawn"].tolist() == [1, 5]
        assert kept["made"].shape == (2, 8, 8, 1)
        top, left, bottom, right = kept["patch"][5, 0]
        row, column = divmod(int(kept["place"][5, 0]), 8)
    assert (top, left) == (max(row - 1, 0), max(column - 1, 0)), "3 × 3 with padding"
    assert (bottom, right) == (min(row + 2, 8), min(column + 2, 8))
    with Image.open(folder / "units_001_005.png") as picture:
        assert picture.width > 1000


def test_a_dead_unit_is_told(trained: Path, tmp_path: Path) -> None:
    content = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
    content["state_dict"]["net.features.1.weight"][4] = 0.0
    content["state_dict"]["net.features.1.bias"][4] = -1.0
    torch.save(content, tmp_path / "dead.ckpt")
    rows = run_units(tmp_path / "dead.ckpt", layer="features.2", units=4)
    assert [row["dead"] for row in rows] == [False] * 4 + [True, False]
    assert rows[4]["firing_rate"] == rows[4]["images"] == 0
    assert (tmp_path / "dead" / "units" / "features.2" / "units_004.png").is_file()


@pytest.mark.slow
def test_a_pretrained_kind_of_net_and_files(catdog: Path, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    for number in range(3):
        with Image.open(photos / "test" / "cat" / f"00{number}.jpg") as photo:
            photo.save(tmp_path / "cat" / f"{number} [1] = 한글.png")
    (tmp_path / "cat" / "broken.png").write_bytes(b"")
    rows = run_units(catdog, images=str(tmp_path), out=str(tmp_path / "out"), count=1)
    assert len(rows) == 512
    found = next(row for row in rows if row["images"] == 3)
    assert {Path(found[f"image_{rank}"]).name for rank in (1, 2, 3)} == {
        f"{n} [1] = 한글.png" for n in range(3)
    }
    assert (found["class_of_most"], found["images_of_that_class"]) == ("cat", 3)
    assert (tmp_path / "out" / "backbone.layer4.1.relu" / "units_000.png").is_file()
    whole = run_units(catdog, layer="backbone.layer1", count=1)
    assert len(whole) == 64
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "a.png").write_bytes(b"")
    with pytest.raises(UserError, match="1 file, no image"):
        run_units(catdog, images=str(tmp_path / "none"))


@pytest.mark.slow
def test_an_autoencoders_latent_vector(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "model=autoencoder", "model.sizes=[16,3]")
    rows = run_units(run)
    assert len(rows) == 3
    assert (run / "units" / "encoder.3" / "units_000_001.png").is_file()
    assert len(run_units(run, layer="decoder.4")) == 1, "the image itself"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"layer": "features.22"}, r"CNN has no layer named 'features.22'. Did you mean features"),
        ({"units": [0, 8]}, r"units=\[0, 8\]: expected auto or numbers from 0 to 7.*features.6 has 8 units"),
        ({"units": "first"}, "units=first: expected auto or numbers"),
        ({"units": []}, r"units=\[\]: expected auto"),
        ({"count": 0}, "count=0: expected at least 1"),
        ({"steps": 0}, "steps=0: expected at least 1"),
        ({"split": "tests"}, "split=tests: expected train, val or test"),
        ({"checkpoint": "epoch_9"}, "no such checkpoint. It has: last.ckpt, best.ckpt"),
        ({"images": "/nowhere"}, "images=/nowhere: there is no such file or folder"),
        ({"out": f"{__file__}/out"}, r"test_units\.py/out cannot be made.*out=<folder>"),
    ],
)
def test_mistakes_are_told_and_nothing_is_written(
    trained: Path, tmp_path: Path, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        run_units(trained, **{"out": str(tmp_path / "out"), **given})
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_command(trained: Path, tmp_path: Path) -> None:
    done = command(f"run={trained}", f"out={tmp_path}", "steps=2", "units=[3]", script="scripts/units.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert "features.6: ReLU, 8 units, each a map of 2 × 2 places. Dead: " in done.stdout
    for wrong, told in (
        (f"run={tmp_path}", "Expected the folder of a run"),
        (f"run={trained}", "Did you mean"),
    ):
        refused = command(wrong, "layer=feature.0", script="scripts/units.py")
        assert (refused.returncode, told in refused.stderr) == (2, True)
        assert "Traceback" not in refused.stderr
