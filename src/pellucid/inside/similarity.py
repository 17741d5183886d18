"""How alike two layers see the same images, and whether two nets differ in what they get right.

Axes: N images, P and Q units of two layers.
"""

from __future__ import annotations

import numpy as np

LEAST = 4  # images, or the unbiased estimate is undefined


def cka(one_NP: np.ndarray, other_NQ: np.ndarray) -> float:
    """Debiased linear centred kernel alignment: 1 for equal up to rotation and scale, about 0 for unrelated.

    Kornblith et al., "Similarity of neural network representations revisited", 2019, with the unbiased HSIC
    of Song et al., "Feature selection via dependence maximization", 2012: without it few images of many
    units look alike whatever they are. It may be slightly below 0; NaN where a layer gives the same for all.
    Raises ValueError for different numbers of images, or fewer than four.
    """
    if len(one_NP) != len(other_NQ) or len(one_NP) < LEAST:
        raise ValueError(
            f"expected {LEAST} or more images, the same for both; got {len(one_NP)} and {len(other_NQ)}."
        )
    one_NN, other_NN = _gram(one_NP), _gram(other_NQ)
    both = _hsic(one_NN, one_NN) * _hsic(other_NN, other_NN)
    return _hsic(one_NN, other_NN) / float(np.sqrt(both)) if both > 0 else float("nan")


def _gram(values_NP: np.ndarray) -> np.ndarray:
    """Inner products of the images about their mean, none with itself, in units of their mean square."""
    values = np.asarray(values_NP, dtype=np.float64)
    values = values - values.mean(axis=0)
    gram: np.ndarray = values @ values.T
    gram /= np.trace(gram) / len(gram) or 1.0
    np.fill_diagonal(gram, 0.0)
    return gram


def _hsic(one_NN: np.ndarray, other_NN: np.ndarray) -> float:
    """The unbiased estimate, equation 5 of Song et al."""
    count = len(one_NN)
    direct = (one_NN * other_NN).sum()
    means = one_NN.sum() * other_NN.sum() / ((count - 1) * (count - 2))
    rows = 2 * one_NN.sum(axis=0) @ other_NN.sum(axis=0) / (count - 2)
    return float((direct + means - rows) / (count * (count - 3)))


def mcnemar(right_N: np.ndarray, other_right_N: np.ndarray) -> tuple[int, int, float]:
    """Images that only the first, and only the second got right, and the exact p-value of no difference.

    McNemar, "Note on the sampling error of the difference between correlated proportions", 1947; two-sided
    binomial, of the same images for both.
    """
    from scipy.stats import binomtest

    first = int((right_N & ~other_right_N).sum())
    second = int((~right_N & other_right_N).sum())
    p = float(binomtest(first, first + second).pvalue) if first + second else 1.0
    return first, second, p
