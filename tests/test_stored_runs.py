"""Runs of every format, as the versions of then left them, are come back to: ``tests/runs/format_*``.

Made by ``python train.py model=cnn model.channels=[2,4] model.hidden=[8,6] trainer.max_epochs=3
trainer=cpu``; their pictures and event files are left out. ``tests/sweep/format_2.tar.gz`` is a sweep of one
trial, begun by ``SWEEP`` when the files of each command held their help as Hydra's.
"""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from pellucid.commands.evaluate import evaluate
from pellucid.commands.explain.explain import explain
from pellucid.commands.report import report
from pellucid.commands.train import train
from pellucid.config.command_line import split
from pellucid.config.trust import check_kept_files
from pellucid.run.folder import FORMAT, Run
from pellucid.run.resume import resumed_config
from tests.helpers import CONF, command, compose, metrics

RUNS = sorted((Path(__file__).parent / "runs").iterdir())

SWEEP = (
    *(
        "-m",
        "sweep=random",
        "sweep.name=stored",
        "trainer=cpu",
        "callbacks=none",
        "logger=none",
        "report=false",
    ),
    *("optimizer.lr=interval(1e-3,1e-2)", "trainer.max_epochs=1", "model=dnn", "model.hidden=[4]"),
)


@pytest.fixture(params=RUNS, ids=lambda path: path.name)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copytree(request.param, tmp_path / "run"))


def test_there_is_one_of_every_format() -> None:
    assert [path.name for path in RUNS] == [f"format_{number}" for number in range(1, FORMAT + 1)]
    assert [metrics(path).get("format", 1) for path in RUNS] == [*range(1, FORMAT + 1)]


def test_it_is_evaluated_to_the_figures_that_it_wrote(run: Path) -> None:
    noted = metrics(run)
    (row,) = evaluate(str(run), accelerator="cpu")
    for name in ("test/loss", "test/accuracy", "val/loss", "val/accuracy"):
        assert row[name] == pytest.approx(noted[name], rel=1e-6), name  # of another version of torch
    assert row["epoch"] == noted["best/epoch"]


def test_it_explains(run: Path, tmp_path: Path) -> None:
    image = tmp_path / "0.png"
    Image.fromarray((load_digits().images[0] * 255 / 16).astype(np.uint8)).save(image)
    methods = compose()["explainer"]
    rows = explain(str(run), images=str(image), explainer=methods, layers="auto", trust=1, accelerator="cpu")
    assert {row["method"] for row in rows} == {*methods}
    assert (run / "explanations" / "0.png.npz").exists()


def test_it_gets_its_page(run: Path) -> None:
    path = report(str(run), seconds=0, accelerator="cpu")
    text = path.read_text(encoding="utf-8")
    assert "cnn on digits" in text
    assert 'id="mistakes"' in text
    assert ('id="film_strip"' in text) == (run / "figures").exists()


@pytest.mark.slow
def test_it_goes_on(run: Path) -> None:
    line = split([f"resume={run}", "trainer.max_epochs=4", "report=false"])
    config = resumed_config(Run(run), line, CONF)
    assert config is not None
    done = train(config, run, resume=True)
    assert done["epochs"] == 4
    assert done["status"] == "finished"
    assert done["format"] == FORMAT
    assert not [key for key in done if key.startswith("look/failed")]


def test_going_on_says_nothing_of_what_the_checkpoint_holds(run: Path) -> None:
    done = command(f"resume={run}", "trainer.max_epochs=4", "report=false")
    told = [line for line in done.stderr.splitlines() if "newer than your current Lightning" not in line]
    assert (done.returncode, told) == (0, [])  # an older Lightning says that it is the older one
    assert "Be aware" not in done.stdout


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    with tarfile.open(Path(__file__).parent / "sweep" / "format_2.tar.gz") as archive:
        archive.extractall(tmp_path / "outputs" / "sweeps", filter="data")
    return tmp_path / "outputs" / "sweeps" / "stored"


def test_the_files_kept_with_a_sweep_of_before_are_trusted(sweep: Path) -> None:
    assert (sweep / "conf" / "units.yaml").read_bytes() != (CONF / "units.yaml").read_bytes()
    check_kept_files(sweep / "conf", CONF, [])


@pytest.mark.slow
def test_a_sweep_of_before_goes_on(sweep: Path, tmp_path: Path) -> None:
    before = (sweep / "0" / "metrics.json").read_bytes()
    done = command(*SWEEP, "sweep.trials=2", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Sweep stored: 2 finished of 2 trials." in done.stdout
    assert (sweep / "0" / "metrics.json").read_bytes() == before
    assert metrics(sweep / "1")["status"] == "finished"
