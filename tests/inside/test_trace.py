"""On which axis of its output a layer has its units."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid.inside.trace import traced, unit_axis


class Split(nn.Module):
    """Tokens of all images in one tensor of vectors, for a linear layer, then by heads."""

    def __init__(self) -> None:
        super().__init__()
        self.project, self.heads = nn.Linear(4, 6), nn.Identity()

    def forward(self, images_BCHW: Tensor) -> Tensor:
        rows = self.project(images_BCHW.reshape(-1, 4))  # (B · 4, 6)
        heads: Tensor = self.heads(rows.view(len(images_BCHW), 4, 2, 3).transpose(1, 2))
        return heads


def test_an_image_made_of_a_vector_has_its_units_first_and_heads_made_of_tokens_have_none() -> None:
    decoder = nn.Sequential(nn.Flatten(), nn.Linear(16, 12), nn.Unflatten(1, (3, 2, 2)))
    assert unit_axis(traced(decoder, torch.randn(2, 1, 4, 4)), "2") == 1
    assert unit_axis(traced(Split(), torch.randn(2, 1, 4, 4)), "heads") is None


def test_what_a_net_kept_of_its_test_is_traced() -> None:
    """A tensor made in inference mode counts no changes, as ConViT's places of patches do not."""

    class Kept(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Linear(4, 4)
            with torch.inference_mode():
                self.places = torch.ones(4)

        def forward(self, images_BCHW: Tensor) -> Tensor:
            return images_BCHW.flatten(1)[:, :4] + self.scale(self.places)  # type: ignore[no-any-return]

    with torch.no_grad():
        assert "scale" in traced(Kept(), torch.randn(2, 1, 4, 4)).leaves
