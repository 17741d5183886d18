"""The page of a run that has ended, written from its test by a function that the caller gave."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.config.build import from_environment
from pellucid.config.trust import packages_option
from pellucid.data.base import ImageData
from pellucid.engine.evaluation import Evaluation, evaluation, with_macro
from pellucid.engine.loaded_run import LoadedRun
from pellucid.errors import typed
from pellucid.inside.predictor import Predictor
from pellucid.run.folder import Run, quoted
from pellucid.system.interrupt import exit_code
from pellucid.task.base import Task

log = logging.getLogger(__name__)
WritePage = Callable[[LoadedRun, Predictor, ImageData, "Evaluation | None", Path], Path]


class RunPage:
    """``config``: as the run's checkpoints hold it; ``figures`` counts a failure as one of a view."""

    def __init__(self, write: WritePage, run: Run, config: Mapping[str, Any], figures: FigureLogger) -> None:
        self.write, self.run, self.config, self.figures = write, run, dict(config), figures

    def write_tested(
        self,
        trainer: Trainer,
        task: Task,
        data: ImageData,
        seen: Evaluation | None,
        best: Mapping[str, Any],
    ) -> None:
        """From what the trainer has just ``seen`` of the ``best`` checkpoint; None with no test batches."""
        with self._timed():
            trained = self._trained(task, data, best, "auto")
            tested = None if seen is None else with_macro(seen, trained.class_counts())
            self._write(trained, trained.predictor(trainer), data, tested)

    def write_alone(self, task: Task, data: ImageData, best: Mapping[str, Any]) -> None:
        """By the first of several processes, that have shared the test, when all have ended."""
        options = from_environment(self.config["trainer"])
        trained = self._trained(task, data, best, str(options.get("accelerator", "auto")))
        limit = options.get("limit_test_batches")
        try:
            with self._timed():
                tested = None if limit == 0 else evaluation(trained, data, "test", limit_test_batches=limit)
                self._write(trained, trained.predictor(), data, tested)
        except KeyboardInterrupt as interrupt:
            options_again = quoted(self.run.folder) + packages_option(self.config["packages"])
            log.warning("No page was written. Write it by: %s run=%s", typed("report"), options_again)
            raise SystemExit(exit_code(interrupt)) from None

    def _trained(self, task: Task, data: ImageData, best: Mapping[str, Any], accelerator: str) -> LoadedRun:
        epoch = int(best["epoch"]) + 1
        return LoadedRun(self.run, self.run.best, self.config, data.spec, task, epoch, accelerator)

    def _write(
        self, loaded: LoadedRun, predictor: Predictor, data: ImageData, tested: Evaluation | None
    ) -> None:
        data = data if tested is None else data.of_test(tested.predictions.index_N)
        log.info("Page of the run: %s", quoted(self.write(loaded, predictor, data, tested, self.run.folder)))

    @contextmanager
    def _timed(self) -> Iterator[None]:
        """A failure of the page is told and counted."""
        start = time.perf_counter()
        try:
            yield
        except Exception as error:
            self.figures.failed("report", error)
        self.run.record({"seconds/report": round(time.perf_counter() - start, 3)})
