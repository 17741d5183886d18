"""What helps rare classes: ``PELLUCID_REAL_DATA=<folder> python docs/make_imbalance.py --runs <folder>``.

Five of Fashion-MNIST's ten classes keep a twentieth of their training images; the test images stay. The
small convolutional net is trained with nothing done about it, and in each of the ways that there are; the
table is the one of ``docs/results.md``. What was trained is kept in the folder, the same line goes on.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from tests.helpers import compose, metrics  # noqa: E402

from pellucid.data.fashion_mnist import FashionMNIST  # noqa: E402
from pellucid.data.images import Split  # noqa: E402
from pellucid.engine.session import train  # noqa: E402
from pellucid.system.seeding import generator  # noqa: E402

SEEDS = (0, 1, 2)
RARE, KEPT = (5, 6, 7, 8, 9), 20  # classes, of whose images one in so many is kept
COMMON = (
    *("model=cnn", "model.channels=[8,16]", "model.hidden=[64]", "data=fashion_mnist", "trainer=cpu"),
    *("trainer.max_epochs=5", "task.monitor=val/f1"),
    *("callbacks=none", "logger=none", "report=false"),
    "+task.metrics.f1._target_=torchmetrics.classification.MulticlassF1Score",
)
WAYS = {
    "nothing": (),
    "`task.class_weights=balanced`": ("task.class_weights=balanced",),
    "`data.sampling=balanced`": ("data.sampling=balanced",),
    "`task.focal=2.0`": ("task.focal=2.0",),
}


class Imbalanced(FashionMNIST):
    """Fashion-MNIST whose later five classes are rare in training; which images stay hangs on the seed."""

    def read(self) -> dict[str, Split]:
        splits = super().read()
        labels_N = splits["train"].labels_N
        keep_N = torch.ones(len(labels_N), dtype=torch.bool)
        for label in RARE:
            members = torch.nonzero(labels_N == label).flatten()
            order = torch.randperm(len(members), generator=generator(self.seed, "rare", label))
            keep_N[members[order[len(members) // KEPT :]]] = False
        splits["train"] = splits["train"].subset(torch.nonzero(keep_N).flatten())
        return splits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, required=True)
    runs = parser.parse_args().runs.absolute()
    root = Path(os.environ["PELLUCID_REAL_DATA"]) / "fashion-mnist"
    print("| | macro F1 | accuracy | macro F1 per seed |\n|---|---|---|---|")
    for number, (way, options) in enumerate(WAYS.items()):
        tested = []
        for seed in SEEDS:
            folder = runs / f"{number}_{seed}"
            if not (folder / "metrics.json").exists() or metrics(folder)["status"] != "finished":
                config = compose(*COMMON, f"data.root={root}", f"seed={seed}", *options)
                config["data"]["_target_"] = f"{Imbalanced.__module__}.{Imbalanced.__name__}"
                train({**config, "packages": [Imbalanced.__module__]}, folder)
            tested.append(metrics(folder))
        columns = [[one[f"test/{name}"] for one in tested] for name in ("f1", "accuracy")]
        shown = [f"{statistics.mean(column):.3f} ± {statistics.stdev(column):.3f}" for column in columns]
        print(
            f"| {way} | {' | '.join(shown)} | {', '.join(f'{value:.3f}' for value in columns[0])} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
