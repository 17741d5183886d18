"""Similarity of two layers by what they make of the same images.

Axes: N images, P and Q units of two layers.
"""

from __future__ import annotations

import numpy as np

MIN_SAMPLES = 4  # images, or the unbiased estimate is undefined


def cka(one_NP: np.ndarray, other_NQ: np.ndarray) -> float:
    """Debiased linear centred kernel alignment: 1 for equal up to rotation and scale, about 0 for unrelated.

    Kornblith et al., "Similarity of neural network representations revisited", 2019, with the unbiased HSIC
    of Song et al., "Feature selection via dependence maximization", 2012: without it few images of many
    units look alike whatever they are. It may be slightly below 0; NaN where a layer gives the same for all.
    Raises ValueError for different numbers of images, or fewer than four.
    """
    return alignment(gram(one_NP), gram(other_NQ))


def gram(values_NP: np.ndarray) -> np.ndarray:
    """Inner products of the images about their mean, none with itself, in units of their mean square.

    All that ``alignment`` needs of a layer, (N, N), however many units it has.
    """
    values = np.asarray(values_NP, dtype=np.float64)
    values = values - values.mean(axis=0)
    gram_NN: np.ndarray = values @ values.T
    gram_NN /= np.trace(gram_NN) / len(gram_NN) or 1.0
    np.fill_diagonal(gram_NN, 0.0)
    return gram_NN


def alignment(one_NN: np.ndarray, other_NN: np.ndarray) -> float:
    """``cka`` of two layers by their ``gram``. Raises ValueError as that does."""
    if len(one_NN) != len(other_NN) or len(one_NN) < MIN_SAMPLES:
        raise ValueError(
            f"expected {MIN_SAMPLES} or more images, the same for both; "
            f"got {len(one_NN)} and {len(other_NN)}."
        )
    both = _hsic(one_NN, one_NN) * _hsic(other_NN, other_NN)
    return _hsic(one_NN, other_NN) / float(np.sqrt(both)) if both > 0 else float("nan")


def _hsic(one_NN: np.ndarray, other_NN: np.ndarray) -> float:
    """The unbiased estimate, equation 5 of Song et al."""
    count = len(one_NN)
    direct = (one_NN * other_NN).sum()
    means = one_NN.sum() * other_NN.sum() / ((count - 1) * (count - 2))
    rows = 2 * one_NN.sum(axis=0) @ other_NN.sum(axis=0) / (count - 2)
    return float((direct + means - rows) / (count * (count - 3)))
