"""A run of several processes (ddp) within a sweep: its first process is not the sweep's own.

Lightning ends the first process by SIGKILL when another of them has failed, and the sweep must survive that.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pellucid.config.space import Scalar
from pellucid.run.folder import Run
from pellucid.sweep.plan import Plan
from pellucid.sweep.processes import run_processes


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
    (code,) = run_processes(1, _train, plan, number, dict(values), dict(config), folder, may_prune)
    metrics = Run(folder).metrics()
    if metrics.get("status") in ("finished", "pruned"):
        return metrics
    raise ProcessError(metrics.get("error") or f"The trial's processes ended with code {code}")


def _train(
    plan: Plan,
    number: int,
    values: dict[str, Scalar],
    config: dict[str, Any],
    folder: Path,
    may_prune: bool,
) -> None:
    from pellucid.data.shared import SharedImages
    from pellucid.engine.session import train
    from pellucid.engine.trial import Trial
    from pellucid.sweep.study import Study

    study = Study(plan)
    trial = Trial(
        parameters=values,
        metric=plan.metric,
        images=SharedImages(),
        should_stop=study.pruner(study.trial(number)) if may_prune else None,
    )
    train(config, folder, resume=Run(folder).last.exists(), trial=trial)
