"""Why a trained net says what it says of image files, and how far to trust each answer."""

from __future__ import annotations

import io
import logging
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from rich.progress import Progress
from rich.table import Table
from torch import Tensor, nn

from pellucid.commands.explained import Explained, Named, folder_of
from pellucid.config.command import NameText, PathText
from pellucid.data.pictures import Pictures, check_folders, find_base, find_pictures
from pellucid.draw.explanations import Column, explanations
from pellucid.draw.maps import feature_maps
from pellucid.draw.png import write_png
from pellucid.draw.reconstructions import extremes
from pellucid.engine.build import make_explainers
from pellucid.engine.loaded_run import LoadedRun, restore
from pellucid.errors import UserError, counted, did_you_mean
from pellucid.explainer.base import Explainer, Explanation
from pellucid.explainer.faithfulness import ORDERS, DeletionInsertion
from pellucid.explainer.randomization import randomized, rank_correlation
from pellucid.inside.capture import Layers, captured
from pellucid.inside.pixels import to_rgb
from pellucid.inside.predictor import Predictor
from pellucid.inside.preserve_state import preserve_state
from pellucid.inside.summary import operations
from pellucid.inside.trace import layers_with_maps
from pellucid.system.console import console
from pellucid.system.files import write_atomically, write_csv
from pellucid.task.classification import Classification

log = logging.getLogger(__name__)

AT_ONCE = 16  # images, so that memory is bounded
WORK = 3e12  # operations that measuring trust may cost in all; of LEAST images it is measured all the same,
LEAST = 3
PASSES = 150  # of the net, about, that it takes for an image


def explain(
    run: PathText,
    *,
    images: PathText,
    explainer: Mapping[str, Any],
    target: NameText = "predicted",
    layers: str | Sequence[str] | None = None,
    trust: Literal["auto", "all"] | int = "auto",
    checkpoint: PathText = "best",
    accelerator: str = "auto",
    packages: Sequence[str] = (),
    out: PathText | None = None,
) -> list[dict[str, Any]]:
    """A picture and the raw maps of each image, and a table of how far to trust the methods; its rows.

    ``run``: a run folder or a checkpoint. ``images``: a file, a folder or a pattern. ``target``: predicted,
    true (by the name of the image's folder) or a class. ``layers``: whose feature maps are shown too.
    ``trust``: of how many images, evenly spread, it is measured how far to trust the maps: a number, all, or
    auto, as many as are cheap, at least three. Of an autoencoder: where its error is. Files go to
    ``explanations/`` of the run folder, or to ``out``. Raises UserError.
    """
    if trust not in ("auto", "all") and not (type(trust) is int and trust >= 0):
        raise UserError(f"trust={trust}: expected auto, all or a number of images, 0 or more.")
    files = find_pictures(images)
    trained = restore(run, checkpoint=checkpoint, accelerator=accelerator, packages=packages)
    predictor = trained.predictor()
    folder = trained.place(out, "explanations")
    pictures = Pictures(files, trained.spec.image_shape, trained.spec.values)
    named = Named(files, find_base(images))
    if isinstance(trained.task, Classification):
        config = {"explainer": explainer, "packages": trained.config["packages"]}
        _check_target(target, trained.spec.classes, files)
        work: Any = _Classifier(trained, predictor, make_explainers(config), target, folder, named)
        work.measured = _spread(files, work.affordable() if trust == "auto" else trust)
    elif target != "predicted":
        raise UserError(f"target={target}: this net redraws images; it has no classes to explain.")
    else:
        work = _Autoencoder(trained, predictor, folder, named)
    maps = _FeatureMaps(trained, predictor, layers, folder, named) if layers else None
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("Explaining", total=len(files))
        for some, pixels_BCHW in pictures.batches(AT_ONCE):
            before = progress.tasks[bar].completed
            images_BCHW = predictor.inputs(pixels_BCHW)
            for done in work.batch(some, images_BCHW):
                progress.update(bar, completed=before + done * len(some))
            if maps:
                maps.draw(some, images_BCHW)
    pictures.tell()
    if not work.rows:
        raise UserError(f"images={images}: {counted(len(files), 'file')}, no image that can be read.")
    write_csv(folder / work.table, work.rows)
    work.summarise()
    log.info("Written: %s", folder)
    check_folders(pictures.unreadable)
    rows: list[dict[str, Any]] = work.rows
    return rows


def _spread(files: Sequence[Path], count: str | int) -> set[Path]:
    """So many of the files, from the first to the last; all for ``all``."""
    if isinstance(count, str):
        return set(files)
    places = np.linspace(0, len(files) - 1, min(count, len(files))).round().astype(int)
    return {files[place] for place in places}


class _Classifier:
    table = "trust.csv"
    measured: Container[Path] = ()

    def __init__(
        self,
        trained: LoadedRun,
        predictor: Predictor,
        explainers: Mapping[str, Explainer],
        target: str,
        folder: Path,
        named: Named,
    ) -> None:
        self.predictor, self.trained, self.folder, self.named = predictor, trained, folder, named
        self.net, self.target = self.trained.net, target
        self.other = randomized(self.net, self.trained.config["seed"])
        self.rows: list[dict[str, Any]] = []
        (self.black_CHW,) = predictor.black()
        self.explainers = _that_apply(explainers, self.net, predictor.black())

    def affordable(self) -> int:
        """Of how many images trust is measured without asking."""
        with preserve_state(self.net) as net:
            cost = PASSES * operations(net, self.predictor.black().to(self.predictor.dtype))
        return max(LEAST, int(WORK / max(cost, 1)))

    def batch(self, files: Sequence[Path], images_BCHW: Tensor) -> Iterator[float]:
        """Explains these images; yields how much of it is done, up to 1."""
        logits_BK = self.predictor.run(images_BCHW).cpu()
        target_B = self._targets(files, logits_BK)
        some = [place for place, file in enumerate(files) if file in self.measured]
        faithfulness = None
        if some:
            seed = self.trained.config["seed"]
            inputs_BCHW, black_CHW = images_BCHW[some], self.black_CHW
            faithfulness = DeletionInsertion(self.net, inputs_BCHW, target_B[some], black_CHW, seed=seed)
        found: dict[str, Explained] = {}
        for name, explainer in self.explainers.items():
            yield len(found) / len(self.explainers)
            maps = explainer.explain(self.net, images_BCHW, target_B, self.black_CHW)
            found[name] = self._measure(explainer, maps, images_BCHW, target_B, faithfulness, some)
        self.titles = {name: one.found.title for name, one in found.items()}
        self._note(files, target_B, found)
        shown = to_rgb(self.trained.spec, images_BCHW)
        for place, file in enumerate(files):
            self._draw(file, shown[place : place + 1], logits_BK[place], int(target_B[place]), place, found)
        yield 1.0

    def _measure(
        self,
        explainer: Explainer,
        maps: Explanation,
        images_BCHW: Tensor,
        target_B: Tensor,
        faithfulness: DeletionInsertion | None,
        some: Sequence[int],
    ) -> Explained:
        if faithfulness is None:
            return Explained(maps, {}, None, torch.zeros(0))
        others = explainer.explain(self.other, images_BCHW[some], target_B[some], self.black_CHW)
        own_BHW = maps.maps_BHW[some]
        return Explained(
            maps,
            {place: at for at, place in enumerate(some)},
            faithfulness.measure(own_BHW),
            rank_correlation(own_BHW, others.maps_BHW),
        )

    def _targets(self, files: Sequence[Path], logits_BK: Tensor) -> Tensor:
        classes = self.trained.spec.classes
        if self.target == "predicted":
            return logits_BK.argmax(dim=1)
        if self.target != "true":
            return torch.full((len(files),), classes.index(self.target))
        return torch.tensor([classes.index(folder_of(file)) for file in files])

    def _note(self, files: Sequence[Path], target_B: Tensor, found: Mapping[str, Explained]) -> None:
        for place, file in enumerate(files):
            for name, one in found.items():
                row = {"file": str(file), "class": self.trained.spec.classes[int(target_B[place])]}
                self.rows.append({**row, "method": name, **one.figures(place)})

    def _draw(
        self,
        file: Path,
        photo_1HWC: np.ndarray,
        logits_K: Tensor,
        target: int,
        place: int,
        found: Mapping[str, Explained],
    ) -> None:
        classes = self.trained.spec.classes
        share_K = logits_K.softmax(dim=0)
        said = int(share_K.argmax())
        title = f"predicted {classes[said]} {float(share_K[said]):.2f}"
        if target != said:
            title += f"; explained: {classes[target]} {float(share_K[target]):.2f}"
        true = folder_of(file) if folder_of(file) in classes else None
        columns = {
            one.found.title: Column(
                one.found.shown()[place : place + 1],
                self.explainers[name].signed,
                [one.found.notes[place]],
                [one.verdict(place)],
            )
            for name, one in found.items()
        }
        right = None if true is None else true == classes[said]
        name = self.named.pieces[file]
        heading = f"{self.named.shown(file)}, {self.trained.name}"
        write_png(
            self.folder / f"{name}.png", explanations(photo_1HWC, [title], [right], columns, title=heading)
        )
        content = io.BytesIO()
        arrays = {name: one.found.maps_BHW[place].numpy() for name, one in found.items()}
        np.savez_compressed(content, image=photo_1HWC[0], **arrays)  # type: ignore[arg-type]
        write_atomically(self.folder / f"{name}.npz", content.getvalue())

    def summarise(self) -> None:
        """How far to trust each method, over all images."""
        title = f"How far to trust the maps of {self.trained.name}"
        table = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
        for head in ("method", "images", "better than random", "gain", "random", "alike with other weights"):
            table.add_column(head, justify="left" if head == "method" else "right")
        blind = [row["method"] for row in self.rows if row.get("map") is False]
        measured = [row for row in self.rows if "deletion" in row]
        if not blind and not measured:
            return
        for name in self.explainers:
            rows = [row for row in measured if row["method"] == name]
            if not rows:
                if name in blind:
                    table.add_row(self.titles[name], "0", *"––––")
                continue
            gain = np.mean([row["insertion"] - row["deletion"] for row in rows])
            chance = np.mean([row["random_insertion"] - row["random_deletion"] for row in rows])
            better = sum(row["better_than_random"] for row in rows)
            alike = np.mean([row["likeness_to_other_weights"] for row in rows])
            figures = (f"{gain:.3f}", f"{chance:.3f}", f"{alike:.2f}")
            told = f"{better} ({better / len(rows):.0%})"
            table.add_row(
                self.titles[name], f"{len(rows)}", told, *(text.replace("-", "−") for text in figures)
            )
        console.print(table)
        of = len(self.rows) // len(self.explainers)
        if blind:
            log.info(
                "No map: %d of %d. There the net's scores hardly move from black or noise to the image: "
                "there is nothing to explain.",
                len(blind),
                len(self.rows),
            )
        if not measured:
            return
        most = max(Counter(row["method"] for row in measured).values())
        if most < of and not blind:
            log.info("Measured on %d of %d images; on all of them by trust=all.", most, of)
        log.info(
            "gain: insertion less deletion (Petsiuk et al. 2018); better: than all of %d random orders, by "
            "chance %.0f %%.",
            ORDERS,
            100 / (ORDERS + 1),
        )


class _Autoencoder:
    table = "errors.csv"

    def __init__(self, trained: LoadedRun, predictor: Predictor, folder: Path, named: Named) -> None:
        self.predictor, self.trained, self.folder, self.named = predictor, trained, folder, named
        self.rows: list[dict[str, Any]] = []

    def batch(self, files: Sequence[Path], images_BCHW: Tensor) -> Iterator[float]:
        """As of a classifier."""
        spec = self.trained.spec
        original, redrawn = (
            images.permute(0, 2, 3, 1).cpu().numpy()
            for images in (spec.denormalise(images_BCHW), self.predictor.run(images_BCHW))
        )
        for place, file in enumerate(files):
            one = slice(place, place + 1)
            error = float(((original[place] - redrawn[place]) ** 2).mean())
            self.rows.append({"file": str(file), "mse": error})
            groups = {"": (original[one], redrawn[one], [""])}
            name = self.named.pieces[file]
            title = f"{self.named.shown(file)}, {self.trained.name}"
            write_png(self.folder / f"{name}.png", extremes(groups, title=title, note=""))
            yield (place + 1) / len(files)

    def summarise(self) -> None:
        errors = [row["mse"] for row in self.rows]
        log.info("Mean squared error of %s: %.4f.", counted(len(errors), "image"), np.mean(errors))


class _FeatureMaps:
    """Pictures of what the chosen layers see. Raises UserError for a layer that has no maps."""

    def __init__(
        self, trained: LoadedRun, predictor: Predictor, layers: Layers, folder: Path, named: Named
    ) -> None:
        self.predictor, self.trained, self.folder, self.named = predictor, trained, folder, named
        with preserve_state(self.trained.net) as net, torch.no_grad():
            self.layers = layers_with_maps(net, layers, predictor.black().to(predictor.dtype))
        if not self.layers:
            log.info("Left out: feature maps (no convolutions).")

    def draw(self, files: Sequence[Path], images_BCHW: Tensor) -> None:
        shown = to_rgb(self.trained.spec, images_BCHW)
        with preserve_state(self.trained.net) as net, captured(net, self.layers) as outputs, torch.no_grad():
            net(images_BCHW.to(self.predictor.dtype))
        for layer in self.layers:
            maps = outputs[layer].float().cpu().numpy()
            for place, file in enumerate(files):
                one = slice(place, place + 1)
                title = f"{layer}, {self.named.shown(file)}, {self.trained.name}"
                picture = feature_maps(shown[one], [""], maps[one], shown=16, title=title)
                write_png(self.folder / f"{self.named.pieces[file]}_{layer}.png", picture)


def _that_apply(
    explainers: Mapping[str, Explainer], net: nn.Module, images_BCHW: Tensor
) -> dict[str, Explainer]:
    refused = {name: explainer.reason(net, images_BCHW) for name, explainer in explainers.items()}
    for name, why in refused.items():
        if why is not None:
            log.info("Left out: %s (%s).", explainers[name].title, why)
    chosen = {name: explainer for name, explainer in explainers.items() if refused[name] is None}
    if not chosen:
        raise UserError("explainer: none of the methods applies to this net.")
    return chosen


def _check_target(target: str, classes: Sequence[str], files: Sequence[Path]) -> None:
    """Raise UserError for a target that is none, or a true class that is not known."""
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
