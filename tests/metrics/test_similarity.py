"""Alignment of layers and paired tests, against what is known."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.metrics.similarity import cka

RANDOM = np.random.default_rng(0)


def test_rotated_and_scaled_is_the_same() -> None:
    values = RANDOM.normal(size=(50, 8))
    turn, _ = np.linalg.qr(RANDOM.normal(size=(8, 8)))
    assert cka(values, values) == pytest.approx(1)
    assert cka(values, 7 * values @ turn + 3) == pytest.approx(1)


def test_unrelated_is_0_also_of_many_units() -> None:
    """Where the biased estimate is near 1."""
    found = [cka(RANDOM.normal(size=(30, 500)), RANDOM.normal(size=(30, 500))) for _ in range(40)]
    assert abs(np.mean(found)) < 0.05


def test_it_falls_with_noise() -> None:
    values = RANDOM.normal(size=(200, 10))
    found = [cka(values, values + noise * RANDOM.normal(size=(200, 10))) for noise in (0.1, 0.5, 1, 2)]
    assert found == sorted(found, reverse=True)
    assert found[2] == pytest.approx(0.5, abs=0.1)  # half of the variance, in the limit


def test_as_the_definition_by_sums_has_it() -> None:
    one, other = RANDOM.normal(size=(7, 3)), RANDOM.normal(size=(7, 2))

    def hsic(left: np.ndarray, right: np.ndarray) -> float:
        """Over all quadruples of different images."""
        one_NN, other_NN = left @ left.T, right @ right.T
        total, count = 0.0, 0
        indices = range(7)
        for i in indices:
            for j in indices:
                for q in indices:
                    for r in indices:
                        if len({i, j, q, r}) == 4:
                            total += one_NN[i, j] * (other_NN[i, j] + other_NN[q, r] - 2 * other_NN[i, q])
                            count += 1
        return total / count

    expected = hsic(one, other) / (hsic(one, one) * hsic(other, other)) ** 0.5
    assert cka(one, other) == pytest.approx(expected)


def test_a_layer_that_gives_one_thing_has_no_likeness() -> None:
    assert np.isnan(cka(np.ones((9, 3)), RANDOM.normal(size=(9, 3))))
    with pytest.raises(ValueError, match="got 5 and 6"):
        cka(np.ones((5, 1)), np.ones((6, 1)))
