"""A task of a third kind, in one file and one YAML, goes through every command."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import command

TASK = '''
from torch import Tensor
from torch.nn import functional

from pellucid.task.base import Task
from pellucid.task.metric import MeanOverImages


class Brightness(Task):
    """How bright is it? Of the normalised image, by the first score."""

    monitor, mode = "val/mae", "min"

    def _make_metrics(self):
        return {"loss": MeanOverImages(), "mae": MeanOverImages()}

    def _check_output(self, images_BCHW, output):
        assert output.ndim == 2

    def _step(self, batch, stage):
        images_BCHW, labels_B = batch
        output = self(images_BCHW)
        loss = functional.l1_loss(output[:, 0], images_BCHW.flatten(1).mean(dim=1))
        self.steps[stage].add(loss, labels_B)
        return loss, output

    def predictions(self, images_BCHW, output, labels_B=None):
        error_B = (output[:, 0] - images_BCHW.flatten(1).mean(dim=1)).abs()
        values = {"brightness": output[:, 0], "mae": error_B}
        return values | ({} if labels_B is None else {"loss": error_B})

    def _update_metrics(self, stage, losses_S, counts_S, *seen):
        for metric in self.stage_metrics(stage).values():
            metric.update(losses_S, counts_S)
'''


@pytest.mark.slow
def test_a_third_task(tmp_path: Path) -> None:
    (tmp_path / "brightness.py").write_text(TASK)
    (tmp_path / "conf" / "task").mkdir(parents=True)
    (tmp_path / "conf" / "task" / "brightness.yaml").write_text("_target_: brightness.Brightness\n")
    packages, run = "packages=[brightness]", f"run={tmp_path / 'run'}"

    def done(script: str, *argv: str) -> str:
        said = command(*argv, script=script, cwd=tmp_path)
        assert (said.returncode, said.stderr) == (0, ""), said.stderr
        return said.stdout

    shown = done(
        "train.py", "--config-dir", "conf", "task=brightness", "model=dnn", packages, "trainer=cpu",
        "trainer.max_epochs=2", f"hydra.run.dir={tmp_path / 'run'}",
    )  # fmt: skip
    recorded = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert recorded["val/mae"] < 0.2, "it has learned to tell"
    assert "(not a classifier)" in " ".join(shown.split()), "views of classes say that they do not apply"
    assert "mae" in (tmp_path / "run" / "report.html").read_text()
    done("scripts/evaluate.py", run, packages)
    evaluated = json.loads((tmp_path / "run" / "evaluation" / "best_test" / "metrics.json").read_text())
    assert evaluated["metrics"]["mae"] == pytest.approx(recorded["test/mae"])
    low, high = evaluated["intervals"]["mae"]
    assert low < evaluated["metrics"]["mae"] < high
    with (tmp_path / "run" / "evaluation" / "best_test" / "images.csv").open() as file:
        images = list(csv.DictReader(file))
    assert list(images[0]) == ["file", "class", "loss", "brightness"]
    assert np.mean([float(row["loss"]) for row in images]) == pytest.approx(recorded["test/mae"], rel=1e-4)
    for name, value in (("dark", 0), ("bright", 255)):
        Image.fromarray(np.full((8, 8), value, np.uint8)).save(tmp_path / f"{name}.png")
    done("scripts/predict.py", run, packages, f"images={tmp_path}/*.png")
    with (tmp_path / "run" / "predictions" / "predictions.csv").open() as file:
        bright, dark = (float(row["brightness"]) for row in csv.DictReader(file))
    assert bright > dark
    done("scripts/embed.py", run, packages, "split=test")
    done("scripts/report.py", run, packages, "seconds=1")
