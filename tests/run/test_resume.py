"""What a run may be continued with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pellucid.config.command_line import split
from pellucid.errors import UserError
from pellucid.run.folder import Run
from pellucid.run.resume import resumed_config, with_weights_of_run
from tests.commands.runs import QUIET, wait_for_epochs
from tests.helpers import CONF, command, compose, metrics, start


def kept(folder: Path, *overrides: str) -> Run:
    """A run as its folder keeps it, which has not trained yet."""
    run = Run(folder)
    run.save_config(compose("model=dnn", "recipe=plain", *overrides))
    return run


def resumed(run: Run, *line: str) -> Any:
    return resumed_config(run, split([f"resume={run.folder}", *line]), CONF)


def test_budget_device_and_place_of_the_data_may_change(tmp_path: Path) -> None:
    run = kept(tmp_path, "data=image_folder", "data.root=/old")
    line = ("trainer.max_epochs=7", "trainer.devices=2", "data.root=/new", "report=true", "device_images=0.5")
    now, before = resumed(run, *line), run.config()
    assert now["trainer"] == {**before["trainer"], "max_epochs": 7, "devices": 2}
    assert now["data"] == {**before["data"], "root": "/new"}
    assert (now["report"], now["device_images"]) == (True, 0.5)
    assert now["optimizer"] == before["optimizer"]
    assert run.config() == before, "the line is not kept before the run goes on with it"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("optimizer.lr=0.1", r"Refused: optimizer\.lr=0\.1 \(the run has 0\.001\)"),
        ("data.batch_size=7", r"data\.batch_size=7 \(the run has"),
        ("optimizer.weight_decay=0.1", r"weight_decay=0\.1 \(the run has left it to its class\)"),
        ("optimizer.lrr=1", "no such option.*'optimizer.lr'"),
        ("device_images=many", "device_images: expected a number"),
        ("report=3", "report: expected"),
    ],
)
def test_the_rest_may_not(line: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        resumed(kept(tmp_path), "trainer.max_epochs=7", line)


def test_what_the_run_has_already_may_be_said_again(tmp_path: Path) -> None:
    run = kept(tmp_path, "+optimizer.weight_decay=0.1")
    for sign in ("", "+"):
        assert (
            resumed(run, "optimizer.lr=0.001", "seed=0", f"{sign}optimizer.weight_decay=0.1") == run.config()
        )


def test_a_run_that_has_finished_needs_a_larger_budget(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = kept(tmp_path, "trainer.max_epochs=2")
    run.record({"status": "finished", "epochs": 2})
    assert resumed(run) is None
    assert f"resume={tmp_path} trainer.max_epochs=12" in capsys.readouterr().out
    assert resumed(run, "trainer.max_epochs=3")["trainer"]["max_epochs"] == 3


def test_a_period_that_the_budget_passes_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = kept(tmp_path, "scheduler=cosine", "scheduler.T_max=4", "trainer.max_epochs=4")
    assert resumed(run, "trainer.max_epochs=4") is not None
    assert capsys.readouterr().out == ""
    assert resumed(run, "trainer.max_epochs=5") is not None
    assert "scheduler.T_max stays 4" in capsys.readouterr().out


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    run = kept(tmp_path / "run")
    run.checkpoints.symlink_to(tmp_path)
    with pytest.raises(UserError, match="checkpoints is a link"):
        resumed(run)


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


def test_weights_may_be_a_run_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "outputs" / "cnn_digits" / "2026-01-01_00-00-00_deeper"
    (run / ".hydra").mkdir(parents=True)
    (run / ".hydra" / "config.yaml").write_text("name: deeper\n")
    (run / ".hydra" / "overrides.yaml").write_text("[]\n")
    monkeypatch.chdir(tmp_path)
    for typed in ("deeper", "last", "outputs/cnn_digits", str(run)):
        assert with_weights_of_run(split([f"weights={typed}"])).value("weights") == str(run), typed
    for typed in ("deepest", "outputs/net.pt", "none"):
        assert with_weights_of_run(line := split([f"weights={typed}"])) is line
