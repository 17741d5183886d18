"""Figures that weigh classes alike, as scikit-learn has them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from pellucid.metrics.imbalance import MACRO, MacroFigure, describe_imbalance, is_imbalanced


@pytest.mark.parametrize(
    ("counts", "expected"),
    [([6, 2], False), ([7, 2], True), ([5, 5, 5], False), ([9, 0], True), ([4], False)],
)
def test_over_three_times(counts: list[int], expected: bool) -> None:
    assert is_imbalanced(np.array(counts)) is expected


def test_the_largest_and_the_smallest_are_named() -> None:
    said = describe_imbalance(np.array([40, 5400, 270]), ("a", "b", "c"))
    assert "5,400 training images of b, 40 of a" in said


def test_macro_figures_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    labels = random.choice(4, 200, p=[0.6, 0.3, 0.1, 0.0])  # no image of the last class
    predicted = np.where(random.random(200) < 0.7, labels, random.integers(0, 3, 200))
    some = random.integers(0, 200, 200)
    for index in (None, some):
        chosen = slice(None) if index is None else index
        values = {name: MacroFigure(name, labels, predicted, 4).value(index) for name in MACRO}
        seen = labels[chosen], predicted[chosen]
        assert values["macro_f1"] == pytest.approx(f1_score(*seen, average="macro"))
        assert values["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(*seen))
