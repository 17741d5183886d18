"""Embeddings in few dimensions, and figures of how well they part the classes."""

from __future__ import annotations

import numpy as np

TSNE_DIMENSIONS = 50  # PCA goes first to these: it takes noise and time away
TSNE_POINTS = 5  # with fewer a neighbourhood has no meaning
TSNE_STEPS = 500  # the Kullback-Leibler divergence is 3 % above that of 1,000, in half the time
TSNE_STEPS_ON = 350  # from a previous layout they reach a lower one than 500 from PCA
PERPLEXITY = 30.0
MIN_POINTS = 256  # below, the figures are chance
MAX_POINTS = 2000  # above, they cost seconds


def pca(vectors_ND: np.ndarray, dimensions: int, previous_ND: np.ndarray | None = None) -> np.ndarray:
    """Coordinates (N, dimensions) on the principal axes, float32, the longest axis first, centred at 0.

    Axes that the vectors do not have are zeros. Each axis points as it did in ``previous_ND``, a layout of
    the same points in an earlier epoch. Raises ValueError for NaN, infinity, or layouts of other shapes.
    """
    from sklearn.decomposition import PCA

    vectors = _checked(vectors_ND)
    layout = np.zeros((len(vectors), dimensions))
    rank = min(dimensions, *vectors.shape)
    if _differ(vectors):
        layout[:, :rank] = PCA(rank, svd_solver="full").fit_transform(vectors)  # exact and not random
    if previous_ND is not None:
        previous = _previous(previous_ND, len(vectors))[:, :dimensions]
        agreement = (layout[:, : previous.shape[1]] * (previous - previous.mean(axis=0))).sum(axis=0)
        layout[:, : previous.shape[1]] *= np.where(agreement < 0, -1, 1)
    return layout.astype(np.float32)


def tsne(vectors_ND: np.ndarray, *, seed: int, previous_N2: np.ndarray | None = None) -> np.ndarray:
    """t-SNE's layout (N, 2), float32, centred at 0; the same for the same seed on one machine.

    Starts from ``previous_N2``, the layout of the same points in an earlier epoch, and is turned and mirrored
    onto it, so that pictures of several epochs can be compared; else from PCA. Below 5 points, and where
    all are equal, PCA's layout. Raises ValueError for NaN, infinity, or a previous layout of another shape.
    """
    from scipy.linalg import orthogonal_procrustes
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    vectors = pca(vectors_ND, TSNE_DIMENSIONS)
    count = len(vectors)
    previous = None if previous_N2 is None else _previous(previous_N2, count)
    if previous is not None and previous.shape[1] != 2:
        raise ValueError(f"previous: expected the shape ({count}, 2), got {previous.shape}.")
    if count < TSNE_POINTS or not _differ(vectors):
        return pca(vectors_ND, 2, previous)
    before = previous if previous is not None and _differ(previous) else None
    method = TSNE(
        init=_start(vectors[:, :2] if before is None else before, seed),
        # It forms clusters, and would move those that are there.
        early_exaggeration=12 if before is None else 1,
        perplexity=min(PERPLEXITY, (count - 1) / 3),
        random_state=seed % 2**32,  # NumPy's legacy generators take no larger one
    )
    steps = "max_iter" if "max_iter" in method.get_params() else "n_iter"  # its name before scikit-learn 1.5
    method.set_params(**{steps: TSNE_STEPS if before is None else TSNE_STEPS_ON})
    with threadpool_limits(1, "openmp"):  # more wait for each other at every step: 20 s where cores are busy
        layout = np.asarray(method.fit_transform(vectors), dtype=np.float64)
    layout -= layout.mean(axis=0)
    if before is not None:
        turn, _ = orthogonal_procrustes(layout, before - before.mean(axis=0))
        layout = layout @ turn
    return np.asarray(layout, dtype=np.float32)


def knn_accuracy(vectors_ND: np.ndarray, labels_N: np.ndarray, k: int = 10) -> float | None:
    """The part of the points, 0 to 1, whose ``k`` nearest others vote for their class; higher is better.

    Of at most 2,000 points, evenly from all. None below 256 points, for a single class, and where every class
    has a single point. Raises ValueError for NaN, infinity, or lengths that differ.
    """
    from sklearn.neighbors import NearestNeighbors

    count = len(vectors_ND)
    rows_M = np.linspace(0, count - 1, min(count, MAX_POINTS)).astype(int)
    sample = _sample(vectors_ND, labels_N, rows_M)
    if sample is None:
        return None
    vectors, labels = sample
    nearest = NearestNeighbors(n_neighbors=k).fit(vectors).kneighbors(return_distance=False)
    votes: np.ndarray = (labels[nearest][:, :, None] == np.arange(labels.max() + 1)).sum(axis=1)
    return float((votes.argmax(axis=1) == labels).mean())


def silhouette(vectors_ND: np.ndarray, labels_N: np.ndarray, seed: int) -> float | None:
    """scikit-learn's silhouette score of the classes, -1 to 1; higher is better.

    Of at most 2,000 points, drawn from ``seed``. None and ValueError as ``knn_accuracy``.
    """
    from sklearn.metrics import silhouette_score

    count = len(vectors_ND)
    rows_M = np.random.default_rng(seed).permutation(count)[:MAX_POINTS]
    sample = _sample(vectors_ND, labels_N, rows_M)
    return None if sample is None else float(silhouette_score(*sample))


def _sample(
    vectors_ND: np.ndarray, labels_N: np.ndarray, rows_M: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """The chosen vectors about their mean, their classes as 0, 1, …; None where figures have no meaning."""
    vectors = _checked(vectors_ND)
    if np.shape(labels_N) != (len(vectors),):
        raise ValueError(f"labels: expected {len(vectors)}, one for each vector, got {np.shape(labels_N)}.")
    if len(vectors) < MIN_POINTS:
        return None
    classes, labels = np.unique(np.asarray(labels_N)[rows_M], return_inverse=True)
    if not 1 < len(classes) < len(rows_M):
        return None
    return (vectors - vectors.mean(axis=0))[rows_M], labels


def _checked(vectors_ND: np.ndarray) -> np.ndarray:
    vectors = np.asarray(vectors_ND, dtype=np.float64)
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise ValueError(f"vectors: expected the shape (points, dimensions), got {vectors.shape}.")
    if not np.isfinite(vectors).all():
        raise ValueError("vectors: expected finite numbers, got NaN or infinity.")
    return vectors


def _previous(layout_ND: np.ndarray, count: int) -> np.ndarray:
    layout = _checked(layout_ND)
    if len(layout) != count:
        raise ValueError(f"previous: expected the layout of the same {count} points, got {len(layout)}.")
    return layout


def _differ(vectors_ND: np.ndarray) -> bool:
    """Whether any two points do."""
    return bool(np.ptp(vectors_ND, axis=0).any())


def _start(layout_N2: np.ndarray, seed: int) -> np.ndarray:
    """A layout for t-SNE to start from: very small, with noise, as points on one line never leave it."""
    noise = np.random.default_rng(seed).normal(scale=0.01, size=layout_N2.shape)
    centred = layout_N2 - layout_N2.mean(axis=0)
    return np.asarray((centred / centred.std(axis=0).max() + noise) * 1e-4, dtype=np.float32)
