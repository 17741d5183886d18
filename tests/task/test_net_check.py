"""What is asked of a net before it is trained."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid.errors import UserError
from pellucid.task.net_check import check_state, copy_inputs, shape_of, try_net
from tests.task.nets import Own, classification


def test_a_net_that_takes_other_images_is_named() -> None:
    for net in (nn.Conv2d(3, 2, 1), nn.Conv2d(1, 2, 1).double()):
        with pytest.raises(UserError, match=r"^Conv2d does not take float32 images of 1 × 2 × 2: "):
            classification(net)


def test_what_a_net_writes_into_its_images_nobody_else_sees() -> None:
    images = torch.ones(1, 1, 2, 2)
    (copy, mode) = copy_inputs(nn.ReLU(), (images, "fast"))
    copy.zero_()
    assert images.sum() == 4
    assert mode == "fast"


def test_the_refusal_of_a_net_of_ours_is_told_as_it_is() -> None:
    class Small(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            raise UserError("too small")

    with pytest.raises(UserError, match=r"^too small$"):
        try_net(Small(), torch.zeros(1, 1, 2, 2))


@pytest.mark.parametrize("extra", [None, {"classes": ["a", 1, torch.ones(1)]}])
def test_extra_state_of_plain_things_is_kept(extra: object) -> None:
    check_state(Own(extra=extra))


def test_outputs_are_told_by_shape_or_kind() -> None:
    assert shape_of(torch.zeros(2, 3)) == "(2, 3)"
    assert shape_of([1]) == "a list"
