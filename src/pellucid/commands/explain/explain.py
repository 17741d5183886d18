"""Explanation of a trained net's answers on image files, and how far to trust each."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pellucid.commands.explain.classes import ClassWriter
from pellucid.commands.explain.names import OutputNames, folder_of
from pellucid.commands.explain.writer import ErrorWriter, FeatureMapWriter, Writer
from pellucid.config.command import NameText, PathText
from pellucid.data.pictures import Pictures, check_folders, find_base, find_pictures
from pellucid.draw.formats import in_formats
from pellucid.engine.build import make_explainers
from pellucid.engine.loaded_run import restore
from pellucid.errors import UserError, counted, did_you_mean
from pellucid.metrics.spread import evenly_spread
from pellucid.spec import CLASS, MULTILABEL, Spec
from pellucid.system.console import console
from pellucid.system.files import write_csv
from pellucid.view.explanations import affordable_measures

log = logging.getLogger(__name__)

BATCH_SIZE = 16


@in_formats
def explain(
    run: PathText,
    *,
    images: PathText,
    explainer: Mapping[str, Any],
    target: NameText = "predicted",
    layers: NameText | Sequence[NameText] | None = None,
    trust: Literal["auto", "all"] | int = "auto",
    checkpoint: PathText = "best",
    calibrate: bool = True,
    accelerator: str = "auto",
    packages: Sequence[str] = (),
    figures: Literal["png", "pdf", "svg"] | Sequence[Literal["png", "pdf", "svg"]] = "png",
    out: PathText | None = None,
) -> list[dict[str, Any]]:
    """A picture and the raw maps of each image, and a table of how far to trust the methods; its rows.

    ``run``: a run folder or a checkpoint. ``images``: a file, a folder or a pattern. ``target``: predicted
    (of several labels the likeliest, of numbers the first), true (by the name of the image's folder) or the
    name of a class, label or number. ``layers``: whose feature maps are shown too.
    ``trust``: of how many images, evenly spread, it is measured how far to trust the maps: a number, all, or
    auto, as many as are cheap, at least three. ``calibrate``: probabilities at the temperature that is kept
    with the run, if one is; maps are of the net's own scores. Of an autoencoder: where its error is. Files
    go to ``explanations/`` of the run folder, or to ``out``. Raises UserError.
    """
    if trust not in ("auto", "all") and not (type(trust) is int and trust >= 0):
        raise UserError(f"trust={trust}: expected auto, all or a number of images, 0 or more.")
    files = find_pictures(images)
    trained = restore(run, checkpoint=checkpoint, accelerator=accelerator, packages=packages)
    temperature = trained.temperature() if calibrate else None
    predictor = trained.predictor(temperature=temperature)
    folder = trained.output_folder(out, "explanations")
    pictures = Pictures(files, trained.spec.image_shape, trained.spec.values, trained.spec.fit)
    names = OutputNames(files, find_base(images))
    if predictor.has_outputs:
        config = {"explainer": explainer, "packages": trained.config["packages"]}
        _check_target(target, trained.spec, files)
        classes = ClassWriter(trained, predictor, make_explainers(config), target, folder, names)
        classes.measured = _spread(files, affordable_measures(predictor) if trust == "auto" else trust)
        writer: Writer = classes
    elif target != "predicted":
        raise UserError(f"target={target}: this net redraws images; it has no classes to explain.")
    else:
        writer = ErrorWriter(trained, predictor, folder, names)
    maps = FeatureMapWriter(trained, predictor, layers, folder, names) if layers else None
    with console.progress() as progress:
        bar = progress.add_task("Explaining", total=len(files))
        for batch, pixels_BCHW in pictures.batches(BATCH_SIZE):
            before = progress.tasks[bar].completed
            images_BCHW = predictor.inputs(pixels_BCHW)
            for share in writer.batch(batch, images_BCHW):
                progress.update(bar, completed=before + share * len(batch))
            if maps:
                maps.write(batch, images_BCHW)
    pictures.tell()
    if not writer.rows:
        raise UserError(f"images={images}: {counted(len(files), 'file')}, no image that can be read.")
    write_csv(folder / writer.table, writer.rows)
    writer.tell()
    writer.summarise()
    if temperature is not None:
        log.info("Probabilities are calibrated, %s; calibrate=false shows the net's own.", temperature.text)
    log.info("Written: %s", folder)
    check_folders(pictures.unreadable)
    return writer.rows


def _spread(files: Sequence[Path], count: str | int) -> set[Path]:
    """So many of the files, from the first to the last; all for ``all``."""
    if isinstance(count, str):
        return set(files)
    return {files[index] for index in evenly_spread(len(files), count)}


def _check_target(target: str, spec: Spec, files: Sequence[Path]) -> None:
    """Raise UserError for a target that is none, or a true class that is not known."""
    classes = spec.classes
    if spec.labels != CLASS:
        if target not in ("predicted", *classes):
            kind = "label" if spec.labels == MULTILABEL else "number"
            hint = did_you_mean(str(target), ("predicted", *classes))
            named = ", ".join(classes[:10])
            raise UserError(f"target={target}: expected predicted or a {kind} of the run, {named}.{hint}")
        return
    if target not in ("predicted", "true", *classes):
        hint = did_you_mean(str(target), ("predicted", "true", *classes))
        raise UserError(f"target={target}: expected predicted, true or a class of the run.{hint}")
    if target != "true":
        return
    for file in files:
        if folder_of(file) not in classes:
            raise UserError(
                f"target=true: the class of {file} is not known. Expected it in a folder named by its "
                f"class: {', '.join(classes[:10])}."
            )
