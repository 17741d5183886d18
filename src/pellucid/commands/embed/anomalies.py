"""Anomaly detection by reconstruction error: the worst images, and the AUROC of the error.

Axes: N images, B of a batch.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.data.stream import Stream
from pellucid.draw.png import write_png
from pellucid.draw.reconstructions import ranked
from pellucid.draw.roc import roc as roc_curve
from pellucid.engine.loaded_run import LoadedRun
from pellucid.errors import UserError, counted, did_you_mean
from pellucid.inside.images import short
from pellucid.metrics.anomaly import HighestScores, roc
from pellucid.system.files import write_csv
from pellucid.task.reconstruction import Reconstruction

log = logging.getLogger(__name__)

MAX_SHOWN = 96


class AnomalyScorer:
    """Anomaly scores by reconstruction error, of which the ``count`` worst are kept.

    ``classes``: the anomaly, () where none is named.
    """

    def __init__(self, run: LoadedRun, count: int, classes: tuple[str, ...]) -> None:
        self.run, self.count, self.classes = run, count, classes
        self._worst = HighestScores(count)  # of originals and what became of them, (count, 2, C, H, W)

    @classmethod
    def create(
        cls,
        run: LoadedRun,
        count: int,
        anomaly: str | Sequence[str] | None,
        *,
        among: Sequence[str] | None,
    ) -> AnomalyScorer | None:
        """The scorer of these options; None where nothing is asked.

        ``among``: classes of the images, where they are known beforehand. Raises UserError where it cannot
        be done.
        """
        names = [] if anomaly is None else [anomaly] if not isinstance(anomaly, list | tuple) else anomaly
        if not 0 <= count <= MAX_SHOWN:
            raise UserError(f"anomalies={count}: expected 0 to {MAX_SHOWN}.")
        if not count and not names:
            return None
        if not isinstance(run.task, Reconstruction):
            raise UserError(
                f"anomalies: {run.name} is no autoencoder, and has no error of reconstruction. "
                "Expected a run of model=autoencoder."
            )
        scorer = cls(run, count, tuple(str(name) for name in names))
        if among is not None:
            scorer.check(among)
        return scorer

    def check(self, among: Sequence[str]) -> None:
        """Raise UserError for a class that is not among those."""
        for name in self.classes:
            if name not in among:
                raise UserError(
                    f"anomaly={name}: none of these images is of that class.{did_you_mean(name, among)} "
                    f"They are of {', '.join(among[:10])}{', …' if len(among) > 10 else ''}."
                )

    def update(self, errors_B: Tensor, original_BCHW: Tensor, reconstruction_BCHW: Tensor) -> None:
        """Take in the next images. ``original_BCHW`` in [0, 1]."""
        self._worst.update(errors_B, torch.stack([original_BCHW.cpu(), reconstruction_BCHW.cpu()], dim=1))

    def report(self, files: Sequence[str], names: Sequence[str], errors_N: np.ndarray) -> AnomalyReport:
        """Report over all images. Raises UserError where ``classes`` are none or all of them."""
        anomalous_N = np.isin(np.array(names), self.classes)
        self.check(sorted(set(names)))
        if self.classes and anomalous_N.all():
            raise UserError(
                f"anomaly={','.join(self.classes)}: all {counted(len(files), 'image')} are; "
                "expected others beside them, from which to tell them."
            )
        originals, reconstructions = (
            (images.permute(0, 2, 3, 1).numpy() for images in self._worst.images_M.unbind(1))
            if len(self._worst.index_M)
            else (np.empty(0), np.empty(0))
        )
        worst = WorstImages(self._worst.index_M.tolist(), originals, reconstructions)
        return AnomalyReport(self.run, list(files), list(names), errors_N, anomalous_N, self.classes, worst)


@dataclass(frozen=True)
class WorstImages:
    """Indices of the worst images, the worst first, and they themselves, (count, H, W, C) in [0, 1]."""

    index: list[int]
    originals_NHWC: np.ndarray
    reconstructions_NHWC: np.ndarray


@dataclass(frozen=True)
class AnomalyReport:
    """Reconstruction errors of N images, which of them are the anomaly, and the worst."""

    run: LoadedRun
    files: list[str]
    names: list[str]
    errors_N: np.ndarray
    anomalous_N: np.ndarray
    classes: tuple[str, ...]
    worst: WorstImages

    def write(self, folder: Path, stream: Stream) -> dict[str, Any]:
        """``anomalies_<split>.csv``, pictures; the figures."""
        write_csv(folder / f"anomalies_{stream.name}.csv", self._rows())
        where = f"{len(self.files):,} {stream.name}"
        where += f" of {stream.source}" if stream.name == "images" else " images"
        if self.worst.index:
            write_png(folder / f"anomalies_{stream.name}.png", self._picture(where))
        return self._write_roc(folder / f"roc_{stream.name}.png", where) if self.classes else {}

    def _rows(self) -> list[dict[str, Any]]:
        """All images, the worst first."""
        rows = []
        for rank, index in enumerate(np.argsort(-self.errors_N, kind="stable").tolist(), start=1):
            row: dict[str, Any] = {"rank": rank, "file": self.files[index], "class": self.names[index]}
            row["mse"] = float(self.errors_N[index])
            rows.append(row | ({"anomaly": bool(self.anomalous_N[index])} if self.classes else {}))
        return rows

    def _picture(self, where: str) -> np.ndarray:
        worst = self.worst.index
        marked = self.anomalous_N[worst].tolist() if self.classes else None
        note = f"of {where}; mean MSE {self.errors_N.mean():.4f}"
        if marked is not None:
            of_all = f"{int(self.anomalous_N.sum()):,} of all {len(self.files):,}"
            note += f"; framed: {self._anomaly}, {sum(marked)} of these, {of_all}"
        return ranked(
            self.worst.originals_NHWC,
            self.worst.reconstructions_NHWC,
            [self.names[index] for index in worst],
            [short(self.files[index]) for index in worst],
            title=f"The {len(worst)} worst reconstructed images, {self.run.name}",
            note=note,
            marked=marked,
        )

    @property
    def _anomaly(self) -> str:
        return ", ".join(self.classes)

    @property
    def _rest(self) -> str:
        others = [name for name in dict.fromkeys(self.names) if name not in self.classes]
        return others[0] if len(others) == 1 else "the rest"

    def _write_roc(self, path: Path, where: str) -> dict[str, Any]:
        curve = roc(self.errors_N, self.anomalous_N, seed=self.run.config["seed"])
        low, high = curve.interval
        summary = f"AUROC {curve.area:.3f}, 95 % interval {low:.3f} to {high:.3f}"
        learnt = [name for name in self.classes if name in self.run.spec.classes]
        caveat = f"; the net was trained on {', '.join(learnt)} too" if learnt else ""
        picture = roc_curve(
            curve.false_T,
            curve.true_T,
            self.errors_N,
            self.anomalous_N,
            names=(self._anomaly, self._rest),
            score="mean squared error of an image",
            said=f"{summary} (0.5: by chance)",
            title=f"Anomaly {self._anomaly}, told by the reconstruction error of {self.run.name}",
            note=f"{where}{caveat}",
        )
        write_png(path, picture)
        counts = f"{counted(int(self.anomalous_N.sum()), 'image')} against {int((~self.anomalous_N).sum()):,}"
        log.info("%s of the error for %s (%s)%s.", summary, self._anomaly, counts, caveat)
        if high < 0.5:
            log.info("Below 0.5: the net redraws %s better than %s.", self._anomaly, self._rest)
        return {"auroc": curve.area, "auroc_low": low, "auroc_high": high}
