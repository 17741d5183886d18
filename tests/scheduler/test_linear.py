"""Warm-up and straight line: rates worked out by hand."""

from __future__ import annotations

import pytest

from pellucid.scheduler.linear import Linear
from tests.scheduler.rates import optimizer, rates


def test_rates_of_the_first_the_middle_and_the_last_step() -> None:
    schedule = Linear(optimizer(), total_steps=10, steps_per_epoch=5, warmup=0.2, floor=0.2)
    found = rates(schedule, 11)
    assert found[:3] == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert found[6] == pytest.approx(0.6)
    assert found[9] == pytest.approx(0.3)
    assert found[10] == pytest.approx(0.2)


def test_without_a_warm_up_it_begins_at_the_rate() -> None:
    found = rates(Linear(optimizer(), total_steps=4, steps_per_epoch=2, warmup=0), 4)
    assert found == pytest.approx([1.0, 0.75, 0.5, 0.25])
