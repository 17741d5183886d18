"""The picture of a confusion matrix."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.draw.confusion import draw_confusion
from pellucid.metrics.confusion import Confusion, class_scores

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("classes", [2, 10, 25, 26, 200])
def test_confusion_for_any_number_of_classes(classes: int) -> None:
    counts = RANDOM.integers(0, 30, (classes, classes))
    names = [f"a rather long class name {label}" for label in range(classes)]
    picture = draw_confusion(Confusion(names, counts, class_scores(counts)), title="t", note="n")
    assert picture.shape[0] < 1500
    assert (picture[:, -1] == 255).all(), "nothing is cut at the right"
    assert (picture[-1] == 255).all(), "nothing is cut at the foot"
