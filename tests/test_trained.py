"""Runs are come back to from what is in their folder alone, also those of the first version."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from pellucid.config.command_line import split
from pellucid.config.resume import resumed_config
from pellucid.config.revisit import changed_data
from pellucid.errors import UserError
from pellucid.evaluate import evaluate
from pellucid.report.write import report
from pellucid.run import FORMAT, Run
from pellucid.train import train
from pellucid.trained import restore
from tests.helpers import CONF, compose, make_run

FIRST = Path(__file__).with_name("runs") / "format_1"  # written by the first version of the project
OWN: Any = partial(changed_data, line=split([]), conf=CONF)


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FIRST, tmp_path / "first"))


def test_a_run_of_the_first_version_is_evaluated_to_the_last_bit_of_what_it_wrote(first: Path) -> None:
    noted = json.loads((first / "metrics.json").read_text())
    (row,) = evaluate(str(first), checkpoint="best", split="test", accelerator="cpu", data=OWN, out=None)
    for name in ("test/loss", "test/accuracy", "val/loss", "val/accuracy"):
        assert row[name] == pytest.approx(noted[name], rel=1e-6), name  # of another version of torch
    assert row["epoch"] == noted["best/epoch"]


def test_a_run_of_the_first_version_gets_its_page(first: Path) -> None:
    path = report(str(first), checkpoint="best", seconds=0, accelerator="cpu", data=OWN, out=None)
    text = path.read_text(encoding="utf-8")
    assert "cnn on digits" in text
    assert 'id="mistakes"' in text


def test_a_run_in_half_precision_of_a_gpu_is_opened_on_a_cpu(
    first: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint = first / "checkpoints" / "best.ckpt"
    content = torch.load(checkpoint, weights_only=True)
    content["pellucid"]["config"]["trainer"]["precision"] = "16-mixed"
    torch.save(content, checkpoint)
    with caplog.at_level("INFO"):
        placed = restore(first, accelerator="cpu").placed()
    assert "16-mixed needs a GPU: bf16-mixed here" in caplog.text
    assert placed.run(placed.images(torch.zeros(1, *placed.trained.spec.image_shape).byte())).isfinite().all()


@pytest.mark.slow
def test_a_run_of_the_first_version_goes_on(first: Path) -> None:
    line = split([f"resume={first}", "trainer.max_epochs=4", "report=false"])
    config = resumed_config(Run(first), line, CONF)
    assert config is not None
    done = train(config, first, resume=True)
    assert done["epochs"] == 4
    assert done["status"] == "finished"
    assert done["format"] == FORMAT


def test_a_newer_run_is_refused(first: Path) -> None:
    Run(first).record({"format": FORMAT + 1})
    with pytest.raises(UserError, match=f"newer pellucid \\(format {FORMAT + 1}\\)"):
        Run.open(first)


def test_a_checkpoint_alone_is_enough(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", "model=dnn", "model.hidden=[4]")
    alone = Path(shutil.copy(folder / "checkpoints" / "best.ckpt", tmp_path / "mine.ckpt"))
    one, other = restore(folder), restore(alone)
    assert one.run is not None
    assert other.run is None
    assert other.folder == tmp_path / "mine"
    images = torch.rand(3, 1, 8, 8)
    assert torch.equal(one.placed().run(images), other.placed().run(images))
    inside = restore(folder / "checkpoints" / "last.ckpt")
    assert inside.run is not None
    assert inside.run.folder == folder


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no run folder"):
        restore(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        restore(tmp_path / "none")
    text = tmp_path / "text.txt"
    text.write_text("no checkpoint")
    with pytest.raises(UserError, match="damaged or not a checkpoint"):
        restore(text)
    config = compose("model=dnn")
    empty = tmp_path / "empty"
    Run(empty).save_config(config)
    with pytest.raises(UserError, match=r"has no such checkpoint. It has: none"):
        restore(empty)


def test_a_net_trained_in_half_precision_is_run_in_its_own(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", "model=dnn", "model.hidden=[4]", "trainer.precision=bf16-true")
    trained = restore(folder, accelerator="cpu")
    placed = trained.placed()
    trained.task.to(torch.bfloat16)  # as Lightning leaves it after a test
    assert placed.run(torch.rand(3, 1, 8, 8)).dtype == torch.float32
