"""Pictures of neighbours, ranks and ROC curves: nothing reaches over an edge."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.draw.neighbours import Neighbour, QueryRow, neighbours
from pellucid.draw.reconstructions import ranked
from pellucid.draw.roc import roc
from pellucid.draw.scatter import scatter


@pytest.mark.parametrize("count", [1, 13])
def test_pictures_are_not_cut(count: int) -> None:
    random = np.random.default_rng(0)
    image = random.integers(0, 255, (8, 8, 3), dtype=np.uint8)
    name = "a rather long class name 한글 $x"
    near = [Neighbour(image, name, "distance 0.123", name, [True, False, None][k % 3]) for k in range(count)]
    queries = [QueryRow(image, [name] * lines, None, near[:k]) for lines, k in ((5, 1), (1, count))]
    images = random.random((count, 8, 8, 3))
    positive = np.arange(count + 1) % 2 == 0
    scores = np.linspace(0, 1, count + 1)
    labels = np.arange(count) - 1
    for picture in (
        neighbours(queries, title=name, note=name),
        ranked(
            images, 1 - images, [name] * count, [name] * count, title="t", note="n", marked=[True] * count
        ),
        roc(
            scores, scores, scores, positive, names=(name, name), score="s", summary=name, title="t", note="n"
        ),
        scatter(images[:, 0, 0, :2], labels, [name] * 12, title="t", note="n", axes_names=["", ""]),
    ):
        assert (picture[:, -1] == 255).all()
        assert (picture[-1] == 255).all()
