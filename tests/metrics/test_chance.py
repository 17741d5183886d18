"""Whether predictions are better than guessing, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.metrics.chance import class_chance, correlates, label_chance


def of_counts(counts: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true classes of so many images: (predicted, true, images)."""
    pairs = [(predicted, true) for predicted, true, images in counts for _ in range(images)]
    predicted_N, true_N = np.array(pairs).T
    return predicted_N, true_N


def test_one_answer_for_all_is_chance_whatever_it_is() -> None:
    found = class_chance(*of_counts([(0, 0, 2), (0, 1, 2)]))
    assert (found.accuracy, found.agreement, found.majority, found.only) == (0.5, 0.5, 0.5, 0)
    assert found.is_chance
    rare = class_chance(*of_counts([(1, 0, 90), (1, 1, 10)]))
    assert (rare.accuracy, rare.agreement, rare.majority, rare.only) == (0.1, 0.1, 0.9, 1)
    assert rare.commonest == 0
    assert rare.is_chance


def test_high_accuracy_of_imbalanced_classes_may_be_chance() -> None:
    found = class_chance(*of_counts([(0, 0, 93), (0, 1, 5), (1, 0, 2)]))
    assert found.accuracy == 0.93
    assert found.agreement == pytest.approx(0.98 * 0.95 + 0.02 * 0.05)
    assert found.only is None
    assert found.is_chance


def test_a_net_that_finds_the_rare_class_is_not_chance_below_the_majority() -> None:
    """Wilson: (0.9 + 1.9208 / 100) / 1.038416 less 1.96 / 1.038416 · √(0.0009 + 0.000096) is 0.8256."""
    found = class_chance(*of_counts([(0, 0, 85), (1, 0, 10), (1, 1, 5)]))
    assert (found.accuracy, found.majority) == (0.9, 0.95)
    assert found.agreement == pytest.approx((85 * 95 + 15 * 5) / 100**2)  # 0.815
    assert not found.is_chance


@pytest.mark.parametrize(("images", "chance"), [(1, True), (20, False)])
def test_few_images_cannot_tell(images: int, chance: bool) -> None:
    found = class_chance(*of_counts([(0, 0, 3 * images), (0, 1, images), (1, 0, images), (1, 1, 3 * images)]))
    assert (found.accuracy, found.agreement) == (0.75, 0.5)
    assert found.is_chance == chance


def test_guesses_are_rarely_taken_for_more() -> None:
    random = np.random.default_rng(0)
    draws = [random.choice(3, (2, 200), p=[0.7, 0.2, 0.1]) for _ in range(400)]
    assert np.mean([class_chance(*draw).is_chance for draw in draws]) > 0.95


def test_areas_of_labels_by_hand() -> None:
    """Of 3 images with the label and 2 without, 5 of 6 pairs in order; and a tie of 2 by 2."""
    scores_NK = np.array([[0.9, 0.5], [0.8, 0.5], [0.3, 0.5], [0.4, 0.5], [0.1, 0.5]])
    targets_NK = np.array([[1, 1], [1, 1], [1, 0], [0, 0], [0, 0]], dtype=bool)
    found = label_chance(scores_NK, targets_NK)
    assert found is not None
    assert found[0] == pytest.approx((5 / 6 + 0.5) / 2)
    assert found[1] == pytest.approx(0.5 + 1.959964 * np.sqrt(6 / 72))
    assert label_chance(scores_NK, np.ones((5, 2), dtype=bool)) is None


def test_numbers_that_rise_with_the_truth() -> None:
    true_N1 = np.arange(10.0)[:, None]
    assert correlates(true_N1 + 100, true_N1), "however far off"
    assert not correlates(-true_N1, true_N1)
    assert not correlates(np.zeros((10, 1)), true_N1)
    assert not correlates(true_N1[:3], true_N1[:3]), "of three images any line may do so"
    noise_N1 = np.array([[1.0], [-1.0]] * 5)  # its correlation with 0 to 9 is −0.17
    assert not correlates(noise_N1, true_N1)
    assert not correlates(-noise_N1, true_N1)
