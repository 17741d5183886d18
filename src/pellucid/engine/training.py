"""One process's training of a run: built, fitted, its best checkpoint tested, its page written."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import Logger
from omegaconf import OmegaConf

from pellucid.callbacks.figure_logger import FigureLogger, tensorboards
from pellucid.config.build import from_environment
from pellucid.config.optimization import AUTO
from pellucid.config.trainer import trainer_problems
from pellucid.config.trust import packages_option
from pellucid.data.base import ImageData
from pellucid.data.image_cache import ImageCache
from pellucid.data.manifest import Manifest
from pellucid.engine.budget import PAGE, epochs_within, measure_pace, tell_epochs
from pellucid.engine.build import assemble, make_explainers
from pellucid.engine.describe import describe, hyperparameters
from pellucid.engine.evaluation import PredictionCollector
from pellucid.engine.host import RunHost
from pellucid.engine.loggers import finish, log_final, log_start
from pellucid.engine.overview import PRESETS, overview
from pellucid.engine.page import RunPage, WritePage
from pellucid.engine.pruning import Pruning, make_pruning
from pellucid.engine.range_test import range_test, write_range_test
from pellucid.engine.recorder import Recorder, Watch
from pellucid.engine.resume import assemble_as_then, check_images, data_changes, history, load_last
from pellucid.engine.task_choice import KNOWN, TASKS, check_mix, check_targets, fitting_task
from pellucid.engine.train_size import check_train_size
from pellucid.engine.trainer import fit, make_trainer
from pellucid.engine.trial import TrialContext
from pellucid.errors import UserError, counted, encodable, typed
from pellucid.logger.service import Service
from pellucid.metrics.learning_rate import RULES, RangeTest
from pellucid.run.checkpoint import load_checkpoint
from pellucid.run.folder import Run, quoted
from pellucid.spec import Spec
from pellucid.system.console import FILE_ONLY, console, is_quiet
from pellucid.system.figure_formats import vector_formats
from pellucid.system.files import write_csv
from pellucid.system.number_text import metric
from pellucid.system.process import check_device
from pellucid.task.base import Task
from pellucid.view.chance import chance
from pellucid.view.predictions import image_rows

log = logging.getLogger(__name__)
MAX_EPOCHS = 1000  # that a schedule is tried for


class Training:
    """The training of a run in one process."""

    def __init__(
        self,
        config: Mapping[str, Any],
        run: Run,
        *,
        main: bool,
        resume: bool,
        trial: TrialContext | None,
        page: WritePage | None,
        watch: Watch | None = None,
    ) -> None:
        # As it was written, so that it may be kept, and with what the environment says now.
        self.config, self.values = config, from_environment(config)
        self.given = config  # before what is found out at the start
        self.run, self.main, self.resume, self.trial, self.page = run, main, resume, trial, page
        self.watch = watch
        self.start = time.perf_counter()
        self.pruning: Pruning | None = None
        self.recorder: Recorder | None = None
        self.figures: FigureLogger | None = None
        self.loggers: list[Logger] = []
        self.before = run.metrics() if resume else {}
        self.last: dict[str, Any] | None = None
        self.found: RangeTest | None = None  # of the learning rate, where it was to be found
        self.chosen_task = ""  # where the images' labels have chosen it
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
        self.finish_loggers(status)

    def finish_loggers(self, status: str) -> None:
        """Tell services that the run has ended, once."""
        if self.main:
            finish(self.loggers, status)
        self.loggers = []

    def interrupted(self) -> None:
        """Note it, and say how to continue; in a sweep, that says so itself."""
        self.close("interrupted")
        if self.trial is None:
            log.warning("Interrupted. Continue by: %s resume=%s", typed("train"), self.again())

    def execute(self) -> None:
        config, run = self.values, self.run
        options = config["trainer"]
        if self.resume:  # what an older run ignored
            options = {"num_nodes": options.get("num_nodes")}
        if problems := list(trainer_problems(options)):
            raise UserError("\n".join(problems))
        check_device(str(config["trainer"].get("accelerator", "auto")), "trainer.accelerator")
        if self.resume and run.last.exists():
            self.last = load_last(run)
        images = self.trial.images if self.trial else ImageCache()
        if config["optimizer"].get("lr") == AUTO:
            config = self._find_rate(images)
        if config.get("minutes") is not None and self.main and not self.resume:  # others are told
            config = self._fit_epochs(config, images)
        if self.last is None:
            data, task = assemble(config, run.overrides())
            config = self._take_task(data.spec.labels)
        else:  # a sweep's line, of which the run was started, knows no task that the images have chosen
            config = self._take_task(Spec.from_dict(self.last["pellucid"]["spec"]).labels)
            data, task = assemble_as_then(config, self.last)
        task.check_schedule(max(1, min(config["trainer"].get("max_epochs") or 1, MAX_EPOCHS)))
        check_train_size(data, task, config["trainer"].get("max_epochs"))
        trained_on = history(run, self.config, self.last) if self.resume else None
        gib = config.get("device_images", 0)
        images.setup(data, config["data"], history=trained_on, device_images=gib)
        check_images(data, run, self.before)
        check_targets(data)
        task.fit_targets(data.splits["train"].targets)  # those of a checkpoint come later, in their place
        if config.get("compile"):
            task.net.compile()
        check_mix(task, data)
        if net := task.frozen_features(data.spec.image_shape):
            data.remember(net.embed, net.augmentations_per_image)
        self.recorder = Recorder(
            run=run,
            config=self._own_config(),
            spec=data.spec.to_dict(),
            log_every=config["trainer"].get("log_every_n_steps", 0),
            watch=self.watch,
        )
        host = RunHost(run=run, data=data, best=(task.monitor, task.mode))
        self.figures = FigureLogger(
            host=host,
            seed=config["seed"],
            explainers=make_explainers(config),
            share=config.get("share"),  # older runs had no limit
            formats=vector_formats(config.get("figures", "png")),  # which they did not know, either
        )
        self.figures.go_on(run.metrics())
        self.pruning = make_pruning(self.config.get("sweep"), self.trial, task)
        trainer = make_trainer(
            config,
            task,
            data,
            run=run,
            recorder=self.recorder,
            host=host,
            figures=self.figures,
            pruning=self.pruning,
            last=self.last,
            resume=self.resume,
            main=self.main,
            sweep=(self.config.get("sweep") or {}).get("name") if self.trial else None,
        )
        self.loggers = trainer.loggers
        if self.main:
            self._note_start(trainer, task, data)
        # For the other processes of a ddp run, which believe this one, and not the files of the run.
        os.environ["PELLUCID_RUN"] = json.dumps([str(run.folder), self.config])
        start = time.perf_counter()
        try:
            fit(trainer, task, data, run=run, last=self.last, recorder=self.recorder)
        finally:
            del os.environ["PELLUCID_RUN"]
            seconds = self.before.get("seconds/fit", 0) + time.perf_counter() - start
            self.record({"seconds/fit": round(seconds, 3)})
        self._test(trainer, task, data)

    def _find_rate(self, images: ImageCache) -> dict[str, Any]:
        """The configuration with the learning rate of a range test, which is the run's from here on."""
        test = range_test(self.values, images=images)
        self.config = {**self.config, "optimizer": {**self.config["optimizer"], "lr": test.chosen}}
        self.values, self.found = from_environment(self.config), test
        return dict(self.values)

    def _fit_epochs(self, config: Mapping[str, Any], images: ImageCache) -> dict[str, Any]:
        """The configuration with as many epochs as ``minutes`` allow, which is the run's from here on."""
        pace, spent = measure_pace(config, images), time.perf_counter() - self.start
        later = PAGE if self._reports() else 0.0
        epochs = epochs_within(config["minutes"], pace, spent=spent + later, share=config.get("share"))
        self.config = {**self.config, "trainer": {**self.config["trainer"], "max_epochs": epochs}}
        self.values = from_environment(self.config)
        tell_epochs(epochs, config["minutes"], pace, spent)
        return dict(self.values)

    def _tell_rate(self, test: RangeTest) -> None:
        """Keep the curve of a range test with the run, and say what was chosen."""
        folder = self.run.folder / "figures" / "learning_rate"
        name = self.config.get("name") or "/".join(self.run.folder.parts[-2:])
        note = str(self.config["optimizer"]["_target_"]).rpartition(".")[2]
        write_range_test(test, folder, title=f"Learning rate of {name}", note=note)
        self.record({"lr/found": test.chosen, "lr/rule": test.rule, "lr/steps": len(test.lr_S)})
        log.info(
            "Learning rate: %g, found by a range test of %s (%s): %s",
            *(test.chosen, counted(len(test.lr_S), "step"), RULES[test.rule]),
            folder / "learning_rate.png",
        )

    def _take_task(self, labels: str) -> dict[str, Any]:
        """The configuration with the task that fits the images, which is the run's from here on."""
        node = fitting_task(self.config, labels, self.run.overrides())
        if node is not self.config["task"]:
            self.config, self.chosen_task = {**self.config, "task": node}, TASKS[labels].kind
            self.values = from_environment(self.config)
            log.info("The images have %s: task=%s.", KNOWN[labels], self.chosen_task)
        return dict(self.values)

    def _note_start(self, trainer: Trainer, task: Task, data: ImageData) -> None:
        """Keep with the run what it begins with, and tell of it."""
        if self.resume or self.config is not self.given:  # from here on with the new budget and device
            self.run.save_config(self.config)
        if self.chosen_task:
            self.run.save_choice("task", self.chosen_task)
        manifest, splits = data.history.manifest, data.divided.complete
        (manifest.merged(splits) if manifest else Manifest.of(splits)).save(self.run.manifest)
        facts = describe(self.values, data, trainer)
        facts |= data_changes(data, self.before, facts["data/fingerprint"])
        self.record({"status": "running", "error": None, **facts})
        if self.last is None:
            for logger in tensorboards(trainer.loggers):
                logger.experiment.add_text("data/source", encodable(data.source), 0)
        log_start(trainer.loggers, hyperparameters(self.config))
        log.info("Data: %s (%s)", data.source, _counts(data))
        log.info("Run folder: %s", self.run.folder)
        if self.found is not None:
            self._tell_rate(self.found)
        if groups := task.told_groups():
            log.info("%s", groups)
        if not is_quiet():
            of_line = [override.lstrip("+").partition("=")[0] for override in self.run.overrides()]
            set_options = [*self.run.preset_options(PRESETS), *of_line]
            console.rows(overview(self.config, self.run.choices(), set_options))
        written = OmegaConf.to_yaml(self._own_config()).rstrip()
        log.info("The whole configuration:\n" + written, extra=FILE_ONLY)  # lines of its own

    def _own_config(self) -> dict[str, Any]:
        """The run's own configuration, without that of the sweep around it."""
        return {name: node for name, node in self.config.items() if name != "sweep"}

    def _test(self, trainer: Trainer, task: Task, data: ImageData) -> None:
        if not self.run.best.exists():
            log.warning("No whole epoch was trained, so there is no checkpoint and nothing to test.")
            return
        best = load_checkpoint(self.run.best)
        tested = {}
        collector = PredictionCollector()
        if not (self.pruning and self.pruning.pruned):
            task.load_state_dict(best["state_dict"])
            if (self.trial is None or data.fold is not None) and trainer.world_size == 1:
                trainer.callbacks.append(collector)  # type: ignore[attr-defined]
            trainer.test(task, datamodule=data, verbose=False)
            tested = {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("test/")}
        assert self.recorder is not None
        row = self.recorder.rows[best["epoch"]]
        final = {**{k: v for k, v in row.items() if k.startswith("val/")}, **tested}
        if not self.main:
            return
        seen = collector.evaluation(trainer, data.loader("test").sampler) if collector.labels else None
        if data.fold is not None and seen is not None:
            rows = image_rows(data.splits["test"].files, seen.predictions, data.spec.classes)
            write_csv(self.run.out_of_fold, [{"fold": data.fold.number, **row} for row in rows])
        self.record({**final, "best/epoch": row["epoch"], **self.account()})
        parameters = self.trial.parameters if self.trial else hyperparameters(self.config)
        log_final(trainer.loggers, final, parameters, step=trainer.global_step + 1)
        if self._reports():
            assert self.page is not None
            assert self.figures is not None
            page = RunPage(self.page, self.run, self.recorder.config, self.figures)
            if trainer.world_size == 1:
                page.write_tested(trainer, task, data, seen, best)
            else:
                self._write_later = partial(page.write_alone, task, data, best)
        figures = "   ".join(f"{name} {metric(value)}" for name, value in final.items())
        log.info("Best epoch %d:   %s", row["epoch"], figures)
        if self.trial is None and seen is not None:
            said = chance(seen.predictions, data.spec.classes, seen.metrics, split="test")
            if said:
                log.warning("%s", said)
        log.info("%.1f seconds. Run folder: %s", time.perf_counter() - self.start, self.run.folder)
        if tensorboards(trainer.loggers):
            log.info(
                "Look at it: tensorboard --logdir %s --samples_per_plugin images=1000",
                quoted(self.run.folder),
            )
        for logger in trainer.loggers:
            if isinstance(logger, Service) and self.trial is None and (where := logger.where()):
                log.info("Look at it: %s", where)

    def _reports(self) -> bool:
        """Whether it writes its page: not as a trial of a sweep."""
        return bool(self.page) and bool(self.config.get("report", True)) and self.trial is None and self.main

    def write_later(self) -> None:
        """Write the page of a run of several processes."""
        if self._write_later is not None:
            self._write_later()

    def again(self) -> str:
        return f"{quoted(self.run.folder)}{packages_option(self.config['packages'])}"


def _counts(data: ImageData) -> str:
    sizes = ", ".join(f"{len(split):,} {name}" for name, split in data.splits.items())
    return f"{sizes} images, {data.spec.outputs}"
