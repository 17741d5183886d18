"""Hydra's door to our sweeps. Every Hydra program imports this file, so it imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class PellucidSweeper(Sweeper):
    """What ``-m`` runs. ``params`` were put on the command line when it was checked."""

    def __init__(self, *, params: Mapping[str, str] | None) -> None:
        self.params = params

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.context, self.master = hydra_context, config

    def sweep(self, arguments: list[str]) -> Any:
        from pellucid.commands.command import ending
        from pellucid.sweep.sweeper import run_sweep

        with ending():  # Hydra would print a traceback of a user's mistake
            run_sweep(self.master, self.context, arguments)
