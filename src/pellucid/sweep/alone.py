"""A run of several processes (ddp) within a sweep: its first process is not the sweep's own.

Lightning ends the first process by SIGKILL when another of them has failed, and the sweep must survive that.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Mapping
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from pellucid.run import Run
from pellucid.sweep.plan import Plan
from pellucid.sweep.space import Scalar


class ProcessError(RuntimeError):
    """A trial's processes have failed; what they recorded."""


def train_alone(
    plan: Plan,
    number: int,
    values: Mapping[str, Scalar],
    config: Mapping[str, Any],
    folder: Path,
    *,
    may_prune: bool,
) -> dict[str, Any]:
    """What ``train`` records for a trial, in a process of its own. Raises ProcessError."""
    process = multiprocessing.get_context("spawn").Process(
        target=_train, args=(plan, number, dict(values), dict(config), folder, may_prune)
    )
    process.start()
    try:
        process.join()
    finally:
        if process.is_alive():  # this one was interrupted; the other notes that in the run
            process.terminate()
            process.join()
    metrics = Run(folder).metrics()
    if metrics.get("status") in ("finished", "pruned"):
        return metrics
    raise ProcessError(metrics.get("error") or f"The trial's processes ended with code {process.exitcode}")


def _train(
    plan: Plan,
    number: int,
    values: dict[str, Scalar],
    config: dict[str, Any],
    folder: Path,
    may_prune: bool,
) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from pellucid.data.shared import SharedImages
    from pellucid.sweep.study import Study
    from pellucid.train import train
    from pellucid.trial import Trial

    study = Study(plan)
    trial = Trial(
        parameters=values,
        metric=plan.metric,
        images=SharedImages(),
        should_stop=study.pruner(study.trial(number)) if may_prune else None,
    )
    train(config, folder, resume=Run(folder).last.exists(), trial=trial)


def _end_with_parent() -> None:
    """A sweep that was killed leaves nobody behind who would train on beside the next one."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
