"""Lines that are checked."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pellucid.config.command_line import split
from pellucid.config.line_check import check
from pellucid.errors import UserError
from tests.helpers import CONF, ROOT


def problems(*argv: str, name: str = "train") -> str:
    with pytest.raises(UserError) as caught:
        check(split(list(argv)), conf=CONF, name=name)
    return str(caught.value)


def accepted(*argv: str, name: str = "train") -> None:
    check(split(list(argv)), conf=CONF, name=name)


def ask(*argv: str, script: str = "train.py") -> subprocess.CompletedProcess[str]:
    code = (
        "import sys, runpy; sys.argv = sys.argv[1:]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally: print('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(ROOT / script), *argv]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
