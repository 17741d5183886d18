"""A Slurm of one machine, from Debian's slurm-wlm and munge, for as long as a test needs it."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

CPUS = 2  # that the machine says it has, whatever it has
CONF = """
ClusterName=pellucid
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=10
CryptoType=crypto/munge
SlurmctldPort={control_port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
KillWait=5
MinJobAge=3600
SchedulerParameters=sched_interval=2,batch_sched_delay=0
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=1000 State=UNKNOWN
PartitionName=debug Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


# There is no accounting, which needs a database; the launcher asks it alone, so squeue answers in its place.
SACCT = """#!/bin/sh
echo 'JobID|State|NodeList|'
exec squeue --noheader --array --states=all --format='%i|%T|%N|'
"""


class Slurm:
    """A running Slurm; ``environment`` is what its commands need."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment

    def ask(self, *command: str, check: bool = True) -> str:
        """What a command of Slurm's says."""
        done = subprocess.run(
            command, text=True, capture_output=True, env={**os.environ, **self.environment}, timeout=60
        )
        assert not check or done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout.strip()

    def jobs(self, state: str = "all") -> list[str]:
        """The ids of the jobs in that state, with those of an array one by one."""
        return self.ask("squeue", "--noheader", "--array", "--format=%i", f"--states={state}").split()

    def processes(self, job: str) -> list[int]:
        """The ids of the processes that the job has started here, the launcher's worker among them."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and self._is_of(folder, job):
                found.append(int(folder.name))
        return found

    def _is_of(self, process: Path, job: str) -> bool:
        """Whether that process of this machine is the job's; ``job`` as 7 or, of an array, 7_1."""
        try:
            lines = (process / "environ").read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it has ended
            return False
        values = dict(line.split("=", 1) for line in lines if "=" in line)
        if values.get("SLURM_CONF") != self.environment["SLURM_CONF"]:
            return False
        array, _, task = job.partition("_")
        if task:
            return (values.get("SLURM_ARRAY_JOB_ID"), values.get("SLURM_ARRAY_TASK_ID")) == (array, task)
        return values.get("SLURM_JOB_ID") == array

    def requeue(self, job: str) -> None:
        self.ask("scontrol", "requeue", job)


@contextmanager
def slurm() -> Iterator[Slurm]:
    """Without the packages, or as another user, the test is skipped, and fails where they must be."""
    wanted = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "scancel")
    missing = [name for name in wanted if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        said = f"No Slurm was started: {', '.join(missing) + ' not found' if missing else 'needs root'}."
        if os.environ.get("PELLUCID_SLURM") == "required":
            pytest.fail(said)
        pytest.skip(f"{said} apt-get install slurm-wlm munge")
    with tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # what munge asks of its socket's folder
        yield from _started(folder)


def _started(folder: Path) -> Iterator[Slurm]:
    host = socket.gethostname().split(".")[0]
    conf = folder / "slurm.conf"
    for name in ("state", "spool"):
        (folder / name).mkdir()
    control_port, node_port = _free_ports()
    conf.write_text(
        CONF.format(
            host=host, folder=folder, control_port=control_port, node_port=node_port, cpus=CPUS
        ).lstrip()
    )
    (folder / "bin").mkdir()
    (folder / "bin" / "sacct").write_text(SACCT)
    (folder / "bin" / "sacct").chmod(0o755)
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    environment = {"SLURM_CONF": str(conf), "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    munge = [f"--{what}-file={folder}/munge.{what}" for what in ("key", "log", "pid", "seed")]
    daemons: list[tuple[str, subprocess.Popen[bytes]]] = []
    running = Slurm(environment)

    def daemon(name: str, *options: str) -> None:
        log = folder / f"{name}.out"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [str(shutil.which(name)), *options],
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,  # a Ctrl-C of the tests is not theirs
            )
        daemons.append((name, process))

    def logs() -> str:
        return "\n".join(f"--- {name}\n{(folder / f'{name}.out').read_text()[-3000:]}" for name, _ in daemons)

    def wait(holds: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < end, f"Slurm did not start:\n{logs()}"
            assert all(process.poll() is None for _, process in daemons), logs()
            time.sleep(0.1)

    try:
        daemon("munged", "--foreground", f"--socket={folder}/munge.socket", *munge)
        wait((folder / "munge.socket").exists)
        daemon("slurmctld", "-D")
        daemon("slurmd", "-D", "-N", host)
        wait(lambda: running.ask("sinfo", "-h", "-o", "%t", check=False) == "idle")
        yield running
    finally:
        _stop(running, daemons)


def _stop(running: Slurm, daemons: list[tuple[str, subprocess.Popen[bytes]]]) -> None:
    """End every job, and what was started here, by its id."""
    left = running.jobs("pending,running,completing,suspended") if len(daemons) == 3 else []
    pids = {pid for job in left for pid in running.processes(job)}
    if left:
        running.ask("scancel", "--full", "--signal=KILL", *left, check=False)
        running.ask("scancel", *left, check=False)
        end = time.monotonic() + 20
        while running.jobs("pending,running,completing,suspended") and time.monotonic() < end:
            time.sleep(0.2)
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    for _, process in reversed(daemons):
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]
