"""Commands in children of one process that has imported what they import: a start costs a fork, not torch.

``Forked`` is a ``Popen`` of such a child: with its own pid, signals, folder, environment, output and end.
What only a start from nothing shows (imports, their warnings, seconds) it cannot show. Further ranks of a
training that begins here, ``trainer=ddp``, are forked too; those of one that is resumed start from nothing.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import json
import os
import random
import runpy
import signal
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from torch.distributed.nn.jit import instantiator

ROOT = Path(__file__).parents[1]
COMMANDS = ("train", "evaluate", "predict", "explain", "embed.embed", "units", "report")
FOLDERS = ("compare.compare", "export.export")
IMPORTED = (
    *(f"pellucid.commands.{name}" for name in (*COMMANDS, *FOLDERS)),
    *("pellucid.callbacks.predictions", "pellucid.draw.grid", "pellucid.draw.maps", "pellucid.sweep.worker"),
    *("sklearn.datasets", "sklearn.manifold", "matplotlib.font_manager", "tensorboard.summary.writer"),
)
WARNINGS = "default"  # each is shown, but torch 2.6's own at its end:
if hasattr(instantiator, "_TEMP_DIR"):  # a folder that it leaves to the interpreter to remove
    WARNINGS += ",ignore:Implicitly cleaning up:ResourceWarning"
ADOPT = 36  # PR_SET_CHILD_SUBREAPER


class Forked(subprocess.Popen[str]):
    """``python <script> <arguments>``, begun by a fork."""

    def _execute_child(self, args: list[str], *given: Any) -> None:
        cwd, env, pipes = given[4], given[5], given[9:15]
        out, err = (own if pipe == -1 else pipe for pipe, own in zip(pipes[3::2], (1, 2), strict=True))
        own_session = given[-1] if sys.version_info < (3, 11) else given[-2]
        request = json.dumps([args, str(cwd or Path.cwd()), env, own_session])
        prctl = ctypes.CDLL(None).prctl
        prctl(ADOPT, 1, 0, 0, 0)  # the child of a child that has ended becomes ours
        try:
            self.pid = _asked(request, out, err)
        finally:
            prctl(ADOPT, 0, 0, 0, 0)
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


@cache
def _server() -> socket.socket:
    """Of the process that forks for this one."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.forked", str(its.fileno())], cwd=ROOT, pass_fds=[its.fileno()],
            env={**os.environ, "PYTHONWARNINGS": WARNINGS},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,  # as the children's will be; nobody reads them
        )  # fmt: skip
    atexit.register(process.communicate)
    atexit.register(ours.close)
    return ours


def _asked(request: str, out: int, err: int) -> int:
    socket.send_fds(_server(), [request.encode()], [out, err])
    answer = _server().recv(100)
    assert answer, "the process that forks has ended"
    return int(answer)


def serve(requests: socket.socket) -> None:
    """Return in each child, once its arguments, folder, environment and output are its own."""
    before = set(os.environ)
    for name in IMPORTED:
        importlib.import_module(name)
    importlib.import_module("hydra.core.plugins").Plugins.instance()  # which looks for launchers and sweepers
    gc.freeze()  # what is imported is not looked through again in every child
    added = {name: value for name, value in os.environ.items() if name not in before}
    while True:
        content, handles, _, _ = socket.recv_fds(requests, 2**20, 2)
        if not content:
            raise SystemExit
        told, tell = os.pipe()
        middle = os.fork()
        if middle:
            os.waitpid(middle, 0)  # from now on the child is not its
            requests.send(os.read(told, 100))
            for handle in (told, tell, *handles):
                os.close(handle)
            continue
        child = os.fork()
        if child:
            os.write(tell, str(child).encode())
            os._exit(0)
        os.close(told)
        os.close(tell)
        requests.close()
        args, folder, env, own_session = json.loads(content)
        for number, handle in enumerate(handles, start=1):
            os.dup2(handle, number)
            os.close(handle)
        if own_session:
            os.setsid()
        if "trainer=ddp" in args and "LOCAL_RANK" not in env:
            ours, requests = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            if not os.fork():  # this one stays as it is, and forks the ranks
                ours.close()
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                for number in (1, 2):
                    os.dup2(os.open(os.devnull, os.O_WRONLY), number)
                continue
            requests.close()
            _fork_ranks(ours)
        _become(args, folder, {**added, **env})
        return


def _fork_ranks(server: socket.socket) -> None:
    """Lightning's further ranks of this process are begun by that server."""
    global _server
    _server = cache(lambda: server)
    from lightning.pytorch.strategies.launchers import subprocess_script

    vars(subprocess_script)["subprocess"] = SimpleNamespace(Popen=Forked)


def _become(args: list[str], folder: str, env: dict[str, str]) -> None:
    import torch

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    paths = [path for path in env.get("PYTHONPATH", "").split(os.pathsep) if path not in ("", *sys.path)]
    sys.path[1:1] = paths
    sys.argv = args[1:]
    sys.path[0] = str(Path(sys.argv[0]).resolve().parent)  # as Python itself does
    torch.set_num_threads(int(env.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0))))
    random.seed()


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        serve(asked)
    runpy.run_path(sys.argv[0], run_name="__main__")
