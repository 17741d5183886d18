"""Reconstructions and walks through codes, of a net that can be worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pellucid.inside.images import Images
from pellucid.inside.predictor import Predictor
from pellucid.spec import Spec
from pellucid.view.latent import encode, traverse
from pellucid.view.reconstructions import choose_extremes, reconstruct, squared_errors


class Halves(nn.Module):
    """Codes of the two pixels; what is decoded is half as bright."""

    def encode(self, images_BCHW: Tensor) -> Tensor:
        return images_BCHW.flatten(1)

    def decode(self, latent_BD: Tensor) -> Tensor:
        return latent_BD.view(-1, 1, 1, 2) / 2

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return self.decode(self.encode(images_BCHW))


def halves() -> Predictor:
    def interpret(images_BCHW: Tensor, output: Tensor, labels_B: Tensor | None) -> Mapping[str, Tensor]:
        return {"mse": (output - images_BCHW).square().flatten(1).mean(dim=1)}

    spec = Spec(image_shape=(1, 1, 2), classes=("a",), mean=(0.0,), std=(1.0,), statistics="none")
    return Predictor(Halves().eval(), spec, torch.device("cpu"), interpret)


def batches(*pixels: tuple[int, int]) -> Iterator[Images]:
    for pair in pixels:
        yield Images(torch.tensor(pair, dtype=torch.uint8).view(1, 1, 1, 2), torch.zeros(1), ["f"], ["a"])


def test_errors_by_hand() -> None:
    (images,) = batches((255, 0))
    seen = reconstruct(halves(), halves().inputs(images.pixels_BCHW))
    assert seen.originals_BHWC.tolist() == [[[[1], [0]]]]
    assert seen.outputs_BHWC.tolist() == [[[[0.5], [0]]]]
    assert seen.errors.tolist() == [0.125]
    assert seen.absolute_errors.tolist() == [[[0.5, 0]]]
    assert squared_errors(halves(), batches((255, 0), (0, 0))).tolist() == [0.125, 0]
    assert halves().reconstructs
    assert not halves().has_classes


@pytest.mark.parametrize(
    ("errors", "best", "median", "worst"),
    [
        ([3.0, 1.0, 2.0], [1], [2], [0]),
        ([5.0, 1.0, 2.0, 4.0, 3.0, 0.0, 6.0], [5, 1], [2, 4], [6, 0]),
        ([1.0], [0], [0], [0]),
    ],
)
def test_best_median_and_worst(
    errors: list[float], best: list[int], median: list[int], worst: list[int]
) -> None:
    extremes = choose_extremes(np.array(errors), 2)
    assert [x.tolist() for x in (extremes.best, extremes.median, extremes.worst)] == [best, median, worst]


def test_walks_lead_from_quantile_to_quantile_past_the_median() -> None:
    codes_ND = encode(halves(), batches(*[(255 * i // 100, 51) for i in range(101)]))
    assert codes_ND.shape == (101, 2)
    walks = traverse(halves(), codes_ND)
    assert walks.values_WS[0, [0, 4, 8]] == pytest.approx([0.05, 0.5, 0.95], abs=0.01)
    assert walks.values_WS[1] == pytest.approx([0.2] * 9)
    assert walks.images_WSHWC.shape == (2, 9, 1, 2, 1)
    assert walks.images_WSHWC[0, 0].flatten() == pytest.approx([0.025, 0.1], abs=0.01)
