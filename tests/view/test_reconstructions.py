"""Reconstructions of a net that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.view.reconstructions import choose_extremes, reconstruct, squared_errors
from tests.view.nets import batches, halves


def test_errors_by_hand() -> None:
    (images,) = batches((255, 0))
    seen = reconstruct(halves(), halves().inputs(images.pixels_BCHW))
    assert seen.originals_BHWC.tolist() == [[[[1], [0]]]]
    assert seen.outputs_BHWC.tolist() == [[[[0.5], [0]]]]
    assert seen.errors.tolist() == [0.125]
    assert seen.absolute_errors.tolist() == [[[0.5, 0]]]
    assert squared_errors(halves(), batches((255, 0), (0, 0))).tolist() == [0.125, 0]
    assert halves().reconstructs
    assert not halves().has_classes


@pytest.mark.parametrize(
    ("errors", "best", "median", "worst"),
    [
        ([3.0, 1.0, 2.0], [1], [2], [0]),
        ([5.0, 1.0, 2.0, 4.0, 3.0, 0.0, 6.0], [5, 1], [2, 4], [6, 0]),
        ([1.0], [0], [0], [0]),
    ],
)
def test_best_median_and_worst(
    errors: list[float], best: list[int], median: list[int], worst: list[int]
) -> None:
    extremes = choose_extremes(np.array(errors), 2)
    assert [x.tolist() for x in (extremes.best, extremes.median, extremes.worst)] == [best, median, worst]
