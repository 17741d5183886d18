"""The ROC curve, and the scores of either kind beside it."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from pellucid.draw.roc import POSITIVE, REST, roc


@pytest.mark.parametrize("count", [1, 13])
def test_a_roc_curve_is_not_cut(count: int) -> None:
    name = "a rather long class name 한글 $x"
    positive, scores = np.arange(count + 1) % 2 == 0, np.linspace(0, 1, count + 1)
    picture = roc(
        scores, scores, scores, positive, names=(name, name), score="s", summary=name, title="t", note="n"
    )
    assert (picture[:, -1] == 255).all()
    assert (picture[-1] == 255).all()


def test_equal_scores_of_either_kind_are_drawn() -> None:
    scores, positive, ends = np.zeros(4), np.array([True, True, False, False]), np.array([0.0, 1.0])
    picture = roc(ends, ends, scores, positive, names=("a", "b"), score="s", summary="", title="t", note="")
    for colour in (POSITIVE, REST):
        drawn = np.array(to_rgb(colour)) * 255
        assert (np.abs(picture - drawn.round()).max(axis=2) <= 1).any(), colour
