"""Images of the page with their maps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from pellucid.explainer.saliency import Saliency
from pellucid.report.run.context import Context
from pellucid.report.run.explained import explained_images


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.layer(images.flatten(1))
        return scores


def test_images_that_were_asked_for_have_maps(make_context: Callable[..., Context]) -> None:
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (3, 1, 2, 2), dtype=torch.uint8)
    context = make_context(Linear(), pixels, [0, 1, 0], explainers={"saliency": Saliency()})
    shown, methods = explained_images(context, [2, 0], torch.tensor([0, 1, 1]))
    assert list(shown) == [2, 0]
    assert methods == ["saliency"]
    assert all(list(image.maps) == ["saliency"] for image in shown.values())
    assert shown[2].photo != shown[0].photo
    context.seconds = 0.0
    shown, methods = explained_images(context, [1], torch.tensor([0, 1, 1]))
    assert (shown[1].maps, methods) == ({}, [])
    assert explained_images(context, [], torch.tensor([])) == ({}, [])
