"""The exponential moving average: by hand."""

from __future__ import annotations

import pytest
import torch

from pellucid.average.ema import EMA
from pellucid.errors import UserError


def test_values_by_hand() -> None:
    averages = [torch.tensor([1.0])]
    EMA(decay=0.75, warmup=False).update(averages, [torch.tensor([5.0])], 1)
    assert averages[0].item() == 2.0
    EMA(decay=0.75).update(averages, [torch.tensor([2.0])], 1)
    assert averages[0].item() == 2.0


def test_the_decay_of_short_trainings() -> None:
    average = EMA(decay=0.9)
    assert [average.decay_at(count) for count in (0, 1, 80, 81, 1000)] == [0.1, 2 / 11, 0.9, 0.9, 0.9]
    assert EMA(decay=0.9, warmup=False).decay_at(1) == 0.9


@pytest.mark.parametrize("decay", [1.0, -0.1])
def test_what_is_refused(decay: float) -> None:
    with pytest.raises(UserError, match=r"average\.decay=.*expected 0 to below 1"):
        EMA(decay=decay)
