"""Warm-up and cosine: rates worked out by hand, and what is refused."""

from __future__ import annotations

import pytest

from pellucid.errors import UserError
from pellucid.scheduler.warmup_cosine import WarmupCosine
from tests.scheduler.rates import optimizer, rates


def test_rates_of_the_first_the_middle_and_the_last_step() -> None:
    """Ten steps, two of them warm: 1/3, 2/3, then half a cosine over eight."""
    schedule = WarmupCosine(optimizer(lr=2.0), total_steps=10, steps_per_epoch=5, warmup=0.2)
    found = rates(schedule, 11)
    assert found[:3] == pytest.approx([2 / 3, 4 / 3, 2.0])
    assert found[6] == pytest.approx(1.0), "half of it, at the middle of the cosine"
    assert found[9] == pytest.approx(0.0761205, abs=1e-6), "1 + cos(7/8 π)"
    assert found[10] == pytest.approx(0.0), "which no step takes"


def test_the_floor_and_a_warm_up_in_epochs() -> None:
    schedule = WarmupCosine(optimizer(lr=1.0), total_steps=10, steps_per_epoch=2, warmup_epochs=1, floor=0.1)
    found = rates(schedule, 11)
    assert found[2] == 1.0
    assert found[6] == pytest.approx(0.55)
    assert found[10] == pytest.approx(0.1)


def test_each_group_has_its_share() -> None:
    schedule = WarmupCosine(optimizer(1.0, 0.1), total_steps=10, steps_per_epoch=5, warmup=0)
    for _ in range(5):
        schedule.optimizer.step()
        schedule.step()
    assert [group["lr"] for group in schedule.optimizer.param_groups] == pytest.approx([0.5, 0.05])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"warmup_epochs": 5}, r"a warm-up of 10 steps, and the training has 10, of 2 an epoch"),
        ({"warmup_epochs": -1}, r"warmup_epochs=-1: expected 0 or more"),
        ({"warmup": 1.0}, r"warmup=1\.0: expected a share of the training, 0 to below 1"),
        ({"floor": 2.0}, r"floor=2\.0: expected a share of the learning rate"),
    ],
)
def test_what_is_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        WarmupCosine(optimizer(), total_steps=10, steps_per_epoch=2, **options)
