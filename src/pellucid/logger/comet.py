"""Comet, https://www.comet.com/docs: Lightning's logger, offline in the run's folder unless it may send."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from lightning.pytorch.loggers import CometLogger
from lightning.pytorch.utilities import rank_zero_only
from PIL import Image

from pellucid.logger.service import Service, keep_id, kept_id
from pellucid.run.folder import quoted

FOLDER = "comet"  # of a run's, with an archive for each time that it was trained


class Comet(CometLogger, Service):
    """An experiment of a ``project`` of ``workspace``, which None leaves to the account; ``tags`` of its own.

    ``offline``: nothing is sent, ``comet upload`` does it later. ``run_name`` and ``group``, the sweep, which
    is a tag, are given by the run; ``save_dir`` is its folder.
    """

    def __init__(
        self,
        *,
        project: str = "pellucid",
        workspace: str | None = None,
        tags: Sequence[str] = (),
        offline: bool = True,
        run_name: str | None = None,
        group: str | None = None,
        save_dir: str = ".",
    ) -> None:
        logging.getLogger("comet_ml").setLevel(logging.ERROR)
        os.environ.setdefault("COMET_LOGGING_CONSOLE", "ERROR")  # its banner and its summary
        os.environ.setdefault("COMET_ERROR_TRACKING_ENABLE", "false")  # which would send, offline too
        self._folder, self._stays, self._constructed = Path(save_dir), offline, False
        known = kept_id(self._folder, "comet")
        super().__init__(
            project=project,
            workspace=workspace,
            experiment_key=known or secrets.token_hex(16),
            mode="get" if known else "create",
            online=not offline,
            name=run_name,
            tags=[*tags, *([group] if group else [])],
            offline_directory=str(self._folder / FOLDER),
            display_summary_level=0,
            log_code=False,
            parse_args=False,
            auto_output_logging=False,
            auto_metric_logging=False,
            auto_param_logging=False,
        )
        self._constructed = True

    def _create_experiment(self) -> None:
        if not self._constructed:  # begun when it is first asked for
            return
        import comet_ml

        self._comet_config = comet_ml.ExperimentConfig(**self._kwargs)  # Lightning's logs nothing offline
        super()._create_experiment()
        if self._experiment_key is not None:
            keep_id(self._folder, "comet", self._experiment_key)

    @rank_zero_only
    def log_image(self, key: str, images: Sequence[np.ndarray], step: int | None = None) -> None:
        for image in images:
            self.experiment.log_image(Image.fromarray(image), name=key, step=step)

    @rank_zero_only
    def finish(self, status: str) -> None:
        if self._experiment is not None:
            self._experiment.log_other("status", status)
            self._experiment.end()

    def where(self) -> str:
        if self._stays:
            return f"comet upload {quoted(self._folder / FOLDER)}/*.zip"
        return str(self.experiment.url)
