"""Child processes end with their command, whatever ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pellucid.run.folder import Run
from tests.helpers import ROOT
from tests.sweep.watch import QUICK, epochs, line, started, wait

JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")


def left(group: int) -> list[str]:
    """What runs of the group, but for what has ended and is not yet waited for."""
    listed = subprocess.run(["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True, check=True)
    lines = [text.split(maxsplit=2) for text in listed.stdout.splitlines()]
    return [args[2] for args in lines if args[0] == str(group) and not args[1].startswith("Z")]


@pytest.mark.slow
def test_ctrl_c_twice(tmp_path: Path) -> None:
    """While the workers are started."""
    with started(tmp_path, *line(tmp_path, "sweep.trials=4", *JOBLIB, each=400)) as process:
        wait((tmp_path / "outputs" / "sweeps" / "name" / "journal.log").exists)
        time.sleep(1)
        begin = time.monotonic()
        for _ in range(2):
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.3)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130, out + err
        assert time.monotonic() - begin < 30
        assert "Traceback" not in out + err
        assert (out + err).count("Interrupted.") == 1
        assert "Continue by: python train.py -m" in out + err
        assert not left(process.pid)


@pytest.mark.slow
def test_a_killed_command_takes_its_workers_along(tmp_path: Path) -> None:
    with started(tmp_path, *line(tmp_path, "sweep.workers=1", *JOBLIB, each=400)) as process:
        wait(lambda: epochs(tmp_path))
        process.kill()
        process.wait()
        wait(lambda: not left(process.pid))
        number = epochs(tmp_path)[0].trial
        assert "this one ends, too" in process.communicate()[1]
        assert Run(tmp_path / "outputs" / "sweeps" / "name" / str(number)).metrics()["status"] == "running"


@pytest.mark.slow
def test_a_signal_that_was_ignored_at_the_start(tmp_path: Path) -> None:
    """As of a job in the background of a script; it comes between two trials, or within one."""
    argv = [sys.executable, str(ROOT / "train.py"), "-m", *QUICK, "trainer.max_epochs=1"]
    argv += ["sweep=random", "sweep.trials=500", "sweep.name=a", "optimizer.lr=interval(1e-4,1e-1)"]
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(
            ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *argv], cwd=tmp_path, stdout=said, stderr=said
        )
        try:
            wait(lambda: "trial 1 of" in (tmp_path / "said").read_text())
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 130
        finally:
            process.kill()
            process.wait()
    assert (tmp_path / "said").read_text().count("Interrupted.") == 1
