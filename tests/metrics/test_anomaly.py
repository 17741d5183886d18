"""Images of the highest scores, and how well a score tells, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pellucid.metrics.anomaly import HighestScores, roc


@pytest.mark.parametrize("size", [1, 2, 7])
def test_the_highest_of_all_batches_the_earlier_of_equals(size: int) -> None:
    scores = torch.tensor([0.1, 0.9, 0.5, 0.9, 0.2, 0.7, 0.5])
    images = torch.arange(7.0).view(7, 1, 1).expand(7, 2, 3)
    highest = HighestScores(4)
    for batch in torch.split(torch.arange(7), size):
        highest.update(scores[batch], images[batch])
    assert highest.index_M.tolist() == [1, 3, 5, 2]
    assert highest.scores_M.tolist() == scores[highest.index_M].tolist()
    assert torch.equal(highest.images_M, images[highest.index_M])


def test_none_are_kept_where_none_are_asked_for() -> None:
    highest = HighestScores(0)
    highest.update(torch.ones(3), torch.ones(3, 2))
    assert not len(highest.index_M)


def test_roc_by_hand() -> None:
    scores, anomalous = np.array([3.0, 2.0, 1.0, 0.0]), np.array([True, False, True, False])
    found = roc(scores, anomalous, seed=0)
    assert found.area == 0.75  # three of four pairs
    assert found.interval[0] <= 0.75 <= found.interval[1]
    assert (found.false_T[[0, -1]].tolist(), found.true_T[[0, -1]].tolist()) == ([0, 1], [0, 1])
    with pytest.raises(ValueError, match="both sides"):
        roc(scores, np.zeros(4, bool), seed=0)
