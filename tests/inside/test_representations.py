"""What layers make of many images, in few numbers; by hand."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from pellucid.inside.representations import representations


def test_maps_are_averaged_over_parts_and_rows_stay() -> None:
    net = nn.Sequential(nn.Identity(), nn.Flatten())
    images = torch.arange(2 * 64.0).view(2, 1, 8, 8)
    found = representations(net, ["0", "1"], torch.split(images, 1), net)
    assert found["0"].shape == (2, 16)
    assert found["0"][0, 0] == (0 + 1 + 8 + 9) / 4
    assert np.array_equal(found["1"], images.flatten(1).numpy())
