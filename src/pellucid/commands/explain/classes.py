"""Explanations of class scores: attribution maps of image files, and how far to trust each method."""

from __future__ import annotations

import io
import logging
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.commands.explain.attribution import Attribution
from pellucid.commands.explain.names import OutputNames, folder_of
from pellucid.commands.explain.writer import Writer
from pellucid.draw.explanations import Column, explanations
from pellucid.draw.png import write_png
from pellucid.engine.loaded_run import LoadedRun
from pellucid.errors import UserError
from pellucid.explainer.base import Explainer, Explanation
from pellucid.explainer.faithfulness import ORDERS, DeletionInsertion
from pellucid.explainer.randomization import randomized, rank_correlation
from pellucid.inside.pixels import to_rgb
from pellucid.inside.predictor import Predictor
from pellucid.inside.preserve_state import preserve_state
from pellucid.inside.summary import operations
from pellucid.system.console import console
from pellucid.system.files import write_atomically

log = logging.getLogger(__name__)

MAX_OPERATIONS = (
    3e12  # that measuring trust may cost in all; of MIN_MEASURED images it is measured all the same
)
MIN_MEASURED = 3
PASSES = 150  # of the net, about, that it takes for an image


class ClassWriter(Writer):
    """Attribution maps of class scores by several methods, and how far to trust each."""

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
        self.net, self.target = run.net, target
        self.other = randomized(self.net, self.run.config["seed"])
        (self.black_CHW,) = predictor.black()
        self.explainers = _that_apply(explainers, self.net, predictor.black())

    def affordable(self) -> int:
        """Number of images of which trust is measured without asking."""
        with preserve_state(self.net) as net:
            cost = PASSES * operations(net, self.predictor.black().to(self.predictor.dtype))
        return max(MIN_MEASURED, int(MAX_OPERATIONS / max(cost, 1)))

    def batch(self, files: Sequence[Path], images_BCHW: Tensor) -> Iterator[float]:
        logits_BK = self.predictor.run(images_BCHW).cpu()
        target_B = self._targets(files, logits_BK)
        measured = [position for position, file in enumerate(files) if file in self.measured]
        faithfulness = None
        if measured:
            seed = self.run.config["seed"]
            inputs_BCHW, target_M = images_BCHW[measured], target_B[measured]
            faithfulness = DeletionInsertion(self.net, inputs_BCHW, target_M, self.black_CHW, seed=seed)
        attributions: dict[str, Attribution] = {}
        for name, explainer in self.explainers.items():
            yield len(attributions) / len(self.explainers)
            maps = explainer.explain(self.net, images_BCHW, target_B, self.black_CHW)
            attributions[name] = self._measure(explainer, maps, images_BCHW, target_B, faithfulness, measured)
        self.titles = {name: attribution.maps.title for name, attribution in attributions.items()}
        self._add_rows(files, target_B, attributions)
        shown = to_rgb(self.run.spec, images_BCHW)
        for position, file in enumerate(files):
            photo_1HWC = shown[position : position + 1]
            target = int(target_B[position])
            self._draw(file, photo_1HWC, logits_BK[position], target, position, attributions)
        yield 1.0

    def _measure(
        self,
        explainer: Explainer,
        maps: Explanation,
        images_BCHW: Tensor,
        target_B: Tensor,
        faithfulness: DeletionInsertion | None,
        measured: Sequence[int],
    ) -> Attribution:
        if faithfulness is None:
            return Attribution(maps, {}, None, torch.zeros(0))
        others = explainer.explain(self.other, images_BCHW[measured], target_B[measured], self.black_CHW)
        maps_BHW = maps.maps_BHW[measured]
        return Attribution(
            maps,
            {position: at for at, position in enumerate(measured)},
            faithfulness.measure(maps_BHW),
            rank_correlation(maps_BHW, others.maps_BHW),
        )

    def _targets(self, files: Sequence[Path], logits_BK: Tensor) -> Tensor:
        classes = self.run.spec.classes
        if self.target == "predicted":
            return logits_BK.argmax(dim=1)
        if self.target != "true":
            return torch.full((len(files),), classes.index(self.target))
        return torch.tensor([classes.index(folder_of(file)) for file in files])

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
        logits_K: Tensor,
        target: int,
        position: int,
        attributions: Mapping[str, Attribution],
    ) -> None:
        classes = self.run.spec.classes
        probability_K = logits_K.softmax(dim=0)
        predicted = int(probability_K.argmax())
        title = f"predicted {classes[predicted]} {float(probability_K[predicted]):.2f}"
        if target != predicted:
            title += f"; explained: {classes[target]} {float(probability_K[target]):.2f}"
        true = folder_of(file) if folder_of(file) in classes else None
        columns = {
            attribution.maps.title: Column(
                attribution.maps.shown()[position : position + 1],
                self.explainers[name].signed,
                [attribution.maps.notes[position]],
                [attribution.verdict(position)],
            )
            for name, attribution in attributions.items()
        }
        right = None if true is None else true == classes[predicted]
        name = self.names.name(file)
        heading = f"{self.names.shown(file)}, {self.run.name}"
        write_png(
            self.folder / f"{name}.png", explanations(photo_1HWC, [title], [right], columns, title=heading)
        )
        content = io.BytesIO()
        arrays = {name: each.maps.maps_BHW[position].numpy() for name, each in attributions.items()}
        np.savez_compressed(content, image=photo_1HWC[0], **arrays)  # type: ignore[arg-type]
        write_atomically(self.folder / f"{name}.npz", content.getvalue())

    def summarise(self) -> None:
        """How far to trust each method, over all images."""
        title = f"How far to trust the maps of {self.run.name}"
        heads = ("method", "images", "better than random", "gain", "random", "alike with other weights")
        table = console.table(title, heads, left=("method",))
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
            share = f"{better} ({better / len(rows):.0%})"
            table.add_row(
                self.titles[name], f"{len(rows)}", share, *(text.replace("-", "−") for text in figures)
            )
        console.print(table)
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
        most = max(Counter(row["method"] for row in measured).values())
        if most < images and not blind:
            log.info("Measured on %d of %d images; on all of them by trust=all.", most, images)
        log.info(
            "gain: insertion less deletion (Petsiuk et al. 2018); better: than all of %d random orders, by "
            "chance %.0f %%.",
            ORDERS,
            100 / (ORDERS + 1),
        )


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
