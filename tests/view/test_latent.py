"""Codes, and walks through them, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from pellucid.view.latent import MAX_DIMENSIONS, STEPS, Coder, encode, traverse
from tests.view.nets import batches, halves


def test_walks_lead_from_quantile_to_quantile_past_the_median() -> None:
    codes_ND = encode(halves(), batches(*[(255 * i // 100, 51) for i in range(101)]))
    assert codes_ND.shape == (101, 2)
    walks = traverse(halves(), codes_ND)
    assert walks.values_WS[0, [0, 4, 8]] == pytest.approx([0.05, 0.5, 0.95], abs=0.01)
    assert walks.values_WS[1] == pytest.approx([0.2] * 9)
    assert walks.images_WSHWC.shape == (2, 9, 1, 2, 1)
    assert walks.images_WSHWC[0, 0].flatten() == pytest.approx([0.025, 0.1], abs=0.01)


def test_of_a_long_code_the_first_dimensions_are_walked_along() -> None:
    class Flat(nn.Module):
        encode = staticmethod(lambda images_BCHW: images_BCHW.flatten(1))
        decode = staticmethod(lambda latent_BD: latent_BD[:, None, None, :])

    predictor = replace(halves(), net=Flat())
    walks = traverse(predictor, torch.zeros(3, MAX_DIMENSIONS + 2))
    assert walks.images_WSHWC.shape == (MAX_DIMENSIONS, STEPS, 1, MAX_DIMENSIONS + 2, 1)
    assert isinstance(predictor.net, Coder)
    assert not isinstance(nn.Identity(), Coder)
