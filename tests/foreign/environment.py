"""An environment with the packages that the projects are of, laid over the one that the tests run in."""

from __future__ import annotations

import os
import subprocess
import sysconfig
import time
import venv
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

STACK = ("lightning", "numpy", "torch", "torchmetrics", "torchvision")  # stay as they are here
REFUSED = "refused"  # a folder of texts: why a package could not be had


def python(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def make_environment(folder: Path, packages: Sequence[str]) -> None:
    """Everything that is installed here, by one line in a ``.pth`` file, and ``packages`` for it.

    All at once, so that they agree; where that fails each by itself, so that one does not take the others
    along. None may bring another version of ``STACK``.
    """
    start = time.perf_counter()
    venv.create(folder, with_pip=True)
    paths = [sysconfig.get_path(name) for name in ("purelib", "platlib")]
    script = "import sysconfig; print(sysconfig.get_path('purelib'))"
    command = [str(python(folder)), "-c", script]
    own = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    (Path(own) / "beneath.pth").write_text("\n".join(dict.fromkeys(paths)), encoding="utf-8")
    constraints = "\n".join(f"{name}=={version(name)}" for name in STACK)
    (folder / "constraints.txt").write_text(constraints, encoding="utf-8")
    (folder / REFUSED).mkdir()
    if _install(folder, *packages):
        for package in packages:
            if reason := _install(folder, package):
                (folder / REFUSED / package).write_text(reason, encoding="utf-8")
    (folder / "seconds.txt").write_text(f"{time.perf_counter() - start:.1f}", encoding="utf-8")


def _install(folder: Path, *packages: str) -> str:
    """What pip says where it cannot install them; nothing where it can."""
    command = [str(python(folder)), "-m", "pip", "install", "--quiet", *packages]
    done = subprocess.run(
        [*command, "-c", str(folder / "constraints.txt")], check=False, capture_output=True, text=True
    )
    return "" if done.returncode == 0 else (done.stderr.strip() or f"pip ended with {done.returncode}")


def why_not(folder: Path, packages: tuple[str, ...]) -> str:
    """Why a project of these packages cannot run there; nothing where it can."""
    texts = [folder / REFUSED / package for package in packages]
    return "; ".join(f"{path.name}: {path.read_text(encoding='utf-8')}" for path in texts if path.exists())
