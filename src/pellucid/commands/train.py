"""Training from the command line: the run, and then its page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pellucid.data.base import ImageData
from pellucid.engine import session
from pellucid.engine.evaluation import Evaluation
from pellucid.engine.loaded_run import LoadedRun
from pellucid.engine.recorder import Watch
from pellucid.inside.predictor import Predictor


def train(
    config: Mapping[str, Any], folder: Path, *, resume: bool = False, watch: Watch | None = None
) -> dict[str, Any]:
    """Train, test the best checkpoint, write the page; the content of metrics.json. See ``session.train``."""
    return session.train(config, folder, resume=resume, page=_write_page, watch=watch)


def _write_page(
    loaded: LoadedRun, predictor: Predictor, data: ImageData, evaluated: Evaluation | None, folder: Path
) -> Path:
    from pellucid.report.run.page import write_page  # late: it brings matplotlib

    return write_page(loaded, predictor, data, evaluated, folder, status="finished")
