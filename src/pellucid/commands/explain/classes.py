"""Explanations of classes, labels and numbers: attribution maps of image files, and how far to trust them."""

from __future__ import annotations

import io
import logging
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pellucid.commands.explain.names import OutputNames, folder_of
from pellucid.commands.explain.writer import Writer
from pellucid.draw.explanations import Column, explanations
from pellucid.engine.loaded_run import LoadedRun
from pellucid.errors import UserError
from pellucid.explainer.base import Explainer
from pellucid.explainer.faithfulness import ORDERS
from pellucid.explainer.randomization import randomized
from pellucid.inside.predictor import Predictor
from pellucid.system.console import console
from pellucid.system.files import write_atomically
from pellucid.view.explanations import (
    Attribution,
    ExplainedScores,
    applicable,
    attributions,
    explained_scores,
    method_trust,
)
from pellucid.view.predictions import predicted_texts

log = logging.getLogger(__name__)


class ClassWriter(Writer):
    """Attribution maps of scores by several methods, and how far to trust each."""

    table = "trust.csv"
    measured: Container[Path] = ()

    def __init__(
        self,
        run: LoadedRun,
        predictor: Predictor,
        explainers: Mapping[str, Explainer],
        target: str,
        folder: Path,
        names: OutputNames,
    ) -> None:
        super().__init__(run, predictor, folder, names)
        self.target, self.randomized = target, randomized(predictor.net, run.config["seed"])
        self.explainers = _that_apply(predictor, explainers)

    def batch(self, files: Sequence[Path], images_BCHW: Tensor) -> Iterator[float]:
        labels_B = self._labels(files) if self.target == "true" else None
        scores = explained_scores(self.predictor, images_BCHW, self.target, labels_B)
        by_method: dict[str, Attribution] = {}
        for name, attribution in attributions(
            self.predictor,
            self.explainers,
            images_BCHW,
            scores.target_B,
            measured=[position for position, file in enumerate(files) if file in self.measured],
            randomized=self.randomized,
            seed=self.run.config["seed"],
        ):
            by_method[name] = attribution
            yield len(by_method) / len(self.explainers)
        self.titles = {name: attribution.maps.title for name, attribution in by_method.items()}
        self._add_rows(files, scores.target_B, by_method)
        photos_BHWC = self.predictor.shown(images_BCHW)
        values = self.predictor.predictions(images_BCHW)
        said = predicted_texts(values, self.run.spec.classes)
        for position, file in enumerate(files):
            photo_1HWC = photos_BHWC[position : position + 1]
            if self.predictor.has_classes:
                probabilities_BK = values.get("probabilities", scores.probabilities)  # calibrated, if any are
                title, right = self._title(file, scores, position, probabilities_BK[position])
            else:
                explained = self.run.spec.classes[int(scores.target_B[position])]
                title, right = f"predicted {said[position]}; explained: {explained}", None
            self._draw(file, photo_1HWC, title, right, position, by_method)

    def _title(
        self, file: Path, scores: ExplainedScores, position: int, probability_K: Tensor
    ) -> tuple[str, bool | None]:
        """What is predicted and explained of an image, and whether it is right, where that is known."""
        classes = self.run.spec.classes
        target, predicted = int(scores.target_B[position]), int(scores.predicted[position])
        title = f"predicted {classes[predicted]} ({float(probability_K[predicted]):.2f})"
        if target != predicted:
            title += f"; explained: {classes[target]} ({float(probability_K[target]):.2f})"
        true = folder_of(file)
        return title, true == classes[predicted] if true in classes else None

    def _labels(self, files: Sequence[Path]) -> Tensor:
        return torch.tensor([self.run.spec.classes.index(folder_of(file)) for file in files])

    def _add_rows(
        self, files: Sequence[Path], target_B: Tensor, attributions: Mapping[str, Attribution]
    ) -> None:
        for position, file in enumerate(files):
            for name, attribution in attributions.items():
                row = {"file": str(file), "class": self.run.spec.classes[int(target_B[position])]}
                self.rows.append({**row, "method": name, **attribution.figures(position)})

    def _draw(
        self,
        file: Path,
        photo_1HWC: np.ndarray,
        title: str,
        right: bool | None,
        position: int,
        attributions: Mapping[str, Attribution],
    ) -> None:
        columns = {
            attribution.maps.title: Column(
                attribution.maps.shown()[position : position + 1],
                self.explainers[name].signed,
                [attribution.maps.notes[position]],
                [attribution.verdict(position)],
            )
            for name, attribution in attributions.items()
        }
        heading = f"{self.names.shown(file)}, {self.run.name}"
        explained, about = "the score before softmax", self.run.spec.shown_as
        if self.predictor.has_labels:
            explained = "the label's score before the sigmoid"
        elif self.predictor.has_numbers:
            explained = "the number, standardised,"
        picture = explanations(
            photo_1HWC, [title], [right], columns, title=heading, about=about, explained=explained
        )
        self.add_picture(file, title, picture)
        content = io.BytesIO()
        arrays = {name: each.maps.maps_BHW[position].numpy() for name, each in attributions.items()}
        np.savez_compressed(content, image=photo_1HWC[0], **arrays)  # type: ignore[arg-type]
        write_atomically(self.folder / f"{self.names.name(file)}.npz", content.getvalue())

    def summarise(self) -> None:
        """How far to trust each method, over all images."""
        title = f"How far to trust the maps of {self.run.name}"
        heads = ("method", "images", "better than random", "gain", "random", "alike with other weights")
        table = console.table(title, heads, left=("method",))
        blind = [row["method"] for row in self.rows if row.get("map") is False]
        trust = {
            name: method_trust([row for row in self.rows if row["method"] == name])
            for name in self.explainers
        }
        measured = [summary.measured for summary in trust.values() if summary]
        if not blind and not measured:
            return
        for name, summary in trust.items():
            if summary:
                share = f"{summary.better} ({summary.better / summary.measured:.0%})"
                figures = (
                    f"{summary.gain:.3f}",
                    f"{summary.random_gain:.3f}",
                    f"{summary.correlation:.2f}",
                )
                cells = (f"{summary.measured}", share, *(text.replace("-", "−") for text in figures))
                table.add_row(self.titles[name], *cells)
            elif name in blind:
                table.add_row(self.titles[name], "0", *"––––")
        console.print_table(table)
        images = len(self.rows) // len(self.explainers)
        if blind:
            log.info(
                "No map: %d of %d. There the net's scores hardly move from black or noise to the image: "
                "there is nothing to explain.",
                len(blind),
                len(self.rows),
            )
        if not measured:
            return
        if max(measured) < images and not blind:
            log.info("Measured on %d of %d images; on all of them by trust=all.", max(measured), images)
        log.info(
            "gain: insertion less deletion (Petsiuk et al. 2018); better: than all of %d random orders, by "
            "chance %.0f %%.",
            ORDERS,
            100 / (ORDERS + 1),
        )


def _that_apply(predictor: Predictor, explainers: Mapping[str, Explainer]) -> dict[str, Explainer]:
    methods = applicable(predictor, explainers)
    for name, reason in methods.refused.items():
        log.info("Left out: %s (%s).", explainers[name].title, reason)
    if not methods.explainers:
        raise UserError("explainer: none of the methods applies to this net.")
    return dict(methods.explainers)
