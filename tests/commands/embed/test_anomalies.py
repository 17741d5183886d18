"""Images that are drawn badly, and how well that tells an anomaly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pellucid.data.stream import of_split
from pellucid.engine.loaded_run import restore
from pellucid.errors import UserError
from tests.commands.embed.runs import arrays, rows, run_embed
from tests.fakes import write_photos


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
