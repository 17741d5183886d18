"""The page's scatter: its distances, and which layer it is of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.report.run.context import Context
from pellucid.report.run.embedding import _points, embedding

IMAGES = torch.arange(16, dtype=torch.uint8).view(4, 1, 2, 2)


def sees_flat() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 2))


def keep(run: Path, **arrays: Any) -> None:
    (run / "figures" / "embeddings").mkdir(parents=True)
    np.savez(run / "figures" / "embeddings" / "epoch_0003.npz", **arrays)


def test_what_the_view_has_drawn_last_of_images_that_each_method_shows(
    make_context: Callable[..., Context], tmp_path: Path
) -> None:
    layout = {"pca": np.eye(4)[:3, :2], "pca_index": np.array([0, 1, 3])}
    keep(tmp_path, **layout, tsne=np.eye(2), tsne_index=np.array([1, 3]))
    context = make_context(sees_flat(), IMAGES, [0, 1, 0, 1])
    context.loaded.config["callbacks"] = {"embeddings": {"layer": "1"}}
    section = embedding(context)
    assert section is not None
    assert (section.layer, section.note) == ("1", "2 validation images after epoch 3")
    assert list(section.files) == ["1.png", "3.png"]
    assert set(section.scatters) == {"t-SNE", "PCA"}
    assert section.names == ["dog", "dog"]
    upper, lower = section.scatters["PCA"]  # (0, 1) and (0, 0), the layout's second and third row
    assert upper.x == lower.x
    assert upper.y < lower.y
    assert [name for name, _ in section.legend] == ["dog"]


def test_without_it_or_with_what_is_none_principal_components_of_the_test_images(
    make_context: Callable[..., Context], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep(tmp_path, pca=np.array([[0, np.nan]]), pca_index=np.array([0]))
    for as_trained in (False, True):
        section = embedding(make_context(sees_flat(), IMAGES, [0, 1, 0, 1], as_trained=as_trained))
        assert section is not None
        assert (section.layer, section.note) == ("embed", "4 of 4 test images")
        # The images lie on a line: so do the points, as far from one another.
        across, *_ = {point.y for point in section.scatters["PCA"]}, None
        steps = np.abs(np.diff(sorted(point.x for point in section.scatters["PCA"])))
        assert steps == pytest.approx([steps[0]] * 3, abs=0.2)
        assert max(across) - min(across) < 1
        assert ("not two finite numbers" in caplog.text) is as_trained


def test_a_net_without_a_linear_layer_has_no_scatter(make_context: Callable[..., Context]) -> None:
    assert embedding(make_context(nn.Flatten(), IMAGES, [0, 1, 0, 1])) is None


def test_points_keep_their_distances() -> None:
    points = _points(
        np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 1.0]]), [("red", "o"), ("blue", "o"), ("red", "o")]
    )
    assert points[1].x - points[0].x == pytest.approx(4 * (points[0].y - points[2].y), abs=0.3)
    assert points[0].colour == points[2].colour != points[1].colour
