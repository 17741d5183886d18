"""Learning curves of the XAI net before and after: ``python docs/make_xai_curves.py <file> <run> [<run>]``.

Validation accuracy and training loss by epoch, of run folders in their order, named by their optimizers.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from pellucid.draw.curves import draw_curves
from pellucid.draw.png import png
from pellucid.run.folder import Run

PANELS = {"validation accuracy": "val/accuracy", "training loss": "train/loss"}


def main(file: str, *folders: str) -> None:
    metrics: dict[str, dict[str, list[tuple[float, float]]]] = {name: {} for name in PANELS}
    for folder in map(Path, folders):
        optimizer = Run(folder).config()["optimizer"]["_target_"].rpartition(".")[2]
        with (folder / "metrics.csv").open(newline="") as rows:
            for row in csv.DictReader(rows):
                for name, column in PANELS.items():
                    points = metrics[name].setdefault(optimizer, [])
                    points.append((float(row["epoch"]), float(row[column])))
    title = "The XAI net on 850 photos of cats and dogs"
    picture = draw_curves(metrics, title=title, note="before: Adam; as it is now: Muon, recipe=good")
    Path(file).write_bytes(png(picture))


if __name__ == "__main__":
    main(*sys.argv[1:])
