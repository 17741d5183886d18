"""Which images a unit answers most, and whether it lives; by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pellucid.errors import UserError
from pellucid.inside.top_activations import TopActivations, Watch


def watched(values_NUP: Tensor, size: int) -> TopActivations:
    watch = Watch(values_NUP.shape[1])
    for some in torch.split(values_NUP, size):
        watch.see(some)
    return watch.result()


def test_firing_and_strongest_images_by_hand() -> None:
    values_NUP = torch.zeros(12, 3, 4)
    values_NUP[:, 0, 2] = torch.arange(12.0)  # above 0 in 11 of 12 images, at one place of four
    values_NUP[5, 1, 3] = values_NUP[7, 1, 1] = 2.0
    values_NUP[:, 2] = -1.0
    found = watched(values_NUP, 5)
    assert found.rate_U.tolist() == pytest.approx([11 / 12, 2 / 12, 0])
    assert found.position_rate_U.tolist() == pytest.approx([11 / 48, 2 / 48, 0])
    assert found.mean_U.tolist() == pytest.approx([66 / 48, 4 / 48, -1])
    assert found.dead_U.tolist() == [False, False, True]
    assert found.image_UK[0].tolist() == [11, 10, 9, 8, 7, 6, 5, 4, 3]
    assert found.position_UK[0].tolist() == [2] * 9
    assert found.image_UK[1].tolist() == [5, 7] + [-1] * 7, "it is at rest in the others"
    assert found.position_UK[1, :2].tolist() == [3, 1]
    assert found.image_UK[2].tolist() == [-1] * 9


@pytest.mark.parametrize("size", [1, 7, 40])
def test_batches_do_not_matter(size: int) -> None:
    values_NUP = torch.randint(-3, 4, (40, 6, 5), generator=torch.Generator().manual_seed(0)).float()
    whole, parts = vars(watched(values_NUP, 40)), vars(watched(values_NUP, size))
    for name, value in whole.items():
        if isinstance(value, Tensor):
            assert torch.allclose(value, parts[name], equal_nan=True), name
    best = values_NUP.amax(dim=2).T.topk(9).values
    assert torch.equal(whole["value_UK"], best)


def test_what_is_not_finite_is_told() -> None:
    with pytest.raises(UserError, match="not finite: the training has diverged"):
        Watch(1).see(torch.tensor([[[torch.nan]]]))


def test_one_image_cannot_show_that_a_vectors_unit_is_dead() -> None:
    found = watched(torch.ones(1, 2, 1), 1)
    assert found.dead_U.tolist() == [False, False]
    assert found.image_UK.tolist() == [[0], [0]]
