"""Maps of class scores: those of the explainers, and how far to trust them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid.errors import UserError
from tests.commands.explain.runs import METHODS, run_explain
from tests.helpers import compose, make_run


def test_pictures_maps_and_trust(trained: Path, photos: Path) -> None:
    rows = run_explain(trained, photos / "test" / "*" / "00[03].jpg", layers="auto")
    folder = trained / "explanations"
    assert len(rows) == 4 * 4
    assert {row["method"] for row in rows} == set(METHODS)
    with (folder / "trust.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 16
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


def test_a_method_that_does_not_apply_is_left_out(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "model=dnn")
    Image.new("L", (9, 9), 99).save(tmp_path / "a.png")
    assert {row["method"] for row in run_explain(run, tmp_path / "a.png")} == set(METHODS) - {"grad_cam"}
    with pytest.raises(UserError, match="none of the methods applies"):
        run_explain(run, tmp_path / "a.png", explainer=compose("explainer=grad_cam")["explainer"])
    with pytest.raises(UserError, match="no layer named 'blocks'"):
        run_explain(run, tmp_path / "a.png", layers=["blocks"])
