"""Nearest neighbours among very many vectors, exactly, and without keeping them.

Axes: Q queries, B vectors of a batch, D numbers of a vector, K nearest, H × W pixels, C channels.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

DISTANCES = {"cosine": "cosine", "euclidean": "Euclidean"}
SAME = 1e-6  # distance, below which an image of the same pixels is the query itself


class Nearest:
    """Of vectors that are shown batch by batch, the ``count`` nearest to each query, the nearest first.

    ``cosine``: 1 less the cosine of the angle, 0 to 2; 1 to a vector of zeros, which has no direction.
    ``euclidean``: in the vectors' own unit. In float64. Of equally near ones the earlier ones.
    """

    def __init__(self, queries_QD: Tensor, *, count: int, distance: str) -> None:
        assert distance in DISTANCES
        self.count, self.distance = count, distance
        self._queries_QD = self._as_compared(queries_QD)
        self._seen = 0
        self.distances_QK = torch.empty(len(queries_QD), 0, dtype=torch.float64)
        self.index_QK = torch.empty(len(queries_QD), 0, dtype=torch.int64)

    def see(self, vectors_BD: Tensor) -> None:
        """Let the next vectors take part; they are numbered as they come, from 0."""
        others_BD = self._as_compared(vectors_BD)
        if self.distance == "cosine":
            distances_QB = (1 - self._queries_QD @ others_BD.T).clamp_(min=0)
        else:  # not by way of dot products, in which what is near cancels out
            distances_QB = torch.cdist(
                self._queries_QD, others_BD, compute_mode="donot_use_mm_for_euclid_dist"
            )
        index_B = torch.arange(self._seen, self._seen + len(others_BD))
        self._seen += len(others_BD)
        distances = torch.cat([self.distances_QK, distances_QB], dim=1)
        index = torch.cat([self.index_QK, index_B.expand(len(distances), -1)], dim=1)
        order = torch.argsort(distances, dim=1, stable=True)[:, : self.count]
        self.distances_QK, self.index_QK = distances.gather(1, order), index.gather(1, order)

    def _as_compared(self, vectors: Tensor) -> Tensor:
        vectors = vectors.double()
        return functional.normalize(vectors, dim=1) if self.distance == "cosine" else vectors


def same_image(one_HWC: np.ndarray, other_HWC: np.ndarray, distance: float) -> bool:
    """Whether a neighbour is the query itself, uint8 images: a layer of few numbers may take two for one."""
    apart = np.abs(one_HWC.astype(int) - other_HWC.astype(int)).max()
    return distance < SAME and bool(apart <= 1)
