"""The abstract base of averages."""

from __future__ import annotations

import pytest

from pellucid.average.base import Average
from pellucid.average.ema import EMA


def test_it_takes_every_epoch_unless_it_says_otherwise() -> None:
    assert EMA().takes(1, None)
    with pytest.raises(TypeError, match="abstract"):
        Average()  # type: ignore[abstract]
