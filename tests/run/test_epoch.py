"""Which ends of epochs count."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pellucid.run.epoch import is_due, whole_epoch


@pytest.mark.parametrize(
    ("last", "start", "now", "whole"),
    [
        (True, 0, 40, True),
        (False, 0, 30, False),  # the budget cut it
        (True, 40, 40, False),  # a resumed run of an exhausted budget
        (True, None, 40, False),  # none began
    ],
)
def test_a_whole_epoch_had_steps_and_its_last_batch(
    last: bool, start: int | None, now: int, whole: bool
) -> None:
    trainer: Any = SimpleNamespace(is_last_batch=last, global_step=now)
    assert whole_epoch(trainer, start) is whole


@pytest.mark.parametrize(
    ("every", "most", "due"),
    [
        (1, 4, [1, 2, 3, 4]),
        (2, 5, [1, 2, 4, 5]),
        (3, 8, [1, 3, 6, 8]),
        (9, 4, [1, 4]),
        (2, -1, [1, 2, 4, 6, 8]),
    ],
)
def test_the_first_every_nth_and_the_last_epoch_are_due(every: int, most: int, due: list[int]) -> None:
    epochs = range(1, 1 + (most if most > 0 else 8))
    assert [epoch for epoch in epochs if is_due(epoch, every, most)] == due
