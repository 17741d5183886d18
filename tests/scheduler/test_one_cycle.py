"""The one-cycle policy: rates worked out by hand, in short trainings too, and one that is made longer."""

from __future__ import annotations

import pytest
from torch import nn
from torch.optim import SGD, Adagrad

from pellucid.errors import UserError
from pellucid.scheduler.one_cycle import OneCycle
from tests.scheduler.rates import optimizer, rates


def test_rates_of_the_first_the_largest_and_the_last_step() -> None:
    schedule = OneCycle(
        optimizer(),
        total_steps=11,
        steps_per_epoch=5,
        warmup_epochs=1,
        div_factor=10,
        final_div_factor=100,
        anneal_strategy="linear",
    )
    found = rates(schedule, 11)
    assert found[0] == pytest.approx(0.1)
    assert found[2] == pytest.approx(0.55), "half way up to step 4"
    assert found[4] == pytest.approx(1.0)
    assert found[7] == pytest.approx((1 + 0.001) / 2), "half way down to step 10"
    assert found[10] == pytest.approx(0.001)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("warmup", [0.0, 0.3, 0.9])
def test_short_trainings(steps: int, warmup: float) -> None:
    found = rates(OneCycle(optimizer(), total_steps=steps, steps_per_epoch=1, warmup=warmup), steps + 1)
    assert all(0 < rate <= 1 for rate in found)


def test_momentum_goes_the_other_way_where_there_is_some() -> None:
    schedule = OneCycle(optimizer(), total_steps=10, steps_per_epoch=5)
    assert schedule.optimizer.param_groups[0]["momentum"] == pytest.approx(0.95)
    plain = SGD([nn.Parameter(nn.Linear(1, 1).weight.detach())], lr=1.0)
    OneCycle(plain, total_steps=10, steps_per_epoch=5, cycle_momentum=False)
    assert plain.param_groups[0]["momentum"] == 0
    OneCycle(Adagrad(nn.Linear(1, 1).parameters()), total_steps=10, steps_per_epoch=5)


def test_a_longer_training(caplog: pytest.LogCaptureFixture) -> None:
    begun = OneCycle(optimizer(), total_steps=10, steps_per_epoch=5)
    rates(begun, 11)
    longer = OneCycle(optimizer(), total_steps=20, steps_per_epoch=5)
    longer.load_state_dict(begun.state_dict())
    expected = OneCycle(optimizer(), total_steps=20, steps_per_epoch=5)
    assert longer.optimizer.param_groups[0]["lr"] == pytest.approx(rates(expected, 11)[-1])
    assert rates(longer, 10)[-1] == pytest.approx(rates(expected, 10)[-1])
    assert "a training of 20 steps, begun as one of 10" in caplog.text


def test_what_is_refused() -> None:
    with pytest.raises(UserError, match=r"scheduler\.div_factor=0\.5: expected 1 or more"):
        OneCycle(optimizer(), total_steps=10, steps_per_epoch=5, div_factor=0.5)
