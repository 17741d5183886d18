"""Kernels as tiles, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.draw.filters import draw_filters, kernel_tiles, norms


def test_kernels_of_three_inputs_are_colours_and_others_are_not() -> None:
    kernels = np.zeros((1, 3, 14, 14))
    kernels[0, 0] = 0.5  # red
    page = kernel_tiles(kernels, 1.0, 64, 3)
    assert page[0, 0].tolist() == [0.75, 0.5, 0.5], "0 is grey"
    many = kernel_tiles(np.zeros((2, 4, 14, 14)), 1.0, 2, 3)
    assert many.shape[:2] == (2 * 15 - 1, 3 * 15 - 1), "a row an output, a column an input"
    one = kernel_tiles(np.zeros((9, 1, 14, 14)), 1.0, 9, 1)
    assert one.shape[:2] == (3 * 30 - 2, 3 * 30 - 2)


def test_three_inputs_of_a_group_are_no_colours() -> None:
    page = kernel_tiles(np.zeros((2, 3, 14, 14)), 1.0, 2, 3, is_grouped=True)
    assert page.shape[:2] == (2 * 15 - 1, 3 * 15 - 1), "a row an output, a column an input"
    kernels = np.zeros((2, 3, 14, 14), np.float32)
    plain = draw_filters(kernels, None, kernels=256, title="layer", change=None)
    grouped = draw_filters(kernels, None, kernels=256, title="layer", change=None, is_grouped=True)
    assert grouped.shape[1] > plain.shape[1], "their norms, too"


def test_kernel_rows_are_outputs() -> None:
    kernels = np.zeros((2, 4, 14, 14))
    kernels[1, 2] = 1.0
    page = kernel_tiles(kernels, 1.0, 2, 4)
    red = page[15, 2 * 15]
    assert red[0] > red[2]
    assert np.ptp(page[0, 2 * 15]) < 0.02


def test_norms_by_hand() -> None:
    kernels = np.array([[[[3.0, 4.0]]], [[[0.0, 0.0]]]])
    assert norms(kernels).tolist() == [[5.0], [0.0]]


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (64, 3, 7, 7), (600, 512, 3, 3), (5, 2, 3, 1)])
def test_any_convolution_is_drawn(shape: tuple[int, int, int, int]) -> None:
    kernels = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    picture = draw_filters(kernels, kernels, kernels=256, title="layer", change=0.0)
    assert picture.dtype == np.uint8
