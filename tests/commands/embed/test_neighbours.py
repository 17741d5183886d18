"""The nearest training images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from pellucid.engine.loaded_run import restore
from tests.commands.embed.runs import arrays, rows, run_embed


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
