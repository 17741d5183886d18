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
