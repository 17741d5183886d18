"""Files of an anomaly detection: all images by their reconstruction error, the worst, and the ROC curve."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.stream import Stream
from pellucid.draw.png import write_png
from pellucid.draw.reconstructions import ranked
from pellucid.draw.roc import roc
from pellucid.engine.loaded_run import LoadedRun
from pellucid.errors import UserError, counted
from pellucid.inside.images import short
from pellucid.inside.predictor import Predictor
from pellucid.metrics.anomaly import Roc
from pellucid.system.files import write_csv
from pellucid.view.anomalies import Anomalies, AnomalyScorer
from pellucid.view.embedding import Embedding

log = logging.getLogger(__name__)

MAX_SHOWN = 96


def make_scorer(
    run: LoadedRun,
    predictor: Predictor,
    count: int,
    anomaly: str | Sequence[str] | None,
    among: Sequence[str] | None,
) -> AnomalyScorer | None:
    """The scorer of these options; None where nothing is asked.

    ``among``: classes of the images, where they are known beforehand. Raises UserError where it cannot be
    done.
    """
    names = [] if anomaly is None else [anomaly] if not isinstance(anomaly, list | tuple) else anomaly
    if not 0 <= count <= MAX_SHOWN:
        raise UserError(f"anomalies={count}: expected 0 to {MAX_SHOWN}.")
    if not count and not names:
        return None
    if not predictor.reconstructs:
        raise UserError(
            f"anomalies: {run.name} is no autoencoder, and has no error of reconstruction. "
            "Expected a run of model=autoencoder."
        )
    scorer = AnomalyScorer(predictor, count, tuple(str(name) for name in names))
    if among is not None:
        scorer.check(among)
    return scorer


def report_anomalies(run: LoadedRun, scorer: AnomalyScorer, embedding: Embedding) -> AnomalyReport:
    """What the scorer has seen of those images. Raises UserError where the anomaly is none or all of them."""
    errors_N = embedding.predictions["mse"]
    seed = run.config["seed"]
    return AnomalyReport(run, scorer.report(embedding.files, embedding.names, errors_N, seed=seed))


@dataclass(frozen=True)
class AnomalyReport:
    """Anomalies by the reconstruction error of a run's net, as files and words."""

    run: LoadedRun
    anomalies: Anomalies

    def write(self, folder: Path, stream: Stream) -> dict[str, Any]:
        """``anomalies_<split>.csv``, pictures; the figures."""
        write_csv(folder / f"anomalies_{stream.name}.csv", self._rows())
        where = f"{len(self.anomalies.files):,} {stream.name}"
        where += f" of {stream.source}" if stream.name == "images" else " images"
        if self.anomalies.worst.index:
            write_png(folder / f"anomalies_{stream.name}.png", self._picture(where))
        curve = self.anomalies.roc
        return self._write_roc(curve, folder / f"roc_{stream.name}.png", where) if curve else {}

    def _rows(self) -> list[dict[str, Any]]:
        """All images, the worst first."""
        rows = []
        for rank, index in enumerate(self.anomalies.ranks, start=1):
            row: dict[str, Any] = {
                "rank": rank,
                "file": self.anomalies.files[index],
                "class": self.anomalies.names[index],
            }
            row["mse"] = float(self.anomalies.errors_N[index])
            rows.append(
                row | ({"anomaly": bool(self.anomalies.anomalous_N[index])} if self.anomalies.classes else {})
            )
        return rows

    def _picture(self, where: str) -> np.ndarray:
        worst = self.anomalies.worst.index
        marked = self.anomalies.anomalous_N[worst].tolist() if self.anomalies.classes else None
        note = f"of {where}; mean MSE {self.anomalies.errors_N.mean():.4f}"
        if marked is not None:
            of_all = f"{int(self.anomalies.anomalous_N.sum()):,} of all {len(self.anomalies.files):,}"
            note += f"; framed: {self._anomaly}, {sum(marked)} of these, {of_all}"
        return ranked(
            self.anomalies.worst.originals_NHWC,
            self.anomalies.worst.reconstructions_NHWC,
            [self.anomalies.names[index] for index in worst],
            [short(self.anomalies.files[index]) for index in worst],
            title=f"The {len(worst)} worst reconstructed images, {self.run.name}",
            note=self.run.spec.noted(note),
            marked=marked,
            bands=self.run.spec.bands,
        )

    @property
    def _anomaly(self) -> str:
        return ", ".join(self.anomalies.classes)

    @property
    def _rest(self) -> str:
        names = [name for name in dict.fromkeys(self.anomalies.names) if name not in self.anomalies.classes]
        return names[0] if len(names) == 1 else "the rest"

    def _write_roc(self, curve: Roc, path: Path, where: str) -> dict[str, Any]:
        low, high = curve.interval
        summary = f"AUROC {curve.area:.3f}, 95 % interval {low:.3f} to {high:.3f}"
        learnt = [name for name in self.anomalies.classes if name in self.run.spec.classes]
        caveat = f"; the net was trained on {', '.join(learnt)} too" if learnt else ""
        picture = roc(
            curve.false_T,
            curve.true_T,
            self.anomalies.errors_N,
            self.anomalies.anomalous_N,
            names=(self._anomaly, self._rest),
            score="mean squared error of an image",
            summary=f"{summary} (0.5: by chance)",
            title=f"Anomaly {self._anomaly}, told by the reconstruction error of {self.run.name}",
            note=f"{where}{caveat}",
        )
        write_png(path, picture)
        anomalous = int(self.anomalies.anomalous_N.sum())
        counts = f"{counted(anomalous, 'image')} against {len(self.anomalies.files) - anomalous:,}"
        log.info("%s of the error for %s (%s)%s.", summary, self._anomaly, counts, caveat)
        if high < 0.5:
            log.info("Below 0.5: the net redraws %s better than %s.", self._anomaly, self._rest)
        return {"auroc": curve.area, "auroc_low": low, "auroc_high": high}
