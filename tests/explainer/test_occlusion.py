"""Occlusion: numbers worked out by hand, and Captum's own."""

from __future__ import annotations

import pytest
import torch
from captum import attr
from torch import Tensor, nn

from pellucid.errors import UserError
from pellucid.explainer.occlusion import Occlusion
from tests.explainer.nets import small_cnn


class Corner(nn.Module):
    """Class 0 scores the sum of the left upper ``side`` × ``side`` pixels, class 1 its opposite."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, images_BCHW: Tensor) -> Tensor:
        score = images_BCHW[:, :, : self.side, : self.side].sum(dim=(1, 2, 3))
        return torch.stack([score, -score], dim=1)


def test_a_net_that_looks_at_one_quadrant() -> None:
    # Hiding the quadrant lowers the score by four pixels' distance from black: 4 (5 + 1) = 24.
    images = torch.full((2, 1, 4, 4), 5.0)
    found = Occlusion(window=0.5, stride=0.5).explain(
        Corner(2), images, torch.tensor([0, 1]), torch.full((1, 4, 4), -1.0)
    )
    quadrant = torch.zeros(4, 4)
    quadrant[:2, :2] = 24
    assert torch.equal(found.maps_BHW, torch.stack([quadrant, -quadrant]))
    assert found.notes == ("", "")


def test_where_windows_overlap_a_pixel_has_their_mean() -> None:
    # The net looks at the first pixel: hiding it lowers the score by 6. Windows of 2 × 2 begin at 0, 1 and 2.
    # The first pixel lies in one window, its neighbours in two, the next on the diagonal in four;
    # one of them hides the first pixel.
    found = Occlusion(window=0.5, stride=0.25).explain(
        Corner(1), torch.full((1, 1, 4, 4), 5.0), torch.tensor([0]), torch.full((1, 4, 4), -1.0)
    )
    expected = [[6, 3, 0, 0], [3, 1.5, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert found.maps_BHW[0].tolist() == expected


def test_channels_are_hidden_together_each_behind_its_black() -> None:
    # 5 + 1 in the first channel, 5 + 2 in the second: 13 in all, one value for the pixel.
    # The window would be less than a pixel, and so is one.
    black = torch.tensor([-1.0, -2.0])[:, None, None].expand(2, 4, 4)
    found = Occlusion(window=0.01, stride=0.01).explain(
        Corner(1), torch.full((1, 2, 4, 4), 5.0), torch.tensor([0]), black
    )
    expected = torch.zeros(4, 4)
    expected[0, 0] = 13
    assert torch.equal(found.maps_BHW[0], expected)


def test_the_window_follows_each_side() -> None:
    # 2 × 8 pixels, half of each side: windows of 1 × 4. Those at the left hide two of the four pixels
    # that the net looks at: 2 (5 + 1) = 12.
    found = Occlusion(window=0.5, stride=0.5).explain(
        Corner(2), torch.full((1, 1, 2, 8), 5.0), torch.tensor([0]), torch.full((1, 2, 8), -1.0)
    )
    assert found.maps_BHW[0].tolist() == [[12.0] * 4 + [0.0] * 4] * 2


def test_the_same_as_captum() -> None:
    torch.manual_seed(0)
    net = small_cnn()
    images, target, black = torch.randn(3, 3, 16, 16), torch.tensor([0, 3, 1]), torch.randn(3, 16, 16)
    maps = Occlusion(window=0.25, stride=0.125).explain(net.train(), images, target, black).maps_BHW
    expected = attr.Occlusion(net.eval()).attribute(
        images, (3, 4, 4), strides=(3, 2, 2), baselines=black[None], target=target
    )
    assert torch.allclose(maps[:, None].expand(-1, 3, -1, -1), expected, atol=1e-5)
    assert expected.abs().max() > 1e-2


@pytest.mark.parametrize(
    ("window", "stride"), [(0.25, 0.5), (1.5, 0.5), (0.25, 0.0), (0.0, 0.0), (0.5, -0.1)]
)
def test_options_are_checked(window: float, stride: float) -> None:
    with pytest.raises(UserError, match=f"window={window}, stride={stride}: expected fractions"):
        Occlusion(window=window, stride=stride)
