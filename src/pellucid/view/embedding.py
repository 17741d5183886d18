"""Embedding of images: a vector each by one layer of a net, and layouts of the vectors in the plane.

Axes: N images, B of a batch, P and S some of the N, D numbers of a vector, C channels, H × W pixels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pellucid.errors import UserError
from pellucid.inside.embedding import EMBED
from pellucid.inside.embedding import check_layer as check_name
from pellucid.inside.images import Images
from pellucid.inside.predictor import Predictor
from pellucid.inside.reference import choose_points
from pellucid.metrics.layout import arrange, explained, measures, reduced
from pellucid.view.predictions import predicted_texts

MAX_BYTES = 2 * 2**30  # of all vectors, which are kept until they are written

Watch = Callable[[Tensor, Tensor, Mapping[str, Tensor]], object]  # inputs, output, predictions of a batch
Metadata = tuple[
    Sequence[str], Sequence[str], Tensor, Tensor | None
]  # files, names, labels, targets of a batch
PREDICTED = ("predicted", "confidence", "scores", "has", "numbers")  # of what is predicted, that is kept


@dataclass(frozen=True)
class Layout:
    """Positions of S images in the plane by a method; ``rows_S`` of the embedding, of its ``index_S``."""

    rows_S: np.ndarray
    index_S: np.ndarray
    points_S2: np.ndarray


@dataclass(frozen=True)
class Colours:
    """What points are coloured by: a class or label each, below 0 where none, or ``values_N``; a ``note``
    says what it is where that is not the class.
    """

    labels_N: np.ndarray
    values_N: np.ndarray | None = None
    note: str = ""

    def subset(self, rows_P: np.ndarray) -> Colours:
        """Those rows."""
        values_P = None if self.values_N is None else self.values_N[rows_P]
        return Colours(self.labels_N[rows_P], values_P, self.note)


def colours_of(
    labels_N: np.ndarray,
    targets_NK: np.ndarray | None,
    predictions: Mapping[str, np.ndarray],
    names: Sequence[str],
) -> Colours:
    """The class of each image, or of images without any the likeliest label or the first number."""
    known, predicted = (labels_N >= 0).any(), predictions
    if targets_NK is not None and targets_NK.dtype != bool:
        return Colours(labels_N, targets_NK[:, 0], f"; colour: true {names[0]}")
    if not known and "scores" in predicted:
        return Colours(predicted["scores"].argmax(axis=1), None, "; colour: the likeliest label")
    if targets_NK is not None:
        alone_N = np.where(targets_NK.sum(axis=1) == 1, targets_NK.argmax(axis=1), -1)
        return Colours(alone_N, None, "; colour: the label of images with one alone")
    if not known and "numbers" in predicted:
        return Colours(labels_N, predicted["numbers"][:, 0], f"; colour: predicted {names[0]}")
    if not known and "predicted" in predicted:
        return Colours(predicted["predicted"], None, "; colour: the predicted class")
    return Colours(labels_N)


@dataclass(frozen=True)
class Embedding:
    """Vectors of N images by a layer, and what is known and predicted of each.

    ``index_N``: their positions among all. ``labels_N`` has −1 where a class is not known, ``names`` are
    those of classes or folders; ``targets_NK`` are labels or numbers of images that have these.
    """

    layer: str
    index_N: np.ndarray
    files: Sequence[str]
    names: Sequence[str]
    labels_N: np.ndarray
    vectors_ND: np.ndarray
    predictions: Mapping[str, np.ndarray]
    targets_NK: np.ndarray | None = None

    @cached_property
    def components(self) -> np.ndarray:
        """The vectors (N, M), in no more dimensions M than are shown, by PCA."""
        return reduced(self.vectors_ND)

    def subset(self, rows_P: np.ndarray) -> Embedding:
        """Those rows."""
        return Embedding(
            self.layer,
            self.index_N[rows_P],
            [self.files[row] for row in rows_P.tolist()],
            [self.names[row] for row in rows_P.tolist()],
            self.labels_N[rows_P],
            self.vectors_ND[rows_P],
            {name: values_N[rows_P] for name, values_N in self.predictions.items()},
            None if self.targets_NK is None else self.targets_NK[rows_P],
        )

    def colours(self, names: Sequence[str]) -> Colours:
        """What its points are coloured by."""
        return colours_of(self.labels_N, self.targets_NK, self.predictions, names)

    def separation(self, seed: int) -> dict[str, float]:
        """How well known classes lie apart, higher is better; nothing for too few images."""
        known_N = self.labels_N >= 0
        return measures(self.vectors_ND[known_N], self.labels_N[known_N], seed) if known_N.any() else {}

    def scores(self) -> dict[str, float]:
        """The accuracy on images whose class is known, in [0, 1], and the mean squared error."""
        known_N, scores = self.labels_N >= 0, dict[str, float]()
        if "predicted" in self.predictions and known_N.any():
            scores["accuracy"] = float((self.predictions["predicted"] == self.labels_N)[known_N].mean())
        if "mse" in self.predictions:
            scores["mse"] = float(self.predictions["mse"].mean())
        return scores

    def layout(
        self,
        method: str,
        *,
        seed: int,
        tsne_points: int,
        previous: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> Layout:
        """By one of METHODS; t-SNE of so many images at most.

        ``previous``: the ``index_S`` and ``points_S2`` of an earlier one, to which it is aligned where it is
        of the same images.
        """
        rows_S = np.arange(len(self.index_N))
        if method == "tsne":
            rows_S = choose_points(len(rows_S), tsne_points, seed).numpy()
        index_S = self.index_N[rows_S]
        before = previous[1] if previous is not None and np.array_equal(previous[0], index_S) else None
        points_S2 = arrange(method, self.components[rows_S], seed=seed, previous_N2=before)
        return Layout(rows_S, index_S, points_S2)

    def variance(self, layout: Layout) -> list[float]:
        """The share of the variance, in [0, 1], along each axis of a PCA layout."""
        return explained(layout.points_S2, self.vectors_ND[layout.rows_S])

    def columns(self, classes: Sequence[str]) -> dict[str, Sequence[object]]:
        """What is known and predicted of each image as words, by name."""
        labels = self.labels_N.tolist()
        columns: dict[str, Sequence[object]] = {
            "index": self.index_N.tolist(),
            "file": list(self.files),
            "true": [classes[label] if label >= 0 else "not known" for label in labels],
        }
        if self.targets_NK is not None:
            columns["true"] = list(self.names)
        if {"scores", "numbers"} & self.predictions.keys():
            values = {name: torch.from_numpy(values_N) for name, values_N in self.predictions.items()}
            columns["predicted"] = predicted_texts(values, classes)
        if "predicted" in self.predictions:
            predicted = self.predictions["predicted"].tolist()
            columns["predicted"] = [classes[label] for label in predicted]
            right = zip(labels, predicted, strict=True)
            columns["correct"] = ["yes" if a == b else "no" if a >= 0 else "not known" for a, b in right]
            columns["confidence"] = [f"{share:.4f}" for share in self.predictions["confidence"]]
        if "mse" in self.predictions:
            columns["mse"] = [f"{error:.6f}" for error in self.predictions["mse"]]
        return columns


@dataclass(frozen=True)
class Observed:
    """The embedding of all images, that of a ``sample``, and those as uint8 RGB."""

    embedding: Embedding
    sample: Embedding
    thumbnails_PHWC: np.ndarray


def embed_images(
    predictor: Predictor,
    batches: Iterable[Images],
    layer: str = EMBED,
    *,
    index_N: np.ndarray,
    predictions: Mapping[str, np.ndarray] | None = None,
    vectors_ND: np.ndarray | None = None,
) -> Embedding:
    """The embedding of those images, of which ``predictions`` are known already, and may be the vectors."""
    metadata: list[Metadata] = []

    def recorded() -> Iterator[Images]:
        for images in batches:
            metadata.append((images.files, images.names, images.labels_B, images.targets_BK))
            yield images

    if vectors_ND is None:
        vectors_ND = predictor.embed_all(recorded(), layer).numpy()
    else:
        deque(recorded(), maxlen=0)
    return _gather(layer, index_N, metadata, vectors_ND, predictions or {})


def observe(
    predictor: Predictor,
    batches: Iterable[Images],
    layer: str,
    *,
    count: int,
    points: int,
    side: int,
    seed: int,
    watch: Watch | None = None,
) -> Observed:
    """The embedding and predictions of ``count`` images or fewer, each looked at once.

    ``points`` of them are shown, no larger than ``side`` pixels. Raises UserError for vectors that are not
    finite or too large to be kept.
    """
    sampled_N = np.zeros(count, dtype=bool)
    sampled_N[choose_points(count, points, seed)] = True
    metadata: list[Metadata] = []
    vectors, predictions, thumbnails, total = [], dict[str, list[Tensor]](), [], 0
    for images in batches:
        inputs_BCHW = predictor.inputs(images.pixels_BCHW)
        vectors.append(finite_vectors(predictor, images, inputs_BCHW, layer))
        _check_size(layer, count, vectors[-1].shape[1])
        values, output = predict_numbers(predictor, inputs_BCHW)
        if watch is not None:
            watch(inputs_BCHW, output, values)
        for name, values_B in values.items():
            predictions.setdefault(name, []).append(values_B)
        shown_B = torch.from_numpy(sampled_N[total : total + len(images)]).to(inputs_BCHW.device)
        thumbnails.append(predictor.shown(_shrink(inputs_BCHW[shown_B], side)))
        metadata.append((images.files, images.names, images.labels_B, images.targets_BK))
        total += len(images)
    predicted = {name: torch.cat(values).numpy() for name, values in predictions.items()}
    embedding = _gather(layer, np.arange(total), metadata, torch.cat(vectors).numpy(), predicted)
    return Observed(
        embedding, embedding.subset(np.flatnonzero(sampled_N[:total])), np.concatenate(thumbnails)
    )


def check_layer(predictor: Predictor, layer: str) -> None:
    """Raise UserError unless the layer, embed or a name, gives a vector for each image."""
    check_name(predictor.net, layer)
    predictor.embed(predictor.black(2), layer)


def finite_vectors(predictor: Predictor, images: Images, inputs_BCHW: Tensor, layer: str) -> Tensor:
    """(B, D): what the layer gives, on the CPU. Raises UserError where it is not finite."""
    vectors_BD = predictor.embed(inputs_BCHW, layer)
    bad_B = ~vectors_BD.isfinite().all(dim=1)
    if bad_B.any():
        raise UserError(
            f"layer={layer}: what it gives for {images.files[int(bad_B.nonzero()[0])]} is not finite. "
            "Take another layer or checkpoint."
        )
    return vectors_BD


def predict_numbers(predictor: Predictor, inputs_BCHW: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """What is predicted of each image, a number each, (B,), or labels and numbers, (B, K), on the CPU; and
    the net's output.
    """
    output = predictor.run(inputs_BCHW)
    values = predictor.interpret(inputs_BCHW, output, None)
    kept = {name: value for name, value in values.items() if value.ndim == 1 or name in PREDICTED}
    return {name: value.cpu() for name, value in kept.items()}, output


def _gather(
    layer: str,
    index_N: np.ndarray,
    metadata: Sequence[Metadata],
    vectors_ND: np.ndarray,
    predictions: Mapping[str, np.ndarray],
) -> Embedding:
    targets = [targets_BK for *_, targets_BK in metadata if targets_BK is not None]
    return Embedding(
        layer,
        index_N,
        [file for files, *_ in metadata for file in files],
        [name for _, names, *_ in metadata for name in names],
        torch.cat([labels_B for _, _, labels_B, _ in metadata]).numpy(),
        vectors_ND,
        predictions,
        torch.cat(targets).numpy() if targets else None,
    )


def _check_size(layer: str, count: int, dimensions: int) -> None:
    size = 4 * count * dimensions
    if size > MAX_BYTES:
        raise UserError(
            f"layer={layer}: {count:,} vectors of {dimensions:,} numbers would take {size / 2**30:.1f} GiB; "
            f"expected at most {MAX_BYTES / 2**30:.0f}. Take a later layer or fewer images, images=…."
        )


def _shrink(images_BCHW: Tensor, side: int) -> Tensor:
    """At most ``side`` pixels a side."""
    share = side / max(images_BCHW.shape[2:])
    if share >= 1 or not len(images_BCHW):
        return images_BCHW
    size = [max(1, round(length * share)) for length in images_BCHW.shape[2:]]
    return functional.interpolate(images_BCHW, size=size, mode="bilinear", antialias=True)
