"""Embeddings as they are shown: few dimensions, and figures of how well they part the classes.

Axes: N images, D numbers of a vector, M dimensions of a layout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pellucid.errors import UserError
from pellucid.metrics.projection import knn_accuracy, pca, silhouette, tsne

METHODS = {"pca": "PCA", "tsne": "t-SNE"}
MAX_DIMENSIONS = 64  # in the projector: it projects at random above 200, and files stay small


def check_methods(methods: Sequence[str], option: str) -> list[str]:
    """The methods. Raises UserError, which names the ``option``, for an unknown one."""
    if isinstance(methods, str) or any(method not in METHODS for method in methods):
        names = methods if isinstance(methods, str) else list(methods)
        raise UserError(f"{option}={names}: expected some of {', '.join(METHODS)}.")
    return list(methods)


def reduced(vectors_ND: np.ndarray) -> np.ndarray:
    """At most 64 dimensions. The axes of few are the first of those of more: the costly part is done once."""
    return pca(vectors_ND, MAX_DIMENSIONS) if vectors_ND.shape[1] > MAX_DIMENSIONS else vectors_ND


def measures(vectors_ND: np.ndarray, labels_N: np.ndarray, seed: int) -> dict[str, float]:
    """How well the classes lie apart, higher is better; none for too few images."""
    values = {
        "knn_accuracy": knn_accuracy(vectors_ND, labels_N),
        "silhouette": silhouette(vectors_ND, labels_N, seed),
    }
    return {name: value for name, value in values.items() if value is not None}


def separation_text(values: Mapping[str, float]) -> str:
    """The same in words, to follow others."""
    words = {"knn_accuracy": "10-nearest-neighbour accuracy", "silhouette": "silhouette"}
    return "".join(f"; {words[name]} {value:.3f}" for name, value in values.items())


def arrange(
    method: str, vectors_ND: np.ndarray, *, seed: int, previous_N2: np.ndarray | None = None
) -> np.ndarray:
    """The layout (N, 2) by one of METHODS, aligned to that of the same points in an earlier epoch."""
    if method == "tsne":
        return tsne(vectors_ND, seed=seed, previous_N2=previous_N2)
    return pca(vectors_ND, 2, previous_N2)


def axes_names(method: str) -> list[str]:
    """What the axes are; those of t-SNE have no meaning, and no name."""
    return ["", ""] if method == "tsne" else ["principal component 1", "principal component 2"]


def explained(layout_NM: np.ndarray, vectors_ND: np.ndarray) -> list[float]:
    """The share of the vectors' variance, in [0, 1], that lies along each axis of their PCA layout."""
    total = float(vectors_ND.astype(np.float64).var(axis=0).sum())
    along_M = layout_NM.astype(np.float64).var(axis=0)
    return [float(share) for share in (along_M / total if total > 0 else along_M * 0)]
