"""The rate that losses choose: by hand, the same each time, and what says nothing."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.errors import UserError
from pellucid.metrics.learning_rate import choose_rate, has_diverged, smoothed

RATES = np.geomspace(1e-6, 1.0, 61)


def bowl() -> np.ndarray:
    """Flat up to 1e-4, down a straight line of the logarithm to 1e-2, and up."""
    decades = np.log10(RATES)
    return np.where(decades < -4, 2.0, np.where(decades < -2, 2.0 - 0.9 * (decades + 4), 0.2 + (decades + 2)))


def test_the_mean_by_hand() -> None:
    assert smoothed(np.array([1.0, 2.0])) == pytest.approx([1.0, (0.16 * 1 + 0.2 * 2) / 0.36])
    assert smoothed(np.full(30, 3.0)) == pytest.approx(np.full(30, 3.0))


def test_a_bowl_is_met_on_its_way_down() -> None:
    valley, steepest = choose_rate(RATES, bowl()), choose_rate(RATES, bowl(), "steepest")
    assert 1e-3 < valley.chosen < 1e-2
    assert 1e-4 < steepest.chosen < 1e-2
    assert valley.chosen == float(f"{valley.chosen:.1e}"), "two digits"
    assert choose_rate(RATES, bowl()).index == valley.index
    assert not valley.diverged


def test_where_it_diverges_the_rest_counts_no_more() -> None:
    losses = bowl()[:55]
    losses[-1] = np.inf
    found = choose_rate(RATES[:55], losses)
    assert found.diverged
    assert len(found.lr_S) == 54
    assert np.isfinite(found.smooth_S).all()


def test_a_loss_that_falls_to_the_last_rate_is_known() -> None:
    assert not choose_rate(RATES, bowl()).still_falls
    assert choose_rate(RATES[:40], bowl()[:40]).still_falls


def test_when_a_test_ends() -> None:
    assert has_diverged(np.array([1.0, np.nan]))
    assert not has_diverged(np.linspace(2, 1, 30))
    assert has_diverged(np.concatenate([np.linspace(2, 1, 20), np.full(10, 50.0)]))


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        (np.array([2.0, np.inf]), r"after 1 steps, at 1e-06, the loss is no finite number any more"),
        (np.full(61, 2.3), r"the loss never falls below 2\.3, where it began, from 1e-06 to 1"),
        (np.linspace(2, 3, 61), r"never falls"),
        (np.array([np.nan]), r"at the first"),
        (
            np.array([2.27, 2.44, 1.87, 2.5, 46, 61, 43, 1753, 926, 1e5, 2e8]),
            r"rises from the lowest.* low=1e-09",
        ),
    ],
)
def test_losses_that_say_nothing(losses: np.ndarray, said: str) -> None:
    with pytest.raises(UserError, match=said):
        choose_rate(RATES[: len(losses)], losses)


def test_another_rule_is_refused() -> None:
    with pytest.raises(UserError, match="rule=fastest: expected valley or steepest"):
        choose_rate(RATES, bowl(), "fastest")  # type: ignore[arg-type]
