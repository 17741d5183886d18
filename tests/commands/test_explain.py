"""Explanations of image files: pictures, raw maps, and how far to trust them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid.commands.explain.explain import explain
from pellucid.commands.explain.names import OutputNames
from pellucid.config.command import Command
from pellucid.config.command_line import quote_path
from pellucid.errors import UserError
from tests.helpers import CONF, compose, make_run

METHODS = ("saliency", "integrated_gradients", "grad_cam", "occlusion")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    data = ("data=catdog", f"data.root={photos}", f"data.cache={folder / 'cache'}", "data.image_size=16")
    return make_run(folder / "run", "model=cnn", *data, "trainer.max_epochs=3", "optimizer.lr=3e-3")


def run_explain(run: Path, images: Path, **given: Any) -> list[dict[str, Any]]:
    options: dict[str, Any] = {
        "target": "predicted",
        "layers": None,
        "trust": "auto",
        "checkpoint": "best",
        "accelerator": "cpu",
    }
    options |= {"explainer": compose()["explainer"], "out": None}
    return explain(str(run), images=str(images), **{**options, **given})


def test_pictures_maps_and_trust(trained: Path, photos: Path) -> None:
    rows = run_explain(trained, photos / "test", layers="auto")
    folder = trained / "explanations"
    assert len(rows) == 16 * 4
    assert {row["method"] for row in rows} == set(METHODS)
    with (folder / "trust.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 64
    for row in rows:
        for name in ("deletion", "insertion", "random_deletion", "random_insertion"):
            assert 0 <= row[name] <= 1
    names = {path.name for path in folder.glob("*.png")}
    assert "cat_000.jpg.png" in names
    assert "cat_000.jpg_features.0.png" in names
    with np.load(folder / "dog_003.jpg.npz") as kept:
        assert set(kept) == {"image", *METHODS}
        assert kept["saliency"].shape == (16, 16)
        assert kept["image"].shape == (16, 16, 3)


def test_the_maps_are_those_of_the_explainer(trained: Path, photos: Path, tmp_path: Path) -> None:
    """Of integrated gradients they add up to the score less that of black, within 1 %."""
    from pellucid.engine.loaded_run import restore

    file = photos / "test" / "dog" / "001.jpg"
    options = compose("explainer=integrated_gradients", "explainer.integrated_gradients.steps=9")["explainer"]
    run_explain(trained, file, out=str(tmp_path), explainer=options, target="dog")
    predictor = restore(trained, accelerator="cpu").predictor()
    with np.load(tmp_path / "001.jpg.npz") as kept:
        image, total = (
            torch.from_numpy(kept["image"]).permute(2, 0, 1)[None],
            float(kept["integrated_gradients"].sum()),
        )
    both = predictor.inputs(torch.cat([image, torch.zeros_like(image)]))
    scores = predictor.run(both)[:, 1]
    assert total == pytest.approx(float(scores[0] - scores[1]), rel=0.01, abs=1e-3)


@pytest.mark.slow
def test_the_class_that_is_explained(trained: Path, photos: Path, tmp_path: Path) -> None:
    options = compose("explainer=saliency")["explainer"]
    given = {"explainer": options, "out": str(tmp_path)}
    true = run_explain(trained, photos / "test", target="true", **given)
    assert all(row["class"] == Path(row["file"]).parent.name for row in true)
    assert {row["class"] for row in run_explain(trained, photos / "test", target="cat", **given)} == {"cat"}
    with pytest.raises(UserError, match=r"target=dogg: expected predicted, true or a class.*'dog'"):
        run_explain(trained, photos / "test", target="dogg", **given)


def test_mistakes_are_told_and_nothing_is_written(trained: Path, photos: Path, tmp_path: Path) -> None:
    for number in range(17):  # the last one, of no class, is in the second batch
        folder = tmp_path / "photos" / ("cat" if number < 16 else "of none")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 9)).save(folder / f"{number}.png")
    given = {"explainer": compose("explainer=saliency")["explainer"], "out": str(tmp_path / "out")}
    with pytest.raises(UserError, match=r"target=true: the class of .*16\.png is not known"):
        run_explain(trained, tmp_path / "photos", target="true", **given)
    with pytest.raises(UserError, match=r"layers: head gives \(1, 2\)\. Expected maps"):
        run_explain(trained, tmp_path / "photos", layers=["head"], **given)
    with pytest.raises(UserError, match=r"CNN has no layer named '7'"):
        run_explain(trained, tmp_path / "photos", layers=[7], **given)
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").touch()
    with pytest.raises(UserError, match=r"out cannot be made.*out=<folder>"):
        run_explain(trained, tmp_path / "photos", **given)


def test_every_file_has_a_name_of_its_own(tmp_path: Path) -> None:
    files = [
        tmp_path / "a" / "b.png",
        tmp_path / "a_b.png",
        *(tmp_path / f"{n}{'猫' * 80}.png" for n in "12"),
    ]
    names = [OutputNames(files, tmp_path).name(file) for file in files]
    assert names[:2] == ["a_b.png", "a_b.png_2"]
    assert names[2:] == ["猫" * 52 + ".png", "猫" * 52 + ".png_2"]


def test_a_class_is_taken_to_the_letter() -> None:
    assert quote_path("target=true", Command(CONF, "explain")) == "target='true'"
    assert quote_path("target=3", Command(CONF, "explain")) == "target='3'"
    assert quote_path("anomaly=true", Command(CONF, "embed")) == "anomaly='true'"
    assert quote_path("anomaly=[a,b]", Command(CONF, "embed")) == "anomaly=[a,b]"


@pytest.mark.slow
def test_trust_is_measured_on_some_images(
    trained: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evenly spread; of the rest there are maps all the same."""
    given = {"explainer": compose("explainer=saliency")["explainer"], "out": str(tmp_path)}
    files = sorted((photos / "test").rglob("*.jpg"))

    def measured(trust: str | int) -> list[int]:
        rows = run_explain(trained, photos / "test", trust=trust, **given)
        assert [row["file"] for row in rows] == [str(file) for file in files]
        return [place for place, row in enumerate(rows) if "deletion" in row]

    assert measured(2) == [0, 15]
    assert measured(0) == []
    assert measured("all") == measured("auto") == list(range(16)), "of a small net"
    monkeypatch.setattr("pellucid.view.explanations.MAX_OPERATIONS", 0)
    assert measured("auto") == [0, 8, 15], "of a large net three"
    assert len(list(tmp_path.glob("*.npz"))) == 16
    for trust in ("some", -1, 2.5, True):
        with pytest.raises(UserError, match=f"trust={trust}: expected auto, all or a number"):
            run_explain(trained, photos, trust=trust, **given)


def test_an_autoencoders_error_map(tmp_path: Path, photos: Path) -> None:
    data = ("data=catdog", f"data.root={photos}", f"data.cache={tmp_path / 'cache'}", "data.image_size=16")
    run = make_run(tmp_path / "run", "model=autoencoder", *data)
    rows = run_explain(run, photos / "test" / "cat")
    assert all(row["mse"] > 0 for row in rows)
    assert (run / "explanations" / "000.jpg.png").is_file()
    with pytest.raises(UserError, match="target=cat: this net redraws images"):
        run_explain(run, photos / "test" / "cat", target="cat")
    with pytest.raises(UserError, match=r"layers: encoder\.0 gives \(1, 768\)"):
        run_explain(run, photos / "test" / "cat", layers=["encoder.0"])


def test_a_method_that_does_not_apply_is_left_out(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "model=dnn")
    Image.new("L", (9, 9), 99).save(tmp_path / "a.png")
    assert {row["method"] for row in run_explain(run, tmp_path / "a.png")} == set(METHODS) - {"grad_cam"}
    with pytest.raises(UserError, match="none of the methods applies"):
        run_explain(run, tmp_path / "a.png", explainer=compose("explainer=grad_cam")["explainer"])
    with pytest.raises(UserError, match="no layer named 'blocks'"):
        run_explain(run, tmp_path / "a.png", layers=["blocks"])
