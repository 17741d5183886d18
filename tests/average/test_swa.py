"""The mean of the last epochs: by hand."""

from __future__ import annotations

import pytest
import torch

from pellucid.average.swa import SWA
from pellucid.errors import UserError


def test_the_mean_by_hand() -> None:
    averages = [torch.tensor([1.0])]
    for count, value in ((1, 3.0), (2, 5.0)):
        SWA().update(averages, [torch.tensor([value])], count)
    assert averages[0].item() == pytest.approx(3.0)


def test_which_epochs_are_taken() -> None:
    assert [epoch for epoch in range(1, 11) if SWA(start=0.75).takes(epoch, 10)] == [8, 9, 10]
    assert [epoch for epoch in range(1, 4) if SWA(start=0).takes(epoch, 3)] == [1, 2, 3]


def test_what_is_refused() -> None:
    with pytest.raises(UserError, match=r"average\.start=1"):
        SWA(start=1)
    with pytest.raises(UserError, match=r"set trainer\.max_epochs"):
        SWA().takes(1, None)
