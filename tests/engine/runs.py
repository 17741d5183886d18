"""Trainings of the tests of this folder."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from pellucid.commands.train import train
from tests.helpers import compose


def run(folder: Path, *overrides: str, resume: bool = False, **more: Any) -> dict[str, Any]:
    return train({**compose(*overrides), **more}, folder, resume=resume)


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))
