"""Where a layer of a trained net puts images: as numbers, as pictures and in TensorBoard's projector."""

from __future__ import annotations

import functools
import logging
import shlex
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pellucid.commands.embed.anomalies import AnomalyScorer
from pellucid.commands.embed.files import Embedded, EmbeddingFiles
from pellucid.commands.embed.neighbours import NeighbourSearch
from pellucid.config.command import DataOverride, NameText, OnlyIf, PathText, Unless
from pellucid.data.stream import Stream, of_files, of_split
from pellucid.draw.projector import MOST_PIXELS, MOST_POINTS
from pellucid.engine.loaded_run import restore
from pellucid.engine.looking import Looking
from pellucid.errors import UserError
from pellucid.inside.pixels import to_rgb
from pellucid.inside.reference import choose_points
from pellucid.metrics.layout import (
    check_methods,
)
from pellucid.system.console import console

log = logging.getLogger(__name__)

MAX_BYTES = 2 * 2**30  # of all vectors: they are kept until they are written


def embed(
    run: PathText,
    *,
    layer: NameText = "embed",
    split: Annotated[
        Literal["train", "val", "test"], OnlyIf("images", None, "images=… stand in place of a split")
    ] = "test",
    images: PathText | None = None,
    data: DataOverride | None = None,
    points: int = 5000,
    tsne_points: Annotated[int, OnlyIf("methods", "tsne", "methods=… has no tsne")] = 2000,
    methods: Sequence[str] = ("pca", "tsne"),
    neighbours: PathText | None = None,
    nearest: Annotated[int, Unless("neighbours", None, "no neighbours=<images> are asked for")] = 12,
    distance: Annotated[
        Literal["cosine", "euclidean"], Unless("neighbours", None, "no neighbours=<images> are asked for")
    ] = "cosine",
    anomalies: int = 0,
    anomaly: NameText | Sequence[NameText] | None = None,
    checkpoint: PathText = "best",
    accelerator: str = "auto",
    packages: Sequence[str] = (),
    out: PathText | None = None,
) -> dict[str, Any]:
    """The vectors that ``layer`` makes of a split, or of ``images``, as files; figures of them.

    ``run``: a run folder or a checkpoint. ``layer``: embed (what the last linear layer sees) or a name; maps
    are averaged over their pixels. ``neighbours``: images of which the ``nearest`` training images are
    sought. ``anomalies``: so many of the worst reconstructed images of an autoencoder; with ``anomaly``, a
    class or several, how well the error tells them. Files go to ``embeddings/`` of the run folder, or to
    ``out``, all of them after all is computed. Raises UserError.
    """
    methods = check_methods(methods, "methods")
    if split not in ("train", "val", "test"):
        raise UserError(f"split={split}: expected train, val or test.")
    for option, value in (("points", points), ("tsne_points", tsne_points)):
        if not 1 <= value <= MOST_POINTS:
            raise UserError(f"{option}={value}: expected 1 to {MOST_POINTS:,}.")
    search = NeighbourSearch(neighbours, nearest, distance)
    trained = restore(run, checkpoint=checkpoint, accelerator=accelerator, packages=packages)
    folder = trained.place(out, "embeddings")
    scorer = AnomalyScorer.create(trained, anomalies, anomaly, among=None if images else trained.spec.classes)
    queries = of_files(neighbours, trained.spec, "neighbours") if neighbours else None
    looking = Looking(trained, trained.predictor(), layer)
    read = functools.cache(lambda: trained.data(data))
    stream = of_files(images, trained.spec, "images") if images else of_split(read(), split)
    nearest_images = search.run(looking, queries, read()) if queries else None
    embedded = observe(looking, stream, scorer, points)
    anomaly_report = (
        scorer.report(embedded.files, embedded.names, embedded.predictions["mse"]) if scorer else None
    )
    files = EmbeddingFiles(looking, embedded, methods, tsne_points)
    figures = files.write(folder)
    console.print(files.table(figures))
    if nearest_images is not None:
        nearest_images.write(folder)
    if anomaly_report is not None:
        figures |= anomaly_report.write(folder, stream)
    log.info("Written: %s", folder)
    log.info("In the projector: tensorboard --logdir %s", shlex.quote(str(folder / "projector")))
    return figures


def observe(looking: Looking, stream: Stream, scorer: AnomalyScorer | None, points: int) -> Embedded:
    """Look at every image of the stream once. Raises UserError for vectors too large to be kept."""
    wanted = np.zeros(stream.count, dtype=bool)
    wanted[choose_points(stream.count, points, looking.trained.config["seed"])] = True
    files: list[str] = []
    names: list[str] = []
    labels, vectors, predictions, thumbnails = [], [], dict[str, list[Tensor]](), []
    for batch, images_BCHW in looking.batches(stream, "Looking"):
        vectors.append(looking.checked(batch, images_BCHW))
        _check_size(looking.layer, stream.count, vectors[-1].shape[1])
        values, output = looking.said(images_BCHW)
        if scorer is not None:
            scorer.update(values["mse"], looking.trained.spec.denormalise(images_BCHW), output)
        for name, values_B in values.items():
            predictions.setdefault(name, []).append(values_B)
        shown_B = torch.from_numpy(wanted[len(files) : len(files) + len(batch.files)])
        thumbnails.append(to_rgb(looking.trained.spec, _small(images_BCHW[shown_B.to(images_BCHW.device)])))
        labels.append(batch.labels_B)
        files += batch.files
        names += batch.names
    return Embedded(
        stream=stream,
        files=files,
        names=names,
        labels_N=torch.cat(labels).numpy(),
        vectors_ND=torch.cat(vectors).numpy(),
        predictions={name: torch.cat(values).numpy() for name, values in predictions.items()},
        index_P=np.flatnonzero(wanted[: len(files)]),
        thumbnails_PHWC=np.concatenate(thumbnails),
    )


def _check_size(layer: str, count: int, dimensions: int) -> None:
    size = 4 * count * dimensions
    if size > MAX_BYTES:
        raise UserError(
            f"layer={layer}: {count:,} vectors of {dimensions:,} numbers would take {size / 2**30:.1f} GiB; "
            f"expected at most {MAX_BYTES / 2**30:.0f}. Take a later layer or fewer images, images=…."
        )


def _small(images_BCHW: Tensor) -> Tensor:
    """No larger than the projector shows them."""
    share = MOST_PIXELS / max(images_BCHW.shape[2:])
    if share >= 1 or not len(images_BCHW):
        return images_BCHW
    size = [max(1, round(side * share)) for side in images_BCHW.shape[2:]]
    return functional.interpolate(images_BCHW, size=size, mode="bilinear", antialias=True)
