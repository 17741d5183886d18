"""MLflow, https://mlflow.org: Lightning's logger, one database and one folder of pictures for all runs."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import MLFlowLogger
from lightning.pytorch.utilities import rank_zero_only

from pellucid.errors import UserError
from pellucid.logger.service import Service, keep_id, kept_id, store_of
from pellucid.run.folder import quoted

NOWHERE = "http://127.0.0.1:9"
STATUS = {"finished": "FINISHED", "pruned": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}


class MLflow(MLFlowLogger, Service):
    """A run of ``experiment_name``, or of the experiment of its sweep, ``group``.

    ``tracking_uri``: a server; None: that of ``MLFLOW_TRACKING_URI``, or else ``mlflow.db``, with pictures in
    ``mlartifacts`` beside it, in the folder of all runs. ``run_name`` and ``save_dir``, the run's folder, are
    given by the run. Raises UserError for a run's id of a store that keeps its files elsewhere.
    """

    def __init__(
        self,
        *,
        experiment_name: str = "pellucid",
        tracking_uri: str | None = None,
        run_name: str | None = None,
        group: str | None = None,
        save_dir: str = ".",
    ) -> None:
        self._folder = Path(save_dir).absolute()
        store = store_of(self._folder)
        uri = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
        self._files = None if uri else (store / "mlartifacts").as_uri()
        self._database = store / "mlflow.db"
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # else it tells of each table that it makes
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        self._opened: Any = None
        super().__init__(
            experiment_name=group or experiment_name,
            run_name=run_name,
            tracking_uri=NOWHERE,  # Lightning opens a store at once, and so would write a database
            artifact_location=self._files,
            run_id=kept_id(self._folder, "mlflow"),
        )
        self._tracking_uri = uri or f"sqlite:///{self._database}"

    @property
    def _mlflow_client(self) -> Any:
        """MLflow's client, whose store is opened when it is first asked for."""
        if self._opened is None:
            from mlflow.tracking import MlflowClient

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # MLflow's of its own use of SQLAlchemy
                self._opened = MlflowClient(self._tracking_uri)
        return self._opened

    @_mlflow_client.setter
    def _mlflow_client(self, client: Any) -> None:
        """Leave Lightning's."""

    @property
    def experiment(self) -> Any:
        """MLflow's client, of a run that is begun, or gone on with, when it is first asked for."""
        if self._initialized:
            return self._mlflow_client
        return self._begin()

    @rank_zero_experiment
    def _begin(self) -> Any:
        """As Lightning begins a run, but for the address, which it sets for the whole process."""
        from mlflow.tracking.context.registry import resolve_tags

        client = self._mlflow_client
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self._run_id is None or not self._go_on(self._run_id):
                self._experiment_id = self._find_experiment()
                tags = resolve_tags({"mlflow.runName": self._run_name} if self._run_name else {})
                self._run_id = str(client.create_run(self._experiment_id, tags=tags).info.run_id)
        self._initialized = True
        keep_id(self._folder, "mlflow", self._run_id)
        return client

    def _go_on(self, run_id: str) -> bool:
        """Whether the store has the run that the folder names, which then runs again."""
        from mlflow.exceptions import MlflowException

        try:
            run = self._mlflow_client.get_run(run_id)
        except MlflowException:  # removed since, or of another store
            return False
        if self._files is not None and not str(run.info.artifact_uri).startswith(self._files):
            raise UserError(f"{self._database}: the run's files would go to {run.info.artifact_uri}.")
        self._experiment_id = str(run.info.experiment_id)
        self._mlflow_client.update_run(run_id, status="RUNNING")
        return True

    def _find_experiment(self) -> str:
        """The experiment's id, made where there is none; by whichever process of a sweep comes first."""
        from mlflow.exceptions import MlflowException

        client, name = self._mlflow_client, self._experiment_name
        found = client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(client.create_experiment(name, artifact_location=self._files))
            except MlflowException:
                found = client.get_experiment_by_name(name)
                if found is None:
                    raise
        return str(found.experiment_id)

    @rank_zero_only
    def log_hyperparams(self, params: Any) -> None:
        """Log parameters; those of a run that goes on stay as they were, as MLflow changes none."""
        there = self.experiment.get_run(self.run_id).data.params
        super().log_hyperparams({name: value for name, value in dict(params).items() if name not in there})

    @rank_zero_only
    def log_image(self, key: str, images: Sequence[np.ndarray], step: int | None = None) -> None:
        for image in images:
            self.experiment.log_image(self.run_id, image, key=key, step=step or 0)

    def finalize(self, status: str = "success") -> None:
        """A fit or a test has ended, but not the run."""

    @rank_zero_only
    def finish(self, status: str) -> None:
        if self._initialized:
            self.experiment.set_terminated(self.run_id, STATUS[status])

    def where(self) -> str:
        if self._files is None:
            return f"{self._tracking_uri}, run {self.run_id}"
        return f"mlflow ui --backend-store-uri sqlite:///{quoted(self._database)}"
