"""All views together, as they are by default: on every kind of net and data, resumed, in two processes."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.commands.train import train
from pellucid.model import xai
from tests.callbacks.drawn import (
    AUTOENCODER,
    CLASSIFIER,
    NARROW,
    OURS,
    VIEWS,
    events,
    failures,
    looked,
    pictures,
)
from tests.fakes import write_photos
from tests.helpers import command, compose, metrics


def test_every_view_is_named_as_its_file_and_on_by_default() -> None:
    assert set(VIEWS) >= OURS
    assert all(kind.name == name for name, kind in VIEWS.items())
    default = compose("callbacks=default")["callbacks"]
    assert {*OURS, "summary", "progress"} <= set(default) <= {*VIEWS, "summary", "progress"}
    assert compose("callbacks=none")["callbacks"] == {}


def test_a_classifier_leaves_these_pictures(classifier: Path) -> None:
    result = metrics(classifier)
    assert not failures(result)
    assert looked(result) == {*OURS, "total"} - AUTOENCODER
    both = [
        *("predictions", "predictions/mistakes", "confusion", "explanations"),
        *("feature_maps/features.0", "feature_maps/features.4", "filters/features.0", "filters/features.4"),
        *("embeddings/pca", "embeddings/tsne", "activations"),
    ]
    expected = {f"{what}/epoch_000{epoch}.png" for what in both for epoch in (1, 2)}
    expected |= {f"film_strip/probe_{place}.png" for place in range(4)}
    assert pictures(classifier) == expected | {"samples/epoch_0000.png", "curves.png"}


def test_an_autoencoder_leaves_these_pictures(autoencoder: Path) -> None:
    result = metrics(autoencoder)
    assert not failures(result)
    assert looked(result) == {*OURS, "total"} - CLASSIFIER - {"feature_maps", "filters"}
    both = [
        *("reconstructions", "reconstructions/extremes", "latent", "latent/traversal"),
        *("embeddings/pca", "embeddings/tsne", "activations"),
    ]
    expected = {f"{what}/epoch_000{epoch}.png" for what in both for epoch in (1, 2)}
    expected |= {f"film_strip/probe_{place}.png" for place in range(4)}
    assert pictures(autoencoder) == expected | {"samples/epoch_0000.png", "curves.png"}
    log = (autoencoder / "train.log").read_text()
    assert log.count("Not for this model") == 1
    assert "feature_maps, filters (no convolutions)" in log


def test_tensorboard_holds_the_same_pictures(classifier: Path) -> None:
    read = events(classifier)
    tags = read.Tags()
    expected = {name.rpartition("/epoch_")[0] for name in pictures(classifier) if "/epoch_" in name}
    expected |= {f"film_strip/probe_{place}" for place in range(4)}
    assert set(tags["images"]) == expected
    assert tags["graph"]
    steps = [event.step for event in read.Images("predictions")]
    assert steps == [40, 80], "on the axis of the curves"
    told = (classifier / "train.log").read_text()
    assert "--samples_per_plugin images=1000" in told, "TensorBoard shows ten of a tag unless told"
    for tag in ("predictions", "feature_maps/features.0", "confusion"):
        shown = Image.open(io.BytesIO(read.Images(tag)[-1].encoded_image_string))
        kept = Image.open(classifier / "figures" / tag / "epoch_0002.png")
        assert np.array_equal(np.asarray(shown), np.asarray(kept)), tag


ONCE = "data.image_size=32 trainer.max_epochs=1"  # of large nets


class TestOtherKindsOfData:
    """Every view on what it was not made with."""

    @pytest.fixture
    def everything(self) -> list[str]:
        return ["callbacks=default", "logger=tensorboard", "trainer.max_epochs=2"]

    def test_a_net_without_convolutions_on_colour_images(
        self, photos: Path, tmp_path: Path, everything: list[str]
    ) -> None:
        data = [
            "data=catdog",
            f"data.root={photos}",
            "data.image_size=16",
            f"data.cache={tmp_path / 'cache'}",
        ]
        result = train(compose("model=dnn", *data, *everything), tmp_path / "run")
        assert not failures(result)
        assert looked(result) == {*OURS, "total"} - AUTOENCODER - {"feature_maps", "filters"}

    @pytest.mark.slow
    def test_one_probe_image_of_two_hundred_classes(self, tmp_path: Path, everything: list[str]) -> None:
        write_photos(tmp_path / "photos", {f"class $_{label}": 3 for label in range(200)})
        config = compose(
            "model=cnn", "data=image_folder", f"data.root={tmp_path / 'photos'}", "data.image_size=16",
            f"data.cache={tmp_path / 'cache'}", *everything,
        )  # fmt: skip
        for name, key in (("feature_maps", "images"), ("explanations", "images"), ("film_strip", "images")):
            config["callbacks"][name][key] = 1
        config["callbacks"]["predictions"]["count"] = config["callbacks"]["samples"]["count"] = 1
        result = train(config, tmp_path / "run")
        assert not failures(result)
        assert looked(result) == {*OURS, "total"} - AUTOENCODER

    @pytest.mark.slow
    @pytest.mark.parametrize("sizes", [[8, 1], [8, 2], [8, 5]])
    def test_codes_of_any_length_on_colour_images(
        self, photos: Path, tmp_path: Path, everything: list[str], sizes: list[int]
    ) -> None:
        data = [
            "data=catdog",
            f"data.root={photos}",
            "data.image_size=16",
            f"data.cache={tmp_path / 'cache'}",
        ]
        result = train(
            compose("model=autoencoder", f"model.sizes={sizes}", *data, *everything), tmp_path / "run"
        )
        assert not failures(result)
        assert looked(result) >= {"latent", "reconstructions", "film_strip", "embeddings"}

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "model",
        [
            "model=gcn",
            "model=xai data.image_size=34 trainer.precision=bf16-mixed",
            "model=resnet_frozen model.weights=none {once}",
            pytest.param(
                "model=resnet_frozen model.arch=densenet121 model.weights=none {once}",
                marks=pytest.mark.heavy,
            ),
            "model=timm model.arch=test_vit model.weights=none {once}",
            pytest.param(
                "model=resnet_finetune model.arch=vit_b_16 model.weights=none {once}", marks=pytest.mark.heavy
            ),
            "model=cnn trainer.precision=bf16-true data.image_size=16",
            "model=cnn data.image_size=16 +trainer.limit_val_batches=1 +trainer.check_val_every_n_epoch=2",
        ],
    )
    def test_other_nets_and_precisions(
        self, photos: Path, tmp_path: Path, everything: list[str], model: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(xai, "STAGES", NARROW)
        data = ["data=catdog", f"data.root={photos}", f"data.cache={tmp_path / 'cache'}"]
        result = train(compose(*data, *everything, *model.format(once=ONCE).split()), tmp_path / "run")
        assert not failures(result), (tmp_path / "run" / "train.log").read_text()
        without = {"feature_maps", "filters"} if "gcn" in model else set()
        assert looked(result) == {*OURS, "total"} - AUTOENCODER - without


@pytest.mark.slow
def test_a_resumed_run_goes_on_with_its_pictures(tmp_path: Path) -> None:
    line = ["model=cnn", "callbacks=default", "logger=tensorboard"]
    options = ["callbacks.embeddings.every_n_epochs=1", "callbacks.filters.every_n_epochs=1"]
    train(compose(*line, *options, "trainer.max_epochs=1"), tmp_path)
    start = (tmp_path / "figures" / "filters" / "start.npz").read_bytes()
    samples = (tmp_path / "figures" / "samples" / "epoch_0000.png").stat().st_mtime_ns
    before = metrics(tmp_path)
    result = train(compose(*line, *options, "trainer.max_epochs=2"), tmp_path, resume=True)
    assert not failures(result)
    assert (tmp_path / "figures" / "filters" / "start.npz").read_bytes() == start
    assert (tmp_path / "figures" / "samples" / "epoch_0000.png").stat().st_mtime_ns == samples
    assert result["look/bytes/predictions"] > before["look/bytes/predictions"]
    layouts = [np.load(tmp_path / "figures" / "embeddings" / f"epoch_000{epoch}.npz") for epoch in (1, 2)]
    for method in ("pca", "tsne"):
        one, other = (layout[method] for layout in layouts)
        assert (one * other).sum() > 0, "the later layout is turned as the earlier one"
    frames = sorted(path.name for path in (tmp_path / "figures" / "film_strip" / "frames").iterdir())
    assert frames == ["epoch_0001.npz", "epoch_0002.npz"]
    projector = tmp_path / "tensorboard" / "projector"
    assert sorted(path.name for path in projector.iterdir()) == ["epoch_0001", "epoch_0002"]


@pytest.mark.slow
def test_broken_files_of_a_killed_run_are_passed_over(tmp_path: Path) -> None:
    line = ["model=cnn", "callbacks=[film_strip,filters,embeddings]", "callbacks.embeddings.every_n_epochs=1"]
    train(compose(*line, "trainer.max_epochs=1"), tmp_path)
    names = ["film_strip/frames/epoch_0001.npz", "filters/start.npz", "embeddings/epoch_0001.npz"]
    for name in names:
        path = tmp_path / "figures" / name
        path.write_bytes(path.read_bytes()[:100])
    result = train(compose(*line, "trainer.max_epochs=2"), tmp_path, resume=True)
    assert not failures(result)


@pytest.mark.slow
def test_two_processes_draw_once(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    done = command(
        "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "model=cnn", "trainer.max_epochs=2",
        f"hydra.run.dir={folder}", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = metrics(folder)
    assert not failures(result)
    assert looked(result) == {*OURS, "total"} - AUTOENCODER
    assert [event.step for event in events(folder).Images("predictions")] == [20, 40]
    assert len(list((folder / "tensorboard").glob("events*"))) <= 3
    assert done.stdout.count("Not for this model") == 1
    rows = (folder / "tensorboard" / "projector" / "epoch_0002" / "metadata.tsv").read_text().splitlines()
    assert len(rows) == 1 + 90, "rank 0's share of 179 images"
    assert "val/accuracy" in result
