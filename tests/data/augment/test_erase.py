"""Random erasing: the rectangle, worked out by hand."""

from __future__ import annotations

import torch

from pellucid.data.augment.erase import Erase


def test_the_rectangle_has_its_area_its_ratio_and_its_place() -> None:
    operation = Erase(scale=(0.25, 0.25), ratio=(1.0, 1.0), probability=1.0)
    fill = torch.tensor([0.5, 0.25]).view(1, 2, 1, 1)
    out = operation(torch.ones(3, 2, 8, 8), torch.tensor([[0, 0, 0, 0.0, 0.99]] * 3), fill)
    expected = torch.ones(2, 8, 8)
    expected[0, :4, 4:], expected[1, :4, 4:] = 0.5, 0.25  # 4 × 4 pixels, above and to the right
    assert torch.equal(out, expected.expand(3, 2, 8, 8))


def test_areas_and_probability_are_those_of_the_options() -> None:
    random = torch.Generator().manual_seed(0)
    out = Erase(probability=0.4)(torch.ones(2000, 1, 32, 32), torch.rand(2000, 5, generator=random))
    share = 1 - out.mean(dim=(1, 2, 3))
    erased = share[share > 0]
    assert abs(len(erased) / 2000 - 0.4) < 0.03
    assert 0.015 < float(erased.min()) < 0.03
    assert 0.3 < float(erased.max()) < 0.35
    assert abs(float(erased.mean()) - (0.02 + 0.33) / 2) < 0.02


def test_one_that_is_longer_than_the_image_is_cut() -> None:
    operation = Erase(scale=(0.5, 0.5), ratio=(9.0, 9.0), probability=1.0)
    out = operation(torch.ones(1, 1, 9, 9), torch.tensor([[0, 0, 0, 0.5, 0.0]]))
    assert out[0, 0].sum(dim=0).tolist() == [0, 0] + [9] * 7  # 6.4 / 3 pixels wide
