"""Operations check their options when they are made."""

from __future__ import annotations

import pytest

from pellucid.data.augment.geometry import Crop
from pellucid.errors import UserError


def test_options_out_of_their_range_are_told_together() -> None:
    with pytest.raises(UserError) as caught:
        Crop(scale=(0.0, 1.0), ratio=(2.0, 1.0))
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
        "augment.crop.scale",
        "augment.crop.ratio",
    ]
