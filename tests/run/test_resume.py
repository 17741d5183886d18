"""What a run may be continued with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.runs import QUIET, wait_for_epochs
from tests.helpers import command, metrics, start


@pytest.mark.slow
def test_resume_refuses_what_is_no_budget_or_device(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert command(*QUIET, "model=dnn", "trainer.max_epochs=1", f"hydra.run.dir={folder}").returncode == 0
    before = (folder / ".hydra" / "config.yaml").read_bytes()
    refused = command(f"resume={folder}", "optimizer.lr=0.1", "model=cnn", "data.batch_size=32")
    assert refused.returncode == 2
    assert "optimizer.lr=0.1 (the run has 0.001)" in refused.stderr
    assert "model=cnn (the run has dnn)" in refused.stderr
    assert "batch_size" not in refused.stderr, "that is what the run has"
    assert (folder / ".hydra" / "config.yaml").read_bytes() == before
    finished = command(f"resume={folder}")
    assert finished.returncode == 0
    assert "trainer.max_epochs=" in finished.stdout
    unknown = command(f"resume={folder}", "device_images=many")
    assert (unknown.returncode, "device_images: expected a number" in unknown.stderr) == (2, True)
    more = command(f"resume={folder}", "trainer.max_epochs=2", "trainer=cpu", "device_images=0.5")
    assert more.returncode == 0, more.stderr
    assert metrics(folder)["epochs"] == 2


@pytest.mark.slow
def test_a_refused_resume_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert command(*QUIET, "model=dnn", "trainer.max_epochs=1", f"hydra.run.dir={folder}").returncode == 0
    (folder / "checkpoints" / "last.ckpt").write_bytes(b"damaged")
    before = (folder / ".hydra" / "config.yaml").read_bytes()
    done = command(f"resume={folder}", "trainer.max_epochs=2", "model=dnn", "optimizer.lr=0.001")
    assert done.returncode == 2
    assert "copy " in done.stderr
    assert "best.ckpt over it" in done.stderr
    assert (folder / ".hydra" / "config.yaml").read_bytes() == before
    for wrong in ("trainer.max_epochs=ten", "optimizer.lrr=1"):
        assert command(f"resume={folder}", wrong).returncode == 2


@pytest.mark.slow
def test_a_run_that_is_training_cannot_be_resumed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start(*QUIET, f"hydra.run.dir={folder}", "model=dnn", "trainer.max_epochs=100000")
    try:
        wait_for_epochs(process, folder, 2)
        done = command(f"resume={folder}")
        assert done.returncode == 2
        assert "another process is training this run" in done.stderr
        assert metrics(folder)["status"] == "running"
    finally:
        process.kill()
        process.communicate()
