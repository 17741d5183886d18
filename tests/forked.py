"""Commands as a user types them, many of them from one process that has imported what they import.

``python -m tests.forked`` reads JSON lists of [folder, script, arguments …], one a line, and prints, for each
command, its exit code and what it said.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.helpers import ROOT

SCRIPTS = ("evaluate", "predict", "explain", "embed", "units", "compare", "export")
VERBS = ("train", "evaluate", "predict", "explain", "embed.embed", "units", "report")
FOLDERS = ("compare.compare", "export.export")
DRAWN = ("callbacks.predictions", "draw.grid", "draw.maps")
IMPORTED = (*(f"commands.{name}" for name in (*VERBS, *FOLDERS)), *DRAWN)


Forked = Callable[..., list[subprocess.CompletedProcess[str]]]


@contextmanager
def forking() -> Iterator[Forked]:
    """A function that runs the commands of its lines, one after another, in children of one process."""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.forked"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:  # fmt: skip

        def run(*lines: list[str]) -> list[subprocess.CompletedProcess[str]]:
            assert process.stdin is not None
            assert process.stdout is not None
            print(json.dumps(lines), file=process.stdin, flush=True)
            return [subprocess.CompletedProcess(*found) for found in json.loads(process.stdout.readline())]

        yield run


def _run(folder: str, script: str, *arguments: str) -> tuple[list[str], int, str, str]:
    with tempfile.TemporaryDirectory() as kept:
        said = [Path(kept) / name for name in ("out", "err")]
        child = os.fork()
        if child == 0:
            for number, path in enumerate(said, start=1):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
            os._exit(_code(folder, script, arguments))
        _, status = os.waitpid(child, 0)
        out, err = (path.read_text() for path in said)
        return [script, *arguments], os.waitstatus_to_exitcode(status), out, err


def _code(folder: str, script: str, arguments: tuple[str, ...]) -> int:
    os.chdir(folder)
    sys.argv = [script, *arguments]
    code = 0
    try:
        runpy.run_path(str(ROOT / script), run_name="__main__")
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def main() -> None:
    import importlib

    import torch

    torch.set_num_threads(1)
    for name in IMPORTED:
        importlib.import_module(f"pellucid.{name}")
    for lines in sys.stdin:
        print(json.dumps([_run(*line) for line in json.loads(lines)]), flush=True)


if __name__ == "__main__":
    main()
