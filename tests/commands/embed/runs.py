"""The command embed on small runs."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.commands.embed.embed import embed


def run_embed(run: Path, **given: Any) -> dict[str, Any]:
    quick: dict[str, Any] = {"accelerator": "cpu", "data": None, "methods": []}
    return embed(**{**quick, "run": str(run), **given})


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as kept:
        return dict(kept)


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))
