"""Room for a large array in a file that nobody else sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pellucid.data.allocate import allocate


def test_the_file_is_gone_and_the_numbers_stay(tmp_path: Path) -> None:
    tensor = allocate((3, 5), np.float32, tmp_path)
    assert (tensor.shape, tensor.dtype) == ((3, 5), torch.float32)
    assert list(tmp_path.iterdir()) == []
    tensor[1] = 7
    assert tensor.sum() == 35


def test_no_room_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        allocate((3,), np.uint8, tmp_path / "none")
