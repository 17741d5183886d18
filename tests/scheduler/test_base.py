"""Schedules that go on: as before where the training is as long, told where it is another."""

from __future__ import annotations

import pytest

from pellucid.scheduler.base import StepSchedule, warm, warmup_steps
from pellucid.scheduler.linear import Linear
from tests.scheduler.rates import optimizer, rates


def test_a_schedule_goes_on_bitwise(caplog: pytest.LogCaptureFixture) -> None:
    whole = rates(Linear(optimizer(lr=0.3), total_steps=10, steps_per_epoch=5), 10)
    begun = Linear(optimizer(lr=0.3), total_steps=10, steps_per_epoch=5)
    rates(begun, 5)
    again = Linear(optimizer(lr=0.3), total_steps=10, steps_per_epoch=5)
    again.load_state_dict(begun.state_dict())
    assert rates(again, 6) == whole[4:]
    assert caplog.text == ""


def test_another_length_is_that_of_the_new_function_and_told(caplog: pytest.LogCaptureFixture) -> None:
    begun = Linear(optimizer(), total_steps=4, steps_per_epoch=2, warmup=0)
    rates(begun, 5)
    longer = Linear(optimizer(), total_steps=8, steps_per_epoch=2, warmup=0)
    longer.load_state_dict(begun.state_dict())
    assert rates(longer, 4) == pytest.approx([0.5, 0.375, 0.25, 0.125])
    assert "a training of 8 steps, begun as one of 4: it goes on at 0.5" in caplog.text


def test_beyond_its_end_a_schedule_stays_at_its_floor() -> None:
    assert rates(Linear(optimizer(), total_steps=2, steps_per_epoch=1, warmup=0, floor=0.1), 5)[
        -1
    ] == pytest.approx(0.1)


def test_steps_of_a_warm_up() -> None:
    assert warmup_steps(0.05, None, 100, 10) == 5
    assert warmup_steps(0.05, 2.5, 100, 10) == 25
    assert [warm(step, 3) for step in range(3)] == [0.25, 0.5, 0.75]
    schedule = StepSchedule(optimizer(), lambda step: 1.0, total_steps=3)
    assert schedule.state_dict()["total_steps"] == 3
