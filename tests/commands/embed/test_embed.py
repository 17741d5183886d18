"""The command embed: any layer and split, what it refuses, and its own process."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from pellucid.config.command import Command
from pellucid.config.command_line import quote_path, split
from pellucid.config.data_override import read_data
from pellucid.data.stream import of_split
from pellucid.engine.loaded_run import restore
from pellucid.errors import UserError
from pellucid.view.embedding import observe
from tests.commands.embed.runs import arrays, run_embed
from tests.helpers import CONF, command, same


def test_any_layer_and_split_and_the_net_is_left_as_it_was(classifier: Path, tmp_path: Path) -> None:
    before = restore(classifier, accelerator="cpu")
    state = {name: value.clone() for name, value in before.net.state_dict().items()}
    batches = of_split(before.data(), "val").batches(6)
    seen = observe(before.predictor(), batches, "features.0", count=6, points=3, side=32, seed=0)
    assert same(state, before.net.state_dict())
    assert not any(module._forward_hooks or module.training for module in before.net.modules())
    assert len(seen.sample.files) == len(seen.thumbnails_PHWC) == 3
    assert (
        run_embed(classifier, layer="features.0", split="val", out=str(tmp_path / "o = [1]"))["images"] == 6
    )
    kept = arrays(tmp_path / "o = [1]" / "features.0_val.npz")
    first: Any = before.net.get_submodule("features.0")
    (batch,) = of_split(before.data(), "val").batches(99)
    with torch.no_grad():
        maps = first(before.predictor().inputs(batch.pixels_BCHW))
    assert kept["features_ND"] == pytest.approx(maps.mean(dim=(2, 3)).numpy(), abs=1e-5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"layer": "featurs"}, r"layer=featurs: CNN has no layer of that name\. Did you mean features"),
        ({"split": "tests"}, "split=tests: expected train, val or test"),
        ({"methods": ["umap"]}, "expected some of pca, tsne"),
        ({"points": 5001}, "points=5001: expected 1 to 5,000"),
        ({"tsne_points": 0}, "tsne_points=0: expected 1"),
        ({"nearest": 0}, "nearest=0: expected 1 to 60"),
        ({"distance": "l1"}, "distance=l1: expected cosine or euclidean"),
        ({"images": "/no/*.jpg"}, r"images=/no/\*\.jpg: no file matches"),
        ({"neighbours": "/no/*.jpg"}, r"neighbours=/no/\*\.jpg: no file matches"),
        ({"anomalies": 3}, "no autoencoder"),
        ({"anomalies": -1}, "anomalies=-1: expected 0 to 96"),
        ({"anomaly": "dog"}, "no autoencoder"),
        ({"checkpoint": "epoch_9"}, "no such checkpoint"),
        ({"run": "/no/run"}, "does not exist"),
        ({"data": read_data(split(["data=digits"]), CONF)}, "trained on 2"),
    ],
)
def test_mistakes_are_told_and_nothing_is_written(
    classifier: Path, tmp_path: Path, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        run_embed(**{"run": classifier, "out": str(tmp_path / "out"), **given})
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_is_told_before_data_are_read(
    classifier: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file/out cannot be made.*out=<folder>"):
        run_embed(classifier, data=None, out=str(tmp_path / "file" / "out"))


def test_what_cannot_be_looked_at(classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.jpg").write_bytes(b"none")
    for option in ("images", "neighbours"):
        with pytest.raises(UserError, match=rf"{option}=.*1 file, no image"):
            run_embed(classifier, **{option: str(tmp_path), "out": str(tmp_path / "out")})
    monkeypatch.setattr("pellucid.view.embedding.MAX_BYTES", 16 * 120 * 4 - 1)
    with pytest.raises(UserError, match="16 vectors of 120 numbers would take"):
        run_embed(classifier, out=str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    trained = restore(classifier, accelerator="cpu")
    with torch.no_grad():
        next(trained.net.parameters()).fill_(torch.nan)
    batches = of_split(trained.data(), "test").batches(6)
    with pytest.raises(UserError, match=r"layer=embed: what it gives for \S*000.jpg is not finite"):
        observe(trained.predictor(), batches, "embed", count=16, points=5, side=32, seed=0)


def test_paths_and_layers_are_taken_to_the_letter() -> None:
    assert quote_path("neighbours=a b=[1].png", Command(CONF, "embed")) == "neighbours='a b=[1].png'"
    assert quote_path("layer=1.10", Command(CONF, "embed")) == "layer='1.10'"


@pytest.mark.slow
def test_the_command(classifier: Path, tmp_path: Path, photos: Path) -> None:
    query = tmp_path / "a = [1].jpg"
    shutil.copy(photos / "test" / "cat" / "000.jpg", query)
    given = [f"run={classifier}", f"out={tmp_path / 'out'}", "layer=features", "methods=[pca]"]
    done = command(*given, f"neighbours={query}", script="scripts/embed.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"tensorboard --logdir {tmp_path / 'out' / 'projector'}" in done.stdout.replace("\n", "")
    assert (tmp_path / "out" / "features_neighbours.png").is_file()
    wrong = command(*given[:2], "layer=featurs", script="scripts/embed.py", cwd=tmp_path)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error: layer=featurs")
    assert "Traceback" not in wrong.stderr
