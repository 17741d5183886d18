"""Where a layer of a trained net puts images: as numbers, as pictures and in TensorBoard's projector."""

from __future__ import annotations

import functools
import logging
import shlex
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pellucid.commands.embed.anomalies import make_scorer, report_anomalies
from pellucid.commands.embed.files import EmbeddingFiles
from pellucid.commands.embed.neighbours import NeighbourSearch
from pellucid.config.command import DataOverride, NameText, OnlyIf, PathText, Unless
from pellucid.data.stream import Stream, of_files, of_split
from pellucid.draw.formats import in_formats
from pellucid.draw.projector import MAX_PIXELS, MAX_POINTS
from pellucid.engine.loaded_run import LoadedRun, restore
from pellucid.errors import UserError
from pellucid.inside.predictor import Predictor
from pellucid.metrics.layout import check_methods
from pellucid.system.console import console
from pellucid.view.embedding import Observed, Watch, check_layer, observe

log = logging.getLogger(__name__)


@in_formats
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
    figures: Literal["png", "pdf", "svg"] | Sequence[Literal["png", "pdf", "svg"]] = "png",
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
    _check(split, points=points, tsne_points=tsne_points)
    search = NeighbourSearch(neighbours, nearest, distance)
    trained = restore(run, checkpoint=checkpoint, accelerator=accelerator, packages=packages)
    folder = trained.output_folder(out, "embeddings")
    predictor = trained.predictor()
    scorer = make_scorer(trained, predictor, anomalies, anomaly, None if images else trained.spec.classes)
    queries = of_files(neighbours, trained.spec, "neighbours") if neighbours else None
    check_layer(predictor, layer)
    read = functools.cache(lambda: trained.data(data))
    stream = of_files(images, trained.spec, "images") if images else of_split(read(), split)
    nearest_images = search.run(trained, predictor, layer, queries, read()) if queries else None
    watch = scorer.update if scorer else None
    observed = _observe(trained, predictor, stream, layer, points=points, watch=watch)
    anomaly_report = report_anomalies(trained, scorer, observed.embedding) if scorer else None
    files = EmbeddingFiles(trained, stream, observed, methods, tsne_points)
    console.print_table(files.table(found := files.write(folder)))
    if nearest_images is not None:
        nearest_images.write(folder)
    if anomaly_report is not None:
        found |= anomaly_report.write(folder, stream)
    log.info("Written: %s", folder)
    log.info("In the projector: tensorboard --logdir %s", shlex.quote(str(folder / "projector")))
    return found


def _observe(
    trained: LoadedRun,
    predictor: Predictor,
    stream: Stream,
    layer: str,
    *,
    points: int,
    watch: Watch | None,
) -> Observed:
    size, seed = trained.batch_size, trained.config["seed"]
    batches = console.track(stream.batches(size), "Looking", stream.steps(size))
    return observe(
        predictor, batches, layer, count=stream.count, points=points, side=MAX_PIXELS, seed=seed, watch=watch
    )


def _check(split: str, **points: int) -> None:
    if split not in ("train", "val", "test"):
        raise UserError(f"split={split}: expected train, val or test.")
    for option, value in points.items():
        if not 1 <= value <= MAX_POINTS:
            raise UserError(f"{option}={value}: expected 1 to {MAX_POINTS:,}.")
