"""Trackio, https://github.com/gradio-app/trackio: a database on this machine for all runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from pellucid.logger.service import Service, keep_id, kept_id, store_of
from pellucid.run.folder import quoted


class Trackio(Logger, Service):
    """A run of a ``project``; ``space_id``: a Space of Hugging Face that gets it too, None: none.

    Its data are in ``TRACKIO_DIR``, or else in ``trackio`` of the folder of all runs, that of the first run
    of a process. ``run_name``, ``group``, the sweep, and ``save_dir``, its folder, are given by the run.
    """

    def __init__(
        self,
        *,
        project: str = "pellucid",
        space_id: str | None = None,
        run_name: str | None = None,
        group: str | None = None,
        save_dir: str = ".",
    ) -> None:
        super().__init__()
        self._folder, self._project, self._space, self._group = Path(save_dir), project, space_id, group
        # Trackio finds runs by their names: two that are called alike would be one when they go on.
        unique = run_name if group and run_name else self._folder.absolute().name
        self._known = kept_id(self._folder, "trackio")
        self._run_name = self._known or unique
        self._run: Any = None
        self._store = os.environ.get("TRACKIO_DIR", str(store_of(self._folder) / "trackio"))

    @property
    def name(self) -> str:
        return self._project

    @property
    def version(self) -> str:
        return self._run_name

    @property
    def save_dir(self) -> str:
        return self._store

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """Trackio's run, begun when it is first asked for."""
        if self._run is None:
            os.environ["TRACKIO_DIR"] = self._store  # which it reads as it is imported
            import trackio
            from trackio.utils import TRACKIO_DIR

            self._store = str(TRACKIO_DIR)  # which was another where it had been imported before
            with redirect_stdout(StringIO()):  # where it is, and how to show it, in many lines
                self._run = trackio.init(
                    project=self._project,
                    name=self._run_name,
                    group=self._group,
                    space_id=self._space,
                    resume="allow" if self._known else "never",
                    embed=False,
                    auto_log_gpu=False,
                    auto_log_cpu=False,
                )
            self._run_name = str(self._run.name)
            keep_id(self._folder, "trackio", self._run_name)
        return self._run

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Add parameters to the run's configuration, which the first value that is logged takes along."""
        self.experiment.config.update(dict(params))

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        values = {key: float(v) if isinstance(v, Tensor) else v for key, v in metrics.items()}
        self.experiment.log(values, step=step)

    @rank_zero_only
    def log_image(self, key: str, images: Sequence[np.ndarray], step: int | None = None) -> None:
        run = self.experiment
        import trackio

        for image in images:
            run.log({key: trackio.Image(image)}, step=step)

    @rank_zero_only
    def finish(self, status: str) -> None:
        if self._run is not None:
            import trackio

            with redirect_stdout(StringIO()):
                trackio.finish()

    def where(self) -> str:
        folder = quoted(Path(self.save_dir))
        return self._space or f"TRACKIO_DIR={folder} trackio show --project {self._project}"
