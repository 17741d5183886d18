"""Images that an autoencoder draws badly, and how well that tells an anomaly.

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
from pellucid.inside.images import Images, short
from pellucid.metrics.anomaly import HighestScores, roc
from pellucid.system.files import write_csv
from pellucid.task.reconstruction import Reconstruction

log = logging.getLogger(__name__)

MOST_SHOWN = 96


class Hunt:
    """Keeps the ``count`` worst of the images that it is shown; ``classes`` are the anomaly, () if unsaid."""

    def __init__(self, trained: LoadedRun, count: int, classes: tuple[str, ...]) -> None:
        self.trained, self.count, self.classes = trained, count, classes
        self._worst = HighestScores(count)  # of originals and what became of them, (count, 2, C, H, W)

    @classmethod
    def ask(
        cls,
        trained: LoadedRun,
        count: int,
        anomaly: str | Sequence[str] | None,
        *,
        among: Sequence[str] | None,
    ) -> Hunt | None:
        """None where nothing is asked. ``among``: classes of the images, where they are known beforehand.

        Raises UserError where it cannot be done.
        """
        names = [] if anomaly is None else [anomaly] if not isinstance(anomaly, list | tuple) else anomaly
        if not 0 <= count <= MOST_SHOWN:
            raise UserError(f"anomalies={count}: expected 0 to {MOST_SHOWN}.")
        if not count and not names:
            return None
        if not isinstance(trained.task, Reconstruction):
            raise UserError(
                f"anomalies: {trained.name} is no autoencoder, and has no error of reconstruction. "
                "Expected a run of model=autoencoder."
            )
        hunt = cls(trained, count, tuple(str(name) for name in names))
        if among is not None:
            hunt.check(among)
        return hunt

    def check(self, among: Sequence[str]) -> None:
        """Raise UserError for a class that is not among those."""
        for name in self.classes:
            if name not in among:
                raise UserError(
                    f"anomaly={name}: none of these images is of that class.{did_you_mean(name, among)} "
                    f"They are of {', '.join(among[:10])}{', …' if len(among) > 10 else ''}."
                )

    def see(self, batch: Images, errors_B: Tensor, original_BCHW: Tensor, redrawn_BCHW: Tensor) -> None:
        """Let the next images take part. ``original_BCHW`` in [0, 1]."""
        self._worst.update(errors_B, torch.stack([original_BCHW.cpu(), redrawn_BCHW.cpu()], dim=1))

    def caught(self, files: Sequence[str], names: Sequence[str], errors_N: np.ndarray) -> Caught:
        """What was found, of all images. Raises UserError where ``classes`` are none or all of them."""
        is_N = np.isin(np.array(names), self.classes)
        self.check(sorted(set(names)))
        if self.classes and is_N.all():
            raise UserError(
                f"anomaly={','.join(self.classes)}: all {counted(len(files), 'image')} are; "
                "expected others beside them, from which to tell them."
            )
        originals, redrawn = (
            (images.permute(0, 2, 3, 1).numpy() for images in self._worst.images_M.unbind(1))
            if len(self._worst.index_M)
            else (np.empty(0), np.empty(0))
        )
        worst = Worst(self._worst.index_M.tolist(), originals, redrawn)
        return Caught(self.trained, list(files), list(names), errors_N, is_N, self.classes, worst)


@dataclass(frozen=True)
class Worst:
    """Positions of the worst images, the worst first, and they themselves, (count, H, W, C) in [0, 1]."""

    places: list[int]
    originals_NHWC: np.ndarray
    redrawn_NHWC: np.ndarray


@dataclass(frozen=True)
class Caught:
    """Errors of all images, which of them are the anomaly, and the worst."""

    trained: LoadedRun
    files: list[str]
    names: list[str]
    errors_N: np.ndarray
    is_N: np.ndarray
    classes: tuple[str, ...]
    worst: Worst

    def write(self, folder: Path, stream: Stream) -> dict[str, Any]:
        """``anomalies_<split>.csv``, pictures; the figures."""
        write_csv(folder / f"anomalies_{stream.name}.csv", self._rows())
        where = f"{len(self.files):,} {stream.name}"
        where += f" of {stream.source}" if stream.name == "images" else " images"
        if self.worst.places:
            write_png(folder / f"anomalies_{stream.name}.png", self._picture(where))
        return self._write_roc(folder / f"roc_{stream.name}.png", where) if self.classes else {}

    def _rows(self) -> list[dict[str, Any]]:
        """All images, the worst first."""
        rows = []
        for rank, place in enumerate(np.argsort(-self.errors_N, kind="stable").tolist(), start=1):
            row: dict[str, Any] = {"rank": rank, "file": self.files[place], "class": self.names[place]}
            row["mse"] = float(self.errors_N[place])
            rows.append(row | ({"anomaly": bool(self.is_N[place])} if self.classes else {}))
        return rows

    def _picture(self, where: str) -> np.ndarray:
        places = self.worst.places
        marked = self.is_N[places].tolist() if self.classes else None
        note = f"of {where}; mean MSE {self.errors_N.mean():.4f}"
        if marked is not None:
            of_all = f"{int(self.is_N.sum()):,} of all {len(self.files):,}"
            note += f"; framed: {self._anomaly}, {sum(marked)} of these, {of_all}"
        return ranked(
            self.worst.originals_NHWC,
            self.worst.redrawn_NHWC,
            [self.names[place] for place in places],
            [short(self.files[place]) for place in places],
            title=f"The {len(places)} worst reconstructed images, {self.trained.name}",
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
        found = roc(self.errors_N, self.is_N, seed=self.trained.config["seed"])
        low, high = found.interval
        said = f"AUROC {found.area:.3f}, 95 % interval {low:.3f} to {high:.3f}"
        learnt = [name for name in self.classes if name in self.trained.spec.classes]
        caveat = f"; the net was trained on {', '.join(learnt)} too" if learnt else ""
        picture = roc_curve(
            found.false_T,
            found.true_T,
            self.errors_N,
            self.is_N,
            names=(self._anomaly, self._rest),
            score="mean squared error of an image",
            said=f"{said} (0.5: by chance)",
            title=f"Anomaly {self._anomaly}, told by the reconstruction error of {self.trained.name}",
            note=f"{where}{caveat}",
        )
        write_png(path, picture)
        counts = f"{counted(int(self.is_N.sum()), 'image')} against {int((~self.is_N).sum()):,}"
        log.info("%s of the error for %s (%s)%s.", said, self._anomaly, counts, caveat)
        if high < 0.5:
            log.info("Below 0.5: the net redraws %s better than %s.", self._anomaly, self._rest)
        return {"auroc": found.area, "auroc_low": low, "auroc_high": high}
