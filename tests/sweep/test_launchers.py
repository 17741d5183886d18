"""Sweeps behind Hydra's launchers, as real command lines: who ran what, and what a killed process leaves."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from pellucid.config.command_line import split
from pellucid.config.line_check import check as check_line
from pellucid.config.line_check import compose_line
from tests.helpers import CONF, ROOT
from tests.sweep.slurm import Slurm, slurm
from tests.sweep.watch import (
    CPUS,
    SPACE,
    Epoch,
    again,
    check,
    ended,
    epochs,
    line,
    processes,
    run,
    started,
    wait,
)

PAGE = ROOT / "docs" / "sweeps.md"
HALF = max(1, CPUS // 2)  # threads of each of two workers
TWO = ("sweep.workers=2", "sweep.trials=4")
JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
LOCAL = ("hydra/launcher=submitit_local", "hydra.launcher.timeout_min=30")
SLURM = """# @package _global_
defaults:
  - override /hydra/launcher: submitit_slurm
hydra:
  launcher: {partition: debug, timeout_min: 30, cpus_per_task: 1}
"""
RAY = """# @package _global_
defaults:
  - override /hydra/launcher: ray
hydra:
  launcher:
    ray:
      init: {num_cpus: 2, include_dashboard: false, _temp_dir: %s}
      remote: {num_cpus: 1}
"""


def experiment(folder: Path, text: str) -> tuple[str, ...]:
    """The part of a line that names this experiment."""
    path = folder / "conf" / "experiment" / "here.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return ("--config-dir", str(folder / "conf"), "experiment=here")


def blocks() -> dict[str, str]:
    """The page's experiments, each with its name."""
    found = re.findall(r"```yaml\n# conf/experiment/(\w+)\.yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return dict(found)


@pytest.mark.slow
@pytest.mark.timed
@pytest.mark.parametrize("launcher", [JOBLIB, pytest.param(LOCAL, marks=pytest.mark.heavy)])
def test_two_workers_share_the_trials(tmp_path: Path, launcher: tuple[str, ...]) -> None:
    run(tmp_path, *line(tmp_path, *TWO, *launcher, meet=2))
    check(tmp_path, 4, threads=HALF)
    assert again(tmp_path, 4) == {}
    assert len(processes(tmp_path)) == 2


@pytest.mark.slow
@pytest.mark.timed
def test_ray(tmp_path: Path) -> None:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed.")
    sockets = tempfile.mkdtemp(prefix="ray-")  # a socket's path is short
    try:
        run(tmp_path, *line(tmp_path, *TWO, *experiment(tmp_path, RAY % sockets), meet=2))
    finally:
        shutil.rmtree(sockets, ignore_errors=True)
    check(tmp_path, 4, threads=1)
    assert again(tmp_path, 4) == {}
    assert len(processes(tmp_path)) == 2


@pytest.mark.slow
@pytest.mark.timed
@pytest.mark.parametrize("launcher", [pytest.param(JOBLIB, marks=pytest.mark.heavy), LOCAL])
def test_a_killed_worker(tmp_path: Path, launcher: tuple[str, ...]) -> None:
    """Its trial goes on from its checkpoint, and the sweep to its end, by themselves."""
    with started(tmp_path, *line(tmp_path, *TWO, *launcher, each=4, meet=2, hold=3)) as process:
        wait(lambda: sum(begun.epoch == 3 for begun in epochs(tmp_path)) == 2)
        killed = epochs(tmp_path)[-1]
        os.kill(killed.process, signal.SIGKILL)
        (tmp_path / "go").touch()
        assert "A worker has ended" in ended(process)
    check(tmp_path, 4, each=4, threads=HALF)
    assert again(tmp_path, 4, each=4) == {(killed.trial, 3): 1}
    assert of_others(tmp_path, killed) == [3, 4]


def of_others(folder: Path, ended: Epoch) -> list[int]:
    """The epochs of its trial that other processes began."""
    same = [begun for begun in epochs(folder) if begun.trial == ended.trial]
    return [begun.epoch for begun in same if begun.process != ended.process]


@pytest.mark.slow
@pytest.mark.timed
def test_the_command_killed_while_its_workers_go_on(tmp_path: Path) -> None:
    """The same line again helps them."""
    argv = line(tmp_path, "sweep.workers=2", "sweep.trials=6", *LOCAL, each=3, meet=2, hold=2)
    with started(tmp_path, *argv) as first:
        wait(lambda: sum(begun.epoch == 2 for begun in epochs(tmp_path)) == 2)
        first.kill()
        first.wait()
        with started(tmp_path, *argv) as second:
            wait(lambda: len(processes(tmp_path)) == 4)
            (tmp_path / "go").touch()
            ended(second)
    check(tmp_path, 6, each=3, threads=HALF)
    assert again(tmp_path, 6, each=3) == {}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Slurm]:
    with slurm() as running:
        yield running


@pytest.mark.slow
@pytest.mark.timed
def test_slurm(tmp_path: Path, cluster: Slurm) -> None:
    before = cluster.jobs()
    argv = line(tmp_path, *TWO, *experiment(tmp_path, SLURM), meet=2)
    run(tmp_path, *argv, env={**cluster.environment, "OMP_NUM_THREADS": "7"})
    check(tmp_path, 4, threads=1)  # as many as a job has processors
    assert again(tmp_path, 4) == {}
    assert len(processes(tmp_path)) == len(set(cluster.jobs()) - set(before)) == 2


def job_of(process: int) -> str:
    """The job that the process is in, 7 or, of an array, 7_1."""
    lines = Path(f"/proc/{process}/environ").read_bytes().decode(errors="replace").split("\0")
    values = dict(text.split("=", 1) for text in lines if "=" in text)
    array, task = values.get("SLURM_ARRAY_JOB_ID"), values.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array else values["SLURM_JOB_ID"]


MORE = [pytest.param(how, marks=pytest.mark.heavy) for how in ("requeued", "time limit, requeued")]


@pytest.mark.slow
@pytest.mark.timed
@pytest.mark.parametrize("how", ["killed and requeued", "time limit", *MORE])
def test_slurm_takes_a_job_away(tmp_path: Path, cluster: Slurm, how: str) -> None:
    """In the middle of a trial, which goes on in its folder from its checkpoint."""
    limits = {"time limit": 0, "time limit, requeued": 1}
    text = SLURM.replace("timeout_min: 30", f"timeout_min: 5, max_num_timeout: {limits.get(how, 0)}")
    argv = line(tmp_path, *TWO, *experiment(tmp_path, text), each=4, meet=2, hold=3)
    with started(tmp_path, *argv, env=cluster.environment) as process:
        wait(lambda: sum(begun.epoch == 3 for begun in epochs(tmp_path)) == 2)
        taken = epochs(tmp_path)[-1]
        job = job_of(taken.process)
        if how == "killed and requeued":
            os.kill(taken.process, signal.SIGKILL)
        if how in limits:  # what Slurm sends ahead of it
            cluster.ask("scancel", "--signal=USR2", job)
        else:
            cluster.requeue(job)
        if how == "time limit":  # the other worker goes on with the trial
            wait(lambda: job not in cluster.jobs("running"))
        else:
            wait(lambda: len(processes(tmp_path)) == 3, lambda: cluster.ask("squeue", "--states=all"))
        (tmp_path / "go").touch()
        ended(process)
    check(tmp_path, 4, each=4, threads=1)
    assert again(tmp_path, 4, each=4) == {(taken.trial, 3): 1}
    others = [
        begun for begun in epochs(tmp_path) if begun.trial == taken.trial and begun.process != taken.process
    ]
    assert [begun.epoch for begun in others] == [3, 4]


@pytest.mark.slow
@pytest.mark.timed
def test_the_command_killed_while_its_jobs_go_on(tmp_path: Path, cluster: Slurm) -> None:
    argv = line(tmp_path, *TWO, *experiment(tmp_path, SLURM), each=3, meet=2, hold=2)
    with started(tmp_path, *argv, env=cluster.environment) as first:
        wait(lambda: sum(begun.epoch == 2 for begun in epochs(tmp_path)) == 2)
        first.kill()
        first.wait()
        with started(tmp_path, *argv, env=cluster.environment) as second:
            wait(lambda: cluster.jobs("pending"))  # both processors are taken
            (tmp_path / "go").touch()
            ended(second)
    check(tmp_path, 4, each=3, threads=1)
    assert again(tmp_path, 4, each=3) == {}


def test_the_page_has_each_launcher() -> None:
    launchers = re.findall(r"override /hydra/launcher: (\w+)", PAGE.read_text())
    assert launchers == ["joblib", "submitit_local", "submitit_slurm", "ray"]
    assert len(blocks()) == PAGE.read_text().count("```yaml") == len(launchers) + 1


@pytest.mark.slow
@pytest.mark.timed
@pytest.mark.parametrize("name", blocks())
def test_the_page_is_right(tmp_path: Path, name: str) -> None:
    """Each experiment on it composes, and sets what it says."""
    path = tmp_path / "experiment" / f"{name}.yaml"
    path.parent.mkdir()
    path.write_text(blocks()[name])
    said = [shlex.split(text)[2:] for text in PAGE.read_text().splitlines() if f" experiment={name} " in text]
    assert len(said) == ("override" in blocks()[name]), "one line that uses it"
    for options in said or [["-m", f"experiment={name}", "sweep=tpe", SPACE]]:
        given = split([*options, "--config-dir", str(tmp_path)])
        check_line(given, conf=CONF, name="train")
        composed: Any = OmegaConf.to_container(compose_line(given, CONF))
        assert_holds(composed, yaml.safe_load(blocks()[name]))
        launcher = re.search(r"override /hydra/launcher: (\w+)", blocks()[name])
        chosen = composed["hydra"]["runtime"]["choices"]["hydra/launcher"]
        assert chosen == (launcher[1] if launcher else "basic")


def assert_holds(config: Any, wanted: dict[str, Any]) -> None:
    """Whether all that is wanted stands in it."""
    for key, value in wanted.items():
        if isinstance(value, dict):
            assert_holds(config[key], value)
        elif key != "defaults":
            assert config[key] == value, key
