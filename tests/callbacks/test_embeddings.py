"""The projector's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid.callbacks.embeddings import Embeddings
from pellucid.engine.build import make_data
from pellucid.engine.session import train
from pellucid.errors import UserError
from pellucid.inside.predictor import Predictor
from pellucid.system.files import read_arrays
from tests.callbacks.scene import convolutional
from tests.helpers import compose, metrics


def test_the_projector_names_the_images(classifier: Path) -> None:
    folder = classifier / "tensorboard" / "projector"
    assert sorted(path.name for path in folder.iterdir()) == ["epoch_0001", "epoch_0002"]
    rows = [line.split("\t") for line in (folder / "epoch_0002" / "metadata.tsv").read_text().splitlines()]
    assert rows[0] == ["index", "file", "true", "predicted", "correct", "confidence"]
    assert len(rows) == 1 + 179
    data = make_data(compose("model=cnn"))
    data.setup()
    val = data.splits["val"]
    sprite = np.asarray(Image.open(folder / "epoch_0002" / "sprite.png"))
    across = sprite.shape[0] // 8
    right = 0
    for place, (index, file, true, predicted, correct, confidence) in enumerate(rows[1:]):
        assert val.files[int(index)] == file
        assert data.spec.classes[val.labels_N[int(index)]] == true
        assert correct == ("yes" if true == predicted else "no")
        assert 0.1 <= float(confidence) <= 1
        right += correct == "yes"
        top, left = place // across * 8, place % across * 8
        image = val.images(torch.tensor([int(index)]))[0, 0].numpy()
        assert np.abs(sprite[top : top + 8, left : left + 8].astype(int) - image).max() <= 1, file
    kept = (classifier / "metrics.csv").read_text().splitlines()
    last = dict(zip(kept[0].split(","), kept[-1].split(","), strict=True))
    assert right / 179 == pytest.approx(float(last["val/accuracy"]), abs=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "feature"}, "CNN has no layer named 'feature'"),
        ({"points": 5001}, "expected 1 to 5,000"),
        ({"methods": ["umap"]}, "expected some of pca, tsne"),
    ],
)
def test_wrong_options_are_told(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    scene = convolutional(tmp_path)
    with pytest.raises(UserError, match=message):
        (view := Embeddings(**options, figures=scene.figures)).reason(scene.at(view))


def test_any_layer_that_gives_vectors_or_maps_may_be_named(tmp_path: Path) -> None:
    scene = convolutional(tmp_path)
    view = Embeddings(layer="features", figures=scene.figures)
    assert view.reason(scene.at(view)) is None


def test_features_of_a_frozen_net_are_those_of_validation_and_keep_their_layout(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = [
        *("model=resnet_frozen", "model.weights=none", "trainer.max_epochs=2", "callbacks=embeddings"),
        *("data=catdog", f"data.root={photos}", f"data.cache={tmp_path / 'cache'}", "data.image_size=32"),
        *("logger=none", "callbacks.embeddings.every_n_epochs=1", "report=false", "data.val_fraction=0.4"),
    ]
    train(compose(*options, "callbacks.embeddings.layer=backbone"), tmp_path / "backbone")
    with monkeypatch.context() as patch:
        patch.delattr(Predictor, "embed_all")
        train(compose(*options), tmp_path / "embed")
    assert not [key for key in metrics(tmp_path / "embed") if key.startswith("look/failed")]
    layouts = {
        (run, epoch): read_arrays(tmp_path / run / "figures" / "embeddings" / f"epoch_{epoch:04d}.npz")
        for run in ("embed", "backbone")
        for epoch in (1, 2)
    }
    assert len(layouts["embed", 1]["pca"]) == 16
    for method in ("pca", "tsne", "pca_index"):
        assert np.array_equal(layouts["embed", 1][method], layouts["embed", 2][method])
        assert layouts["embed", 1][method] == pytest.approx(layouts["backbone", 1][method], rel=1e-3)
