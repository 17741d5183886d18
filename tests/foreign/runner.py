"""A project run in the environment of its packages: its result, what it said, and what lies in its folder."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.foreign.environment import python
from tests.helpers import ROOT

TOLD = ("net: ", "images: ", "normalisation: ", "Not for this model: ", "No pictures: ", "No net in ", "In ")
KEPT = (
    "weights",
    "optimizers",
    "random",
    "modules",
    "gradients",
    "metrics",
    "versions",
)  # with the line, too


@dataclass(frozen=True)
class Ended:
    """What ``project.run`` wrote, the lines of stderr with ``<folder>`` in place of its name, and the views
    whose pictures lie in ``figures``.
    """

    result: dict[str, Any]
    said: list[str]
    views: set[str]

    @property
    def told(self) -> list[str]:
        """Lines of ours, each once."""
        return list(dict.fromkeys(line for line in self.said if line.startswith(TOLD)))

    def differences(self, other: Ended) -> list[str]:
        """What of the result is not bitwise the other's."""
        return [name for name in KEPT if self.result[name] != other.result[name]]


def run(environment: Path, name: str, folder: Path, *options: str) -> Ended:
    """A project in a new folder, run to its end. Raises AssertionError where it fails."""
    folder.mkdir(parents=True)
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
    command = [str(python(environment)), "-m", f"tests.foreign.projects.{name}", "--folder", str(folder)]
    done = subprocess.run(
        [*command, *options], cwd=folder, env=variables, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    lines = [line.replace(str(folder), "<folder>") for line in done.stderr.splitlines()]
    return Ended(json.loads((folder / "result.json").read_text(encoding="utf-8")), lines, drawn(folder))


def drawn(folder: Path) -> set[str]:
    """The views whose pictures lie in ``figures``; each picture can be read and is not of one colour."""
    views = set()
    for file in folder.rglob("figures/**/*.png"):
        assert np.asarray(Image.open(file).convert("L")).std() > 0, file
        inside = file.relative_to(next(parent for parent in file.parents if parent.name == "figures"))
        views.add(inside.with_suffix("").parts[0])
    return views
