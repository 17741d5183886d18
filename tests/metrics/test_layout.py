"""Layouts and figures of embeddings."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.errors import UserError
from pellucid.metrics.layout import (
    arrange,
    axes_names,
    check_methods,
    explained,
    measures,
    reduced,
    separation_text,
)
from pellucid.metrics.projection import pca

RANDOM = np.random.default_rng(0)


def test_the_share_of_variance_by_hand() -> None:
    vectors = np.array([[3.0, 1, 7], [-3, 1, 7], [3, -1, 7], [-3, -1, 7]])  # variances 9, 1 and 0
    assert explained(arrange("pca", vectors, seed=0), vectors) == pytest.approx([0.9, 0.1])
    assert explained(pca(vectors[:1], 2), vectors[:1]) == [0, 0], "of one point there is none"


def test_few_dimensions_are_the_first_of_many() -> None:
    vectors = RANDOM.normal(size=(90, 80)) * np.arange(1, 81)
    assert reduced(vectors).shape == (90, 64)
    assert reduced(vectors[:, :9]) is not None
    assert np.array_equal(reduced(vectors[:, :9]), vectors[:, :9])
    one, other = arrange("pca", vectors, seed=0), arrange("pca", reduced(vectors), seed=0)
    assert np.abs(one) == pytest.approx(np.abs(other), rel=1e-3, abs=1e-3)


def test_figures_in_words() -> None:
    labels = np.repeat([0, 1], 150)
    apart = RANDOM.normal(size=(300, 4)) + 50 * labels[:, None]
    found = measures(apart, labels, 0)
    assert found["knn_accuracy"] == 1
    assert found["silhouette"] > 0.9
    assert separation_text(found).startswith("; 10-nearest-neighbour accuracy 1.000; silhouette 0.9")
    assert measures(apart[:9], labels[:9], 0) == {}
    assert separation_text({}) == ""


def test_methods() -> None:
    assert axes_names("tsne") == ["", ""]
    assert check_methods([], "methods") == []
    with pytest.raises(UserError, match=r"methods=\['umap'\]: expected some of pca, tsne"):
        check_methods(["umap"], "methods")
