"""Weights & Biases, https://docs.wandb.ai: Lightning's logger, offline unless it may send."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from pellucid.logger.service import Service, keep_id, kept_id
from pellucid.run.folder import quoted

ENDED_WELL = ("finished", "pruned")


class Wandb(WandbLogger, Service):
    """A run of a ``project`` of ``entity``, which None leaves to the account; ``tags`` of its own.

    ``offline``: nothing is sent, ``wandb sync`` does it later. ``run_name`` and ``group``, as which a sweep
    arrives, are given by the run; ``save_dir`` is its folder, in ``wandb`` of which the files lie.
    """

    def __init__(
        self,
        *,
        project: str = "pellucid",
        entity: str | None = None,
        tags: Sequence[str] = (),
        offline: bool = True,
        run_name: str | None = None,
        group: str | None = None,
        save_dir: str = ".",
    ) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # which would send, offline too

        import wandb

        self._folder, self._stays, self._address = Path(save_dir), offline, ""
        super().__init__(
            project=project,
            name=run_name,
            save_dir=save_dir,
            id=kept_id(self._folder, "wandb") or secrets.token_hex(4),
            entity=entity,
            group=group,
            tags=list(tags),
            mode="offline" if offline else "online",  # by Lightning's `offline` all runs of the process were
            resume=None if offline else "allow",  # offline, W&B warns that it has no run to go on with
            settings=wandb.Settings(silent=True, console="off"),
        )
        self._wandb_init.pop("anonymous", None)  # of which W&B warns, whatever it says

    @property
    def experiment(self) -> Any:
        """W&B's run, begun when it is first asked for."""
        begun = self._experiment is not None
        run = WandbLogger.experiment.fget(self)  # type: ignore[attr-defined]
        if not begun and self._experiment is not None:
            keep_id(self._folder, "wandb", str(run.id))
            self._address = "" if self._stays else str(run.url)
        return run

    @rank_zero_only
    def finish(self, status: str) -> None:
        if self._experiment is not None:
            self._experiment.finish(exit_code=0 if status in ENDED_WELL else 1)

    def where(self) -> str:
        return f"wandb sync {quoted(self._folder / 'wandb')}/offline-run-*" if self._stays else self._address
