"""Train a net: from a checked configuration to a finished run folder."""

from __future__ import annotations

import json
import logging
import os
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.config.build import from_environment
from pellucid.config.trainer import trainer_problems
from pellucid.config.trust import named
from pellucid.data.base import ImageData
from pellucid.data.image_cache import ImageCache
from pellucid.data.manifest import Manifest
from pellucid.engine.build import assemble, make_explainers
from pellucid.engine.describe import describe, hyperparameters
from pellucid.engine.evaluation import PredictionCollector
from pellucid.engine.page import RunPage, WritePage
from pellucid.engine.pruning import Pruning
from pellucid.engine.recorder import Recorder
from pellucid.engine.resume import assemble_as_then, check_images, data_changes, history, load_last
from pellucid.engine.trainer import make_trainer
from pellucid.engine.trial import TrialContext
from pellucid.errors import UserError, counted, encodable, first_line, without_secrets
from pellucid.run.checkpoint import load_checkpoint
from pellucid.run.folder import Run, quoted
from pellucid.system.console import add_to_log, start_logging, stop_logging
from pellucid.system.files import remove_leftovers
from pellucid.system.interrupt import last_words
from pellucid.system.process import (
    as_user_error,
    check_device,
    is_of_launcher,
    is_of_options,
    is_of_restoring,
    process_group,
    quiet_warnings,
    signals,
)
from pellucid.task.base import Task

log = logging.getLogger(__name__)
MAX_EPOCHS = 1000  # that a schedule is tried for


def train(
    config: Mapping[str, Any],
    folder: Path,
    *,
    resume: bool = False,
    trial: TrialContext | None = None,
    page: WritePage | None = None,
) -> dict[str, Any]:
    """Train, test the best checkpoint, and record all in ``folder``; the content of metrics.json.

    ``resume`` continues from the folder's last checkpoint. Raises UserError for what the user can mend; a
    run that has not yet trained then leaves nothing behind. Ctrl-C and SIGTERM end in SystemExit.
    As a ``trial`` of a sweep it is quiet, its folder stays also when it fails, and it may be pruned.
    ``page`` writes the page of a run that has ended, where the configuration wants one.
    """
    main = int(os.environ.get("LOCAL_RANK", 0)) == 0
    run = Run(folder.absolute())
    run.folder.mkdir(parents=True, exist_ok=True)
    if main:
        run.lock()
        remove_leftovers(run.folder)
    level = logging.INFO if main and trial is None else logging.WARNING if main else None
    start_logging(run.log if main else None, console_level=level)
    session = _Session(config, run, main=main, resume=resume, trial=trial, page=page)
    try:
        with signals() as received, last_words(session.interrupted), quiet_warnings(), process_group():
            try:
                session.execute()
            except (KeyboardInterrupt, SystemExit):
                if not received:
                    raise
                session.interrupted()
                raise SystemExit(128 + received[0]) from None
        session.close("pruned" if session.pruning and session.pruning.pruned else "finished")
        session.write_later()
    except BaseException as error:
        if is_of_launcher(error):
            session.close("interrupted")
        if is_of_launcher(error) or isinstance(error, SystemExit):
            raise
        wrapped = as_user_error(error)
        if isinstance(wrapped, UserError) and not session.has_trained() and trial is None:
            stop_logging()
            if main and not resume:
                run.discard()
        else:
            with suppress(OSError, UserError):  # a full disk, a folder that is gone: which is what is told
                if main and (trial or not isinstance(wrapped, UserError)):
                    add_to_log(run.log, traceback.format_exc())
                said = f"{type(wrapped).__name__}: {wrapped}".splitlines()[0]
                session.close("failed", error=without_secrets(said))
        if wrapped is error:
            raise
        raise wrapped from error
    finally:
        stop_logging()
        run.unlock()
    return run.metrics()


class _Session:
    """One process's work on a run."""

    def __init__(
        self,
        config: Mapping[str, Any],
        run: Run,
        *,
        main: bool,
        resume: bool,
        trial: TrialContext | None,
        page: WritePage | None,
    ) -> None:
        # As it was written, so that it may be kept, and with what the environment says now.
        self.config, self.values = config, from_environment(config)
        self.run, self.main, self.resume, self.trial, self.page = run, main, resume, trial, page
        self.start = time.perf_counter()
        self.pruning: Pruning | None = None
        self.recorder: Recorder | None = None
        self.figures: FigureLogger | None = None
        self.before = run.metrics() if resume else {}
        self.last: dict[str, Any] | None = None
        self._write_later: Callable[[], None] | None = None  # the page, when all processes have ended

    def has_trained(self) -> bool:
        return self.recorder is not None and self.recorder.started

    def record(self, values: Mapping[str, Any]) -> None:
        if self.main:
            self.run.record(values)

    def account(self) -> dict[str, Any]:
        """What is known of the whole run by now."""
        account: dict[str, Any] = self.recorder.account() if self.recorder else {}
        account |= self.figures.account() if self.figures else {}
        seconds = self.before.get("seconds/total", 0) + time.perf_counter() - self.start
        return {**account, "seconds/total": round(seconds, 3)}

    def close(self, status: str, **more: Any) -> None:
        self.record({"status": status, **more, **self.account()})

    def interrupted(self) -> None:
        """Note it, and say how to continue; in a sweep, that says so itself."""
        self.close("interrupted")
        if self.trial is None:
            log.warning("Interrupted. Continue by: python train.py resume=%s", self.again())

    def execute(self) -> None:
        config, run = self.values, self.run
        given = config["trainer"]
        if self.resume:  # what an older run ignored
            given = {"num_nodes": given.get("num_nodes")}
        if problems := list(trainer_problems(given)):
            raise UserError("\n".join(problems))
        check_device(str(config["trainer"].get("accelerator", "auto")), "trainer.accelerator")
        if self.resume and run.last.exists():
            self.last = load_last(run)
        data, task = assemble(config) if self.last is None else assemble_as_then(config, self.last)
        task.check_schedule(max(1, min(config["trainer"].get("max_epochs") or 1, MAX_EPOCHS)))
        images = self.trial.images if self.trial else ImageCache()
        trained_on = history(run, self.config, self.last) if self.resume else None
        room = config.get("device_images", 0)
        images.setup(data, config["data"], history=trained_on, device_images=room)
        check_images(data, run, self.before)
        if config.get("compile"):
            task.net.compile()
        if net := task.frozen_features(data.spec.image_shape):
            data.remember(net.embed, net.augmentations_per_image)
        self.recorder = Recorder(
            run=run,
            config=self._own_config(),
            spec=data.spec.to_dict(),
            log_every=config["trainer"].get("log_every_n_steps", 0),
        )
        self.figures = FigureLogger(
            run=run, data=data, seed=config["seed"], explainers=make_explainers(config)
        )
        self.pruning = self._make_pruning(task)
        trainer = make_trainer(
            config,
            task,
            image_shape=data.spec.image_shape,
            run=run,
            recorder=self.recorder,
            figures=self.figures,
            pruning=self.pruning,
            last=self.last,
            resume=self.resume,
            main=self.main,
        )
        if self.main:
            self._note_start(trainer, data)
        self._fit(trainer, task, data)
        self._test(trainer, task, data)

    def _note_start(self, trainer: Trainer, data: ImageData) -> None:
        """Keep with the run what it begins with, and tell of it."""
        run = self.run
        if self.resume:  # from here on with the new budget and device
            run.save_config(self.config)
        known = data.history.manifest
        whole = data.divided.whole
        (known.merged(whole) if known else Manifest.of(whole)).save(run.manifest)
        facts = describe(self.values, data, trainer)
        facts |= data_changes(data, self.before, facts["data/fingerprint"])
        self.record({"status": "running", "error": None, **facts})
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger) and self.last is None:
                logger.experiment.add_text("data/source", encodable(data.source), 0)
        log.info("Data: %s (%s)", data.source, _counts(data))
        log.info("Run folder: %s", run.folder)

    def _own_config(self) -> dict[str, Any]:
        """The run's own configuration, without that of the sweep around it."""
        return {name: node for name, node in self.config.items() if name != "sweep"}

    def _make_pruning(self, task: Task) -> Pruning | None:
        """In every process of a run whose sweep prunes, as they must agree."""
        if not (self.config.get("sweep") or {}).get("pruner"):
            return None
        if self.trial is None:
            return Pruning(metric=task.monitor, should_stop=None)
        return Pruning(metric=self.trial.metric, should_stop=self.trial.should_stop)

    def _fit(self, trainer: Trainer, task: Task, data: ImageData) -> None:
        start = time.perf_counter()
        # For the other processes of a ddp run, which believe this one, and not the files of the run.
        os.environ["PELLUCID_RUN"] = json.dumps([str(self.run.folder), self.config])
        try:
            trainer.fit(task, datamodule=data, ckpt_path=str(self.run.last) if self.last else None)
        except Exception as error:
            if not self.has_trained() and is_of_options(error):
                raise UserError(f"The trainer's options: {first_line(error)}") from error
            if self.last is None or self._moved() or not is_of_restoring(error):
                raise
            raise UserError(
                f"{self.run.last} cannot be continued from: its state of the training does not fit "
                f"({type(error).__name__}: {first_line(error)}). To continue from the best epoch, copy "
                f"{self.run.best} over it."
            ) from error
        finally:
            del os.environ["PELLUCID_RUN"]
            seconds = self.before.get("seconds/fit", 0) + time.perf_counter() - start
            self.record({"seconds/fit": round(seconds, 3)})

    def _moved(self) -> bool:
        """Whether an epoch has been trained since."""
        assert self.recorder is not None
        assert self.last is not None
        return len(self.recorder.rows) > int(self.last["epoch"]) + 1

    def _test(self, trainer: Trainer, task: Task, data: ImageData) -> None:
        if not self.run.best.exists():
            log.warning("No whole epoch was trained, so there is no checkpoint and nothing to test.")
            return
        best = load_checkpoint(self.run.best)
        tested = {}
        collector = PredictionCollector()
        if not (self.pruning and self.pruning.pruned):
            task.load_state_dict(best["state_dict"])
            if self._reports() and trainer.world_size == 1:
                trainer.callbacks.append(collector)  # type: ignore[attr-defined]
            trainer.test(task, datamodule=data, verbose=False)
            tested = {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("test/")}
        assert self.recorder is not None
        row = self.recorder.rows[best["epoch"]]
        final = {**{k: v for k, v in row.items() if k.startswith("val/")}, **tested}
        if not self.main:
            return
        self.record({**final, "best/epoch": row["epoch"], **self.account()})
        self._log_final(trainer, final)
        if self._reports():
            assert self.page is not None
            assert self.figures is not None
            page = RunPage(self.page, self.run, self.recorder.config, self.figures)
            if trainer.world_size == 1:
                page.write_tested(trainer, task, data, collector, best)
            else:
                self._write_later = partial(page.write_alone, task, data, best)
        figures = "   ".join(f"{name} {value:.4f}" for name, value in final.items())
        log.info("Best epoch %d:   %s", row["epoch"], figures)
        log.info("%.1f seconds. Run folder: %s", time.perf_counter() - self.start, self.run.folder)
        if any(isinstance(logger, TensorBoardLogger) for logger in trainer.loggers):
            log.info(
                "Snapshot at it: tensorboard --logdir %s --samples_per_plugin images=1000",
                quoted(self.run.folder),
            )

    def _log_final(self, trainer: Trainer, final: Mapping[str, float]) -> None:
        """A step behind the training, so that a run that goes on from its last checkpoint hides them."""
        step = trainer.global_step + 1
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                best_names = {f"best/{k}" if k.startswith("val/") else k: v for k, v in final.items()}
                shown = self.trial.parameters if self.trial else hyperparameters(self.config)
                logger.log_hyperparams(dict(shown), best_names, step)
                logger.finalize("success")
            else:
                logger.log_metrics({k: v for k, v in final.items() if k.startswith("test/")}, step=step)
                logger.save()

    def _reports(self) -> bool:
        """Whether it writes its page: not as a trial of a sweep."""
        return bool(self.page) and bool(self.config.get("report", True)) and self.trial is None and self.main

    def write_later(self) -> None:
        """Write the page of a run of several processes."""
        if self._write_later is not None:
            self._write_later()

    def again(self) -> str:
        return f"{quoted(self.run.folder)}{named(self.config['packages'])}"


def _counts(data: ImageData) -> str:
    sizes = ", ".join(f"{len(split):,} {name}" for name, split in data.splits.items())
    return f"{sizes} images, {counted(len(data.spec.classes), 'class')}"
