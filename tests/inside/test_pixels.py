"""Images as they are shown, by hand."""

from __future__ import annotations

import numpy as np
import torch

from pellucid.inside.pixels import pixels, to_pixels, to_rgb
from pellucid.spec import Spec

GREY = Spec((1, 1, 4), ("a",), (0.5,), (0.25,), "")


def test_normalisation_is_undone_and_grey_is_shown_in_three_channels() -> None:
    normalised = torch.tensor([[[[-2.0, 0.0, 2.0, 9.0]]]])  # 0, a half, 1 and beyond
    shown = to_rgb(GREY, normalised)
    assert shown.shape == (1, 1, 4, 3)
    assert shown[0, 0, :, 0].tolist() == [0, 128, 255, 255]
    assert (shown == shown[..., :1]).all()


def test_bytes_come_back_as_they_were() -> None:
    images_BCHW = torch.tensor([[[[0, 1, 77, 255]]]], dtype=torch.uint8)
    assert pixels(GREY, images_BCHW)[0, 0, :, 2].tolist() == [0, 1, 77, 255]
    assert to_pixels(np.full((1, 1, 1, 3), 0.5)).tolist() == [[[[128] * 3]]]
