"""Examples of augmentations: each operation alone, then all."""

from __future__ import annotations

import torch

from pellucid.data.augment.automatic import MEMBERS
from pellucid.data.augment.pipeline import Pipeline, find_augment
from pellucid.data.augment.show import examples, strengths

IMAGE = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))


def test_each_operation_is_shown_alone_without_its_probability() -> None:
    pipeline = find_augment(["crop", "flip", "erase"], {"erase": {"probability": 0.01}})
    shown = examples(pipeline, IMAGE, 5, seed=0, fill=0.5)
    assert list(shown) == ["crop", "flip", "erase\nin 1% of draws", "all, in this order"]
    assert all(images.shape == (5, 3, 16, 16) for images in shown.values())
    erased = shown["erase\nin 1% of draws"]
    assert not (erased == IMAGE).flatten(1).all(dim=1).any()
    assert (shown["flip"] == IMAGE).flatten(1).all(dim=1).any(), "some are as they were"
    assert examples(Pipeline(), IMAGE, 5, seed=0, fill=0.5) == {}


def test_strengths_go_from_one_end_to_the_other() -> None:
    shown = strengths(IMAGE, torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.0]), fill=0.5)
    assert list(shown) == list(MEMBERS)
    for name in ("rotate", "brightness", "shear_x"):
        torch.testing.assert_close(shown[name][2], IMAGE, atol=1e-5, rtol=0)
        assert not torch.allclose(shown[name][0], shown[name][4])
    assert torch.equal(shown["solarize"][4], 1 - IMAGE)
    assert torch.equal(shown["solarize"][0], IMAGE), "no pixel is as bright as 1"
