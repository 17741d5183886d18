"""What the base of explainers does for every method."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from pellucid.errors import UserError
from pellucid.explainer.base import NO_MAP, Explainer, Explanation, copied_to, images_per_pass
from pellucid.explainer.saliency import Saliency


@pytest.mark.parametrize(
    ("scale", "shift", "blind"),
    [(1.0, 0.0, False), (1e-3, 0.0, False), (0.0, 1.0, True), (1e-4, 1.0, True), (1.0, 1e7, True)],
)
def test_a_net_is_blind_where_its_scores_hardly_move_for_their_size(
    scale: float, shift: float, blind: bool
) -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(3 * 8 * 8, 4)

        def forward(self, images_BCHW: torch.Tensor) -> torch.Tensor:
            scores: torch.Tensor = self.head(images_BCHW.flatten(1))
            return scores * scale + shift

    torch.manual_seed(0)
    images = torch.randn(2, 3, 8, 8)
    found = Saliency().explain(Scaled(), images, torch.tensor([0, 1]), torch.zeros(3, 8, 8))
    assert [note == NO_MAP for note in found.notes] == [blind, blind]


class Given(Explainer):
    """Hands on what it is given."""

    title, signed = "Given", False

    def __init__(self, maps_BHW: Tensor, notes: Sequence[str]) -> None:
        self.maps_BHW, self.notes = maps_BHW, notes

    def _attribute(
        self, net: nn.Module, images_BCHW: Tensor, target_B: Tensor, black_CHW: Tensor
    ) -> tuple[Tensor, Sequence[str]]:
        assert not net.training
        assert torch.is_grad_enabled()
        return self.maps_BHW, self.notes


def explained(maps_BHW: Tensor, notes: Sequence[str], target: Sequence[int] = (0, 1)) -> Explanation:
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    return Given(maps_BHW, notes).explain(
        net, torch.randn(2, 1, 2, 2), torch.tensor(target), torch.zeros(1, 2, 2)
    )


def test_maps_and_notes_come_as_the_method_gives_them() -> None:
    maps = torch.arange(8.0).view(2, 2, 2)
    found = explained(maps.double(), ["", "✗ odd"])
    assert torch.equal(found.maps_BHW, maps)
    assert found.maps_BHW.dtype == torch.float32
    assert (found.notes, found.title) == (("", "✗ odd"), "Given")
    assert Explanation(maps, ("", NO_MAP), "").shown().tolist() == [maps[0].tolist(), [[0, 0], [0, 0]]]


def test_a_method_of_ones_own_that_gives_other_shapes_is_told() -> None:
    with pytest.raises(
        UserError, match=r"Given\._attribute: expected maps \(2, 2, 2\) .* got maps \(2, 1, 2\)"
    ):
        explained(torch.zeros(2, 1, 2), ["", ""])
    with pytest.raises(ValueError, match=r"Given: expected one class an image"):
        explained(torch.zeros(2, 2, 2), ["", ""], target=(0,))
    with pytest.raises(ValueError, match=r"Given: 1 of 2 maps hold values that are not finite"):
        explained(torch.tensor([0.0, float("nan")]).view(2, 1, 1).expand(2, 2, 2), ["", ""])


def test_the_images_of_one_pass_are_bounded_by_number_and_by_pixels() -> None:
    for side, count in ((8, 64), (128, 32), (1024, 1)):
        assert images_per_pass(torch.empty(1, 3, side, side, device="meta")) == count


def test_copies_are_in_the_nets_precision_and_without_history() -> None:
    images = torch.ones(1, requires_grad=True)
    copy = copied_to(nn.Linear(1, 1).double(), images)
    assert copy.dtype == torch.float64
    assert not copy.requires_grad
    assert copied_to(nn.Flatten(), images).data_ptr() != images.data_ptr()
