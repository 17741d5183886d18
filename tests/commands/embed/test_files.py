"""Vectors, pictures and projector files of a layer: what the net makes of the images."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid.data.stream import of_split
from pellucid.engine.loaded_run import restore
from tests.commands.embed.runs import arrays, run_embed


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
