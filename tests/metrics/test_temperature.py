"""Temperature scaling, of scores whose temperature is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from pellucid.metrics.temperature import fit_temperature, negative_log_likelihoods


def test_it_is_found_by_hand() -> None:
    """Two classes, 4 of 5 right by the same score z: the best probability is 0.8, so z/T = ln 4."""
    scores_NK = np.tile([[3.0, 0.0]], (5, 1))
    assert fit_temperature(scores_NK, np.array([0, 0, 0, 0, 1])) == pytest.approx(3 / np.log(4))


def test_a_known_factor_comes_back() -> None:
    """Labels drawn by the scores themselves have the temperature 1; scores times a factor have the factor."""
    random = np.random.default_rng(0)
    scores_NK = random.normal(size=(4000, 5)) * 2
    shares_NK = np.exp(scores_NK) / np.exp(scores_NK).sum(axis=1, keepdims=True)
    labels_N = np.array([random.choice(5, p=share_K) for share_K in shares_NK])
    plain = fit_temperature(scores_NK, labels_N)
    assert plain == pytest.approx(1, abs=0.06)
    for factor in (0.3, 2.5, 7.0):
        assert fit_temperature(factor * scores_NK, labels_N) == pytest.approx(factor * plain)


def test_of_labels_it_is_that_of_binary_cross_entropy() -> None:
    random = np.random.default_rng(1)
    scores_NK = random.normal(size=(3000, 4)) * 1.5
    targets_NK = random.random((3000, 4)) < 1 / (1 + np.exp(-scores_NK))
    plain = fit_temperature(scores_NK, targets_NK)
    assert plain == pytest.approx(1, abs=0.08)
    assert fit_temperature(4 * scores_NK, targets_NK) == pytest.approx(4 * plain)


def test_nothing_near_is_better_and_it_is_never_worse_than_none() -> None:
    random = np.random.default_rng(2)
    for seed in range(20):
        scores_NK = random.normal(size=(30, 3)) * (1 + seed)
        labels_N = np.where(random.random(30) < 0.6, scores_NK.argmax(axis=1), random.integers(0, 3, 30))
        best = fit_temperature(scores_NK, labels_N)

        def loss(
            temperature: float, scores_NK: np.ndarray = scores_NK, labels_N: np.ndarray = labels_N
        ) -> float:
            return float(negative_log_likelihoods(scores_NK, labels_N, temperature).mean())

        assert loss(best) <= min(loss(1.0), loss(0.99 * best), loss(1.01 * best))


def test_losses_are_torchs() -> None:
    random = torch.Generator().manual_seed(0)
    scores = torch.randn(20, 4, generator=random, dtype=torch.float64) * 30
    labels = torch.randint(4, (20,), generator=random)
    expected = functional.cross_entropy(scores / 2.5, labels, reduction="none")
    assert negative_log_likelihoods(scores.numpy(), labels.numpy(), 2.5) == pytest.approx(expected.numpy())
    has = torch.rand(20, 4, generator=random) < 0.5
    expected = functional.binary_cross_entropy_with_logits(scores / 2.5, has.double(), reduction="none")
    found = negative_log_likelihoods(scores.numpy(), has.numpy(), 2.5)
    assert found == pytest.approx(expected.mean(dim=1).numpy())


@pytest.mark.parametrize(
    ("scores_NK", "message"),
    [
        ([[5.0, 0.0], [1.0, 2.0]], "without an error"),
        ([[0.0, 5.0], [2.0, 1.0]], "no more than chance"),
        ([[1.0, 1.0], [2.0, 2.0]], "no more than chance"),
        ([[float("nan"), 1.0], [2.0, 1.0]], "1 of 2 images get scores that are no numbers"),
        ([[float("inf"), 1.0], [2.0, 1.0]], "1 of 2 images get scores that are no numbers"),
    ],
)
def test_where_there_is_none_it_says_why(scores_NK: list[list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_temperature(np.array(scores_NK), np.array([0, 1]))
