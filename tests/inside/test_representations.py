"""What layers make of many images, in few numbers; by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.errors import UserError
from pellucid.inside.representations import choose_layers_of, representations


def test_maps_are_averaged_over_parts_and_rows_stay() -> None:
    net = nn.Sequential(nn.Identity(), nn.Flatten())
    images = torch.arange(2 * 64.0).view(2, 1, 8, 8)
    found = representations(net, ["0", "1"], torch.split(images, 1), net)
    assert found["0"].shape == (2, 16)
    assert found["0"][0, 0] == (0 + 1 + 8 + 9) / 4
    assert np.array_equal(found["1"], images.flatten(1).numpy())


def test_auto_spreads_over_a_deep_net_and_a_name_may_be_of_one_alone() -> None:
    deep, small = nn.Sequential(*(nn.Linear(1, 1) for _ in range(47))), nn.Sequential(nn.Linear(1, 1))
    auto, all_of_it = choose_layers_of([deep, small], "auto")
    assert (len(auto), auto[0], auto[1], auto[-1], all_of_it) == (24, "0", "2", "46", ["0"])
    assert choose_layers_of([deep, small], ["0", "46", "0"]) == [["0", "46"], ["0"]]
    with pytest.raises(UserError, match="no layer named '47'"):
        choose_layers_of([deep, small], ["47"])
    with pytest.raises(UserError, match="names none"):
        choose_layers_of([deep], [])
