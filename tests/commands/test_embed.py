"""Vectors of a run's layers, the images that are near, and those that are drawn badly."""

from __future__ import annotations

import csv
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from pellucid.commands.embed.embed import embed
from pellucid.config.command import Command
from pellucid.config.command_line import quote_path, split
from pellucid.config.data_override import read_data
from pellucid.data.stream import of_split
from pellucid.engine.loaded_run import restore
from pellucid.errors import UserError
from pellucid.view.embedding import observe
from tests.fakes import write_photos
from tests.helpers import CONF, command, make_run, same


def run_embed(run: Path, **given: Any) -> dict[str, Any]:
    quick: dict[str, Any] = {"accelerator": "cpu", "data": None, "methods": []}
    return embed(**{**quick, "run": str(run), **given})


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as kept:
        return dict(kept)


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> tuple[str, ...]:
    cache = tmp_path_factory.mktemp("cache")
    return (
        "data=catdog",
        f"data.root={photos}",
        f"data.cache={cache}",
        "data.image_size=16",
        "data.batch_size=6",
    )


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory, data: tuple[str, ...]) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "run", "model=cnn", *data)


@pytest.fixture(scope="module")
def autoencoder(tmp_path_factory: pytest.TempPathFactory, data: tuple[str, ...]) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "run", "model=autoencoder", *data)


def test_vectors_are_those_of_the_net(classifier: Path, tmp_path: Path) -> None:
    figures = run_embed(classifier, methods=["pca", "tsne"])
    folder = classifier / "embeddings"
    kept = arrays(folder / "embed_test.npz")
    trained = restore(classifier, accelerator="cpu")
    images = trained.data()
    (batch,) = of_split(images, "test").batches(99)
    with torch.no_grad():
        pixels = trained.predictor().inputs(batch.pixels_BCHW)
        embedded = trained.net.embed(pixels)  # type: ignore[operator]
        logits = trained.net(pixels)
    assert kept["features_ND"] == pytest.approx(embedded.numpy(), abs=1e-5)
    assert kept["features_ND"].dtype == np.float32
    assert kept["predicted_N"].tolist() == logits.argmax(1).tolist()
    assert kept["confidence_N"] == pytest.approx(logits.softmax(1).amax(1).numpy(), abs=1e-5)
    assert kept["labels_N"].tolist() == batch.labels_B.tolist()
    assert kept["files_N"].tolist() == list(images.splits["test"].files)
    assert kept["classes"].tolist() == ["cat", "dog"]
    assert [str(kept[key]) for key in ("run", "checkpoint", "epoch", "layer", "split")] == [
        *(str(classifier), "best.ckpt", "1", "embed", "test")
    ]
    assert figures["accuracy"] == np.mean(kept["predicted_N"] == kept["labels_N"])
    assert {path.name for path in folder.glob("*.png")} == {"embed_test_pca.png", "embed_test_tsne.png"}
    place = folder / "projector" / "embed_test"
    metadata = [line.split("\t") for line in (place / "metadata.tsv").read_text().splitlines()]
    assert metadata[0] == ["index", "file", "true", "predicted", "correct", "confidence"]
    assert [line[1] for line in metadata[1:]] == kept["files_N"].tolist()
    assert {path.name for path in place.iterdir()} >= {
        "sprite.png",
        "tensors.bytes",
        "projector_config.pbtxt",
    }


def test_any_layer_and_split_and_the_net_is_left_as_it_was(classifier: Path, tmp_path: Path) -> None:
    before = restore(classifier, accelerator="cpu")
    state = {name: value.clone() for name, value in before.net.state_dict().items()}
    batches = of_split(before.data(), "val").batches(6)
    seen = observe(before.predictor(), batches, "features.0", count=6, points=3, side=32, seed=0)
    assert same(state, before.net.state_dict())
    assert not any(module._forward_hooks or module.training for module in before.net.modules())
    assert len(seen.shown.files) == len(seen.thumbnails_PHWC) == 3
    assert (
        run_embed(classifier, layer="features.0", split="val", out=str(tmp_path / "o = [1]"))["images"] == 6
    )
    kept = arrays(tmp_path / "o = [1]" / "features.0_val.npz")
    first: Any = before.net.get_submodule("features.0")
    (batch,) = of_split(before.data(), "val").batches(99)
    with torch.no_grad():
        maps = first(before.predictor().inputs(batch.pixels_BCHW))
    assert kept["features_ND"] == pytest.approx(maps.mean(dim=(2, 3)).numpy(), abs=1e-5)


def test_files_in_place_of_a_split(
    classifier: Path,
    photos: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging.getLogger("pellucid"), "propagate", True)
    mixed = tmp_path / "a [1] = 한글"
    for name in ("dog", "strange"):
        (mixed / name).mkdir(parents=True)
        shutil.copy(photos / "test" / "dog" / "000.jpg", mixed / name / "a.jpg")
    Image.new("L", (3, 90), 77).save(mixed / "strange" / "tall.png")
    (mixed / "bad.jpg").write_bytes(b"none")

    def no_data(config: Any) -> Any:
        raise AssertionError("the run's data are not needed")

    run_embed(classifier, images=str(mixed), data=no_data, out=str(tmp_path), methods=["pca", "tsne"])
    kept = arrays(tmp_path / "embed_images.npz")
    assert [Path(file).name for file in kept["files_N"]] == ["a.jpg", "a.jpg", "tall.png"]
    assert kept["labels_N"].tolist() == [1, -1, -1]
    assert np.array_equal(kept["features_ND"][0], kept["features_ND"][1])
    assert "1 of 4 files cannot be read" in caplog.text
    metadata = (tmp_path / "projector" / "embed_images" / "metadata.tsv").read_text().splitlines()
    assert [line.split("\t")[2] for line in metadata[1:]] == ["dog", "not known", "not known"]


def test_neighbours_are_the_nearest_training_images(classifier: Path, photos: Path, tmp_path: Path) -> None:
    trained = restore(classifier, accelerator="cpu")
    files = trained.data().splits["train"].files
    query = photos / files[4]
    run_embed(classifier, split="train", neighbours=str(query), nearest=5, out=str(tmp_path))
    found = rows(tmp_path / "embed_neighbours.csv")
    assert [row["rank"] for row in found] == ["1", "2", "3", "4", "5"]
    assert (found[0]["file"], found[0]["same_image"]) == (files[4], "True")
    assert float(found[0]["distance"]) < 1e-6
    assert {row["same_image"] for row in found[1:]} == {"False"}
    assert {row["query_class"] for row in found} == {query.parent.name}
    kept = arrays(tmp_path / "embed_train.npz")
    known = NearestNeighbors(n_neighbors=5, metric="cosine").fit(kept["features_ND"].astype(np.float64))
    distances, index = known.kneighbors(kept["features_ND"][4:5].astype(np.float64))
    assert [row["file"] for row in found] == [files[place] for place in index[0]]
    assert [float(row["distance"]) for row in found] == pytest.approx(distances[0].tolist(), abs=1e-6)
    assert (tmp_path / "embed_neighbours.png").is_file()


def test_two_images_that_a_layer_takes_for_one_are_not_the_same(
    autoencoder: Path, photos: Path, tmp_path: Path
) -> None:
    queries = str(photos / "test" / "cat" / "00[12].jpg")
    given = {"neighbours": queries, "nearest": 40, "distance": "euclidean", "out": str(tmp_path)}
    trained = restore(autoencoder, accelerator="cpu")
    poor = trained.net.get_submodule("encoder")[-1]  # type: ignore[index]
    with torch.no_grad():
        poor.weight.zero_()
    content = torch.load(trained.checkpoint, weights_only=True)
    content["state_dict"] |= {f"net.{k}": v for k, v in trained.net.state_dict().items()}
    torch.save(content, tmp_path / "poor.ckpt")
    run_embed(tmp_path / "poor.ckpt", **given)
    found = rows(tmp_path / "embed_neighbours.csv")
    assert len(found) == 2 * 34, "never more than there are"
    assert {float(row["distance"]) for row in found} == {0.0}
    assert {row["same_image"] for row in found} == {"False"}
    assert {row["predicted"] for row in found} == {""}


def test_the_worst_reconstructed_and_how_well_that_tells(autoencoder: Path, tmp_path: Path) -> None:
    figures = run_embed(autoencoder, anomalies=5, anomaly="dog", out=str(tmp_path))
    found = rows(tmp_path / "anomalies_test.csv")
    errors = np.array([float(row["mse"]) for row in found])
    is_dog = np.array([row["class"] == "dog" for row in found])
    assert [row["anomaly"] == "True" for row in found] == is_dog.tolist()
    assert len(found) == 16
    assert (np.diff(errors) <= 0).all(), "the worst first"
    pairs = errors[is_dog][:, None] - errors[~is_dog][None]
    by_hand = np.mean((pairs > 0) + 0.5 * (pairs == 0))
    assert figures["auroc"] == pytest.approx(by_hand)
    assert figures["auroc"] == pytest.approx(roc_auc_score(is_dog, errors))
    assert figures["auroc_low"] <= figures["auroc"] <= figures["auroc_high"]
    kept = arrays(tmp_path / "embed_test.npz")
    by_file = dict(zip(kept["files_N"].tolist(), kept["mse_N"].tolist(), strict=True))
    assert [by_file[row["file"]] for row in found] == pytest.approx(errors.tolist())
    trained = restore(autoencoder, accelerator="cpu")
    (batch,) = of_split(trained.data(), "test").batches(99)
    redrawn = trained.predictor().run(trained.predictor().inputs(batch.pixels_BCHW))
    by_hand = (redrawn - batch.pixels_BCHW / 255).square().mean(dim=(1, 2, 3)).numpy()
    assert kept["mse_N"] == pytest.approx(by_hand, rel=1e-4)
    assert {path.name for path in tmp_path.glob("*.png")} == {"anomalies_test.png", "roc_test.png"}


def test_an_anomaly_that_is_no_class_of_the_run(autoencoder: Path, tmp_path: Path) -> None:
    write_photos(tmp_path / "seen", {"cat": 3, "broken": 2})
    given = {"images": str(tmp_path / "seen"), "out": str(tmp_path / "out")}
    run_embed(autoencoder, anomaly=["broken"], **given)
    found = rows(tmp_path / "out" / "anomalies_images.csv")
    assert {row["class"]: row["anomaly"] for row in found} == {"broken": "True", "cat": "False"}
    assert not (tmp_path / "out" / "anomalies_images.png").exists(), "none was asked for"
    with pytest.raises(UserError, match=r"anomaly=broke: none .*Did you mean 'broken'"):
        run_embed(autoencoder, anomaly="broke", **given)
    with pytest.raises(UserError, match=r"anomaly=broken: .* They are of cat, dog\."):
        run_embed(autoencoder, anomaly="broken", data=None, out=str(tmp_path))  # before any data are read
    with pytest.raises(UserError, match="all 5 images are"):
        run_embed(autoencoder, anomaly=["broken", "cat"], **given)


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
