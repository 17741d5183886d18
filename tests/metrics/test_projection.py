"""Layouts that do not flip between epochs, and figures worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from pellucid.metrics.projection import knn_accuracy, pca, silhouette, tsne


def clouds(count: int = 300, *, seed: int = 0, dimensions: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Five clouds of points far apart, and the cloud of each."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 5
    centres = np.random.default_rng(9).normal(size=(5, dimensions)) * 8
    return centres[labels] + random.normal(size=(count, dimensions)), labels


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two layouts, both axes together."""
    return float(np.corrcoef((one - one.mean(0)).ravel(), (other - other.mean(0)).ravel())[0, 1])


# PCA.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pca_is_scikit_learns(dtype: type) -> None:
    vectors: np.ndarray = (clouds()[0] + 1000).astype(dtype)
    expected = PCA(3, svd_solver="full").fit_transform(vectors.astype(np.float64))
    layout = pca(vectors, 3)
    assert layout.dtype == np.float32
    np.testing.assert_allclose(layout, expected, rtol=1e-4, atol=1e-4)


def test_pca_follows_an_earlier_layout_axis_by_axis() -> None:
    vectors, _ = clouds()
    first = pca(vectors, 3)
    again = pca(vectors + 0.01, 3, previous_ND=first * [-1, 1, -1] + 5)
    np.testing.assert_allclose(again, first * [-1, 1, -1], atol=1e-3)
    fewer = pca(vectors, 3, previous_ND=-first[:, :2])
    np.testing.assert_allclose(fewer, first * [-1, -1, 1], atol=1e-3)


def test_pca_of_fewer_dimensions_has_columns_of_zeros() -> None:
    layout = pca(np.array([[0.0], [1.0], [2.0]]), 3)
    np.testing.assert_allclose(np.abs(layout), [[1, 0, 0], [0, 0, 0], [1, 0, 0]], atol=1e-6)


@pytest.mark.parametrize("vectors", [np.full((7, 3), 0.1), np.ones((1, 4)), np.zeros((300, 2))])
def test_points_that_are_all_equal_lie_at_the_origin(vectors: np.ndarray) -> None:
    for layout in (pca(vectors, 2), tsne(vectors, seed=0)):
        assert layout.shape == (len(vectors), 2)
        assert not layout.any()


# t-SNE.


def test_tsne_parts_the_clouds_and_is_the_same_for_a_seed() -> None:
    vectors, labels = clouds()
    np.random.seed(3)  # noqa: NPY002  the global generator is what must not move
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    layout = tsne(vectors, seed=0)
    assert np.random.random() == expected  # noqa: NPY002
    assert knn_accuracy(layout, labels) == 1
    assert np.array_equal(layout, tsne(vectors, seed=0))
    assert not np.array_equal(layout, tsne(vectors, seed=1))
    np.testing.assert_allclose(layout.mean(axis=0), 0, atol=1e-4)


def test_tsne_takes_any_seed_of_a_run() -> None:
    assert np.isfinite(tsne(clouds()[0], seed=2**40)).all()


def test_tsne_stays_where_it_was_an_epoch_before() -> None:
    first = tsne(clouds(seed=0)[0], seed=0)
    quarter = first @ np.array([[0.0, 1.0], [1.0, 0.0]]) + 100  # turned, mirrored and moved
    vectors = clouds(seed=1)[0]
    assert agreement(tsne(vectors, seed=0, previous_N2=quarter), quarter) > 0.9
    assert agreement(tsne(vectors, seed=0), quarter) < 0.5


def test_tsne_survives_duplicates_few_points_and_a_collapsed_layout() -> None:
    vectors, _ = clouds(40)
    doubled = np.concatenate([vectors] * 3)
    assert np.isfinite(tsne(doubled, seed=0)).all()
    assert np.isfinite(tsne(doubled, seed=0, previous_N2=np.zeros((120, 2)))).all()
    assert tsne(vectors[:, :1], seed=0).std(axis=0).min() > 0.1, "points of a line leave it"
    assert np.isfinite(tsne(vectors[:5], seed=0)).all()
    np.testing.assert_array_equal(tsne(vectors[:4], seed=0), pca(vectors[:4], 2))


# Figures.


def test_neighbours_by_hand() -> None:
    """Pairs of points far from all others: each one's nearest is its partner."""
    places = np.repeat(np.arange(200) * 10.0, 2) + np.tile([0, 0.1], 200)
    vectors = np.stack([places, np.zeros(400)], axis=1)
    apart = np.repeat(np.arange(200) % 2, 2)
    assert knn_accuracy(vectors, apart, k=1) == 1
    mixed = np.tile([0, 1], 200)
    assert knn_accuracy(vectors, mixed, k=1) == 0
    half = np.concatenate([apart[:200], mixed[200:]])
    assert knn_accuracy(vectors, half, k=1) == 0.5


def test_a_neighbour_vote_by_hand() -> None:
    """Every point in one place but one, whose neighbours are all of the other class."""
    vectors = np.zeros((300, 2))
    vectors[0] = 1
    labels = np.zeros(300, dtype=int)
    labels[0] = 7
    assert knn_accuracy(vectors, labels) == pytest.approx(299 / 300)


def test_silhouette_by_hand() -> None:
    """a: the distance within a class, 1 for all but oneself; b: to the other class. (b - a) / b."""
    count = 300
    vectors = np.zeros((count, 1))
    labels = np.arange(count) % 2
    vectors[labels == 1] = 10
    assert silhouette(vectors, labels, seed=0) == pytest.approx(1)
    assert silhouette(vectors, 1 - labels, seed=0) == pytest.approx(1)
    corners = np.stack([np.where(labels == 1, 10.0, 0.0), (np.arange(count) // 2 % 2).astype(float)], axis=1)
    within = 75 / 149  # half of one's class is 1 away, the other half 0, oneself not counted
    between = (10 + np.sqrt(101)) / 2
    assert silhouette(corners, labels, seed=0) == pytest.approx(1 - within / between)


def test_figures_of_many_points_are_of_a_sample() -> None:
    vectors, labels = clouds(6000, dimensions=4)
    order = np.argsort(labels, kind="stable")  # a sample of the first would hold two classes
    assert knn_accuracy(vectors[order], labels[order]) == pytest.approx(1, abs=0.01)
    scores = [silhouette(vectors[order], labels[order], seed=seed) for seed in (0, 0, 1)]
    assert scores[0] == scores[1] != scores[2]
    assert scores[0] == pytest.approx(scores[2], abs=0.02)


@pytest.mark.parametrize(
    ("count", "labels"),
    [
        (255, np.arange(255) % 2),
        (256, np.zeros(256, dtype=int)),
        (256, np.arange(256)),
    ],
)
def test_no_figure_where_it_has_no_meaning(count: int, labels: np.ndarray) -> None:
    vectors = clouds(count)[0]
    assert knn_accuracy(vectors, labels) is None
    assert silhouette(vectors, labels, seed=0) is None
    again = clouds(256)[0]
    assert knn_accuracy(again, np.arange(256) % 2) is not None
    assert silhouette(again, np.arange(256) % 2, seed=0) is not None


# What cannot be.


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(bad: float) -> None:
    vectors, labels = clouds()
    spoiled = vectors.copy()
    spoiled[3, 2] = bad
    for call in (
        lambda: pca(spoiled, 2),
        lambda: tsne(spoiled, seed=0),
        lambda: knn_accuracy(spoiled, labels),
        lambda: silhouette(spoiled, labels, seed=0),
        lambda: pca(vectors, 2, previous_ND=spoiled[:, 1:3]),
        lambda: tsne(vectors, seed=0, previous_N2=spoiled[:, 1:3]),
    ):
        with pytest.raises(ValueError, match="finite"):
            call()


def test_shapes_that_do_not_fit_are_refused() -> None:
    vectors, labels = clouds()
    with pytest.raises(ValueError, match="expected the shape"):
        pca(vectors[0], 2)
    with pytest.raises(ValueError, match="same 300 points"):
        pca(vectors, 2, previous_ND=vectors[:-1])
    with pytest.raises(ValueError, match="same 300 points"):
        tsne(vectors, seed=0, previous_N2=vectors[:-1, :2])
    with pytest.raises(ValueError, match=r"\(300, 2\)"):
        tsne(vectors, seed=0, previous_N2=vectors[:, :3])
    with pytest.raises(ValueError, match="one for each vector"):
        knn_accuracy(vectors, labels[:-1])
    with pytest.raises(ValueError, match="one for each vector"):
        silhouette(vectors, labels[:-1], seed=0)
