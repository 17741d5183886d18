"""Which images a net is too deep for."""

from __future__ import annotations

import pytest

from pellucid.errors import ImageTooSmallError, UserError
from pellucid.model.size import check_size


def halved_twice(side: int) -> int:
    return side // 4


def test_the_smallest_image_that_a_net_takes_is_told() -> None:
    check_size("Net", (3, 4, 90), halved_twice)
    with pytest.raises(ImageTooSmallError) as raised:
        check_size("Net", (3, 90, 3), halved_twice)
    assert raised.value.args == ImageTooSmallError("Net", 3, 4).args


def test_a_net_for_no_image_at_all_is_told() -> None:
    with pytest.raises(UserError, match="even images of 4096 pixels a side to nothing"):
        check_size("Net", (3, 90, 90), lambda side: 0)
