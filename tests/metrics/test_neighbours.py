"""The nearest vectors: by hand, and as scikit-learn finds them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from pellucid.metrics.neighbours import Nearest, same_image


def test_distances_by_hand() -> None:
    queries = torch.tensor([[3.0, 0]])
    shown = torch.tensor([[0.0, 2], [1, 0], [-5, 0], [0, 0], [4, 3]])
    cosine = Nearest(queries, count=5, distance="cosine")
    cosine.see(shown)
    assert cosine.index_QK.tolist() == [[1, 4, 0, 3, 2]], "of equally near ones the earlier one first"
    assert cosine.distances_QK[0].tolist() == pytest.approx([0, 0.2, 1, 1, 2])
    euclidean = Nearest(queries, count=3, distance="euclidean")
    euclidean.see(shown)
    assert euclidean.index_QK.tolist() == [[1, 3, 4]]
    assert euclidean.distances_QK[0].tolist() == pytest.approx([2, 3, 10**0.5])


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_batches_are_as_one_and_as_scikit_learn_has_it(distance: str) -> None:
    random = torch.Generator().manual_seed(0)
    shown = torch.randn(50, 6, generator=random)
    queries = torch.cat([torch.randn(3, 6, generator=random), shown[17:18] * (1 + 1e-7)])
    nearest = Nearest(queries, count=4, distance=distance)
    for batch in torch.split(shown, 7):
        nearest.see(batch)
    known = NearestNeighbors(n_neighbors=4, metric=distance, algorithm="brute").fit(shown.double().numpy())
    distances, index = known.kneighbors(queries.double().numpy())
    assert nearest.index_QK.tolist() == index.tolist()
    assert nearest.distances_QK.numpy() == pytest.approx(distances, abs=1e-6)
    assert nearest.index_QK[3, 0] == 17
    assert nearest.distances_QK[3, 0] < 1e-6


def test_fewer_than_are_asked_for() -> None:
    nearest = Nearest(torch.ones(2, 3), count=9, distance="cosine")
    nearest.see(torch.ones(2, 3))
    assert nearest.index_QK.tolist() == [[0, 1], [0, 1]]


def test_the_same_image_is_near_and_has_the_same_pixels() -> None:
    image = np.full((2, 2, 3), 200, np.uint8)
    assert same_image(image, image + 1, 0.0), "up to rounding"
    assert not same_image(image, image + 2, 0.0)
    assert not same_image(image, image, 1e-3)
