"""Mean and standard deviation of images, by hand and against torch."""

from __future__ import annotations

import torch

from pellucid.data.statistics import channel_statistics


def test_by_hand() -> None:
    images_BCHW = torch.tensor([0, 255, 51, 51], dtype=torch.uint8).view(1, 2, 1, 2)
    assert channel_statistics([images_BCHW]) == ((0.5, 0.2), (0.5, 1.0))  # 1 where all are alike


def test_batches_are_one_set() -> None:
    images_NCHW = torch.randint(0, 256, (10, 3, 4, 5), generator=torch.Generator().manual_seed(0)).byte()
    mean, std = channel_statistics(torch.split(images_NCHW, 4))
    values_NCHW = images_NCHW.double() / 255
    for found, expected_C in (
        (mean, values_NCHW.mean((0, 2, 3))),
        (std, values_NCHW.std((0, 2, 3), correction=0)),
    ):
        assert found == tuple(round(value, 4) for value in expected_C.tolist())
