"""A run killed before each kind of write, and resumed, is one that was never killed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import ROOT


@pytest.mark.slow
@pytest.mark.parametrize(("which", "least"), [pytest.param("few", 16, marks=pytest.mark.heavy), ("fewer", 9)])
def test_killed_before_each_kind_of_write(tmp_path: Path, which: str, least: int) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.run.kills", str(tmp_path), which]
    environment = {"OMP_NUM_THREADS": "1", "PATH": "", "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["killed"] >= least
    assert found["differ"] == 0
