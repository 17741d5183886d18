"""Train a net: from a checked configuration to a finished run folder."""

from __future__ import annotations

import json
import logging
import os
import shlex
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.profilers import AdvancedProfiler, SimpleProfiler

from pellucid.callbacks.gallery import Gallery
from pellucid.callbacks.view import View
from pellucid.config.build import build, from_environment
from pellucid.config.trainer import trainer_problems
from pellucid.config.trust import named
from pellucid.data.base import ImageData
from pellucid.data.divide import History
from pellucid.data.manifest import Manifest
from pellucid.data.shared import SharedImages
from pellucid.engine.build import assemble, come_back, make_data, make_explainers, make_task
from pellucid.engine.checkpoint import Checkpoint
from pellucid.engine.describe import describe, hyperparameters
from pellucid.engine.evaluation import Evaluation, PredictionCollector, evaluation
from pellucid.engine.finite import FiniteLoss
from pellucid.engine.loggers import go_on
from pellucid.engine.pruning import Pruning
from pellucid.engine.recorder import Recorder
from pellucid.engine.trained import Placed, Trained, check_classes
from pellucid.engine.trial import Trial
from pellucid.errors import UserError, counted, encodable, first_line, without_secrets
from pellucid.model.resnet import TorchvisionClassifier
from pellucid.run.checkpoint import AtomicCheckpointIO, check_resumable, load_checkpoint
from pellucid.run.folder import FORMAT, Run
from pellucid.spec import Spec
from pellucid.system.console import add_to_log, start_logging, stop_logging
from pellucid.system.files import remove_leftovers
from pellucid.system.interrupt import exit_code, last_words
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
from pellucid.task.classification import Classification

log = logging.getLogger(__name__)
WritePage = Callable[[Placed, ImageData, "Evaluation | None", Path], Path]
# Which would tell a log that is not shown; so they write profile.txt and the like.
PROFILERS = {"simple": SimpleProfiler, "advanced": AdvancedProfiler}
MOST_EPOCHS = 1000  # that a schedule is tried for


def train(
    config: Mapping[str, Any],
    folder: Path,
    *,
    resume: bool = False,
    trial: Trial | None = None,
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
        session.report_alone()
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
        trial: Trial | None,
        page: WritePage | None,
    ) -> None:
        # As it was written, so that it may be kept, and with what the environment says now.
        self.config, self.values = config, from_environment(config)
        self.run, self.main, self.resume, self.trial, self.page = run, main, resume, trial, page
        self.start = time.perf_counter()
        self.pruning: Pruning | None = None
        self.recorder: Recorder | None = None
        self.gallery: Gallery | None = None
        self.before = run.metrics() if resume else {}
        self.last: dict[str, Any] | None = None
        self.last_step = -1  # of the checkpoint that it goes on from
        self._later: tuple[Task, ImageData, Mapping[str, Any]] | None = None  # what the page is made from

    def has_trained(self) -> bool:
        return self.recorder is not None and self.recorder.started

    def record(self, values: Mapping[str, Any]) -> None:
        if self.main:
            self.run.record(values)

    def figures(self) -> dict[str, Any]:
        """What is known of the whole run by now."""
        figures: dict[str, Any] = self.recorder.figures() if self.recorder else {}
        figures |= self.gallery.account() if self.gallery else {}
        seconds = self.before.get("seconds/total", 0) + time.perf_counter() - self.start
        return {**figures, "seconds/total": round(seconds, 3)}

    def close(self, status: str, **more: Any) -> None:
        self.record({"status": status, **more, **self.figures()})

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
            self.last = self._load_last()
            self.last_step = self.last["global_step"]
        data, task = self._assemble()
        task.check_schedule(max(1, min(config["trainer"].get("max_epochs") or 1, MOST_EPOCHS)))
        images = self.trial.images if self.trial else SharedImages()
        images.setup(data, config["data"])
        self._check_images(data)
        data.device_images = config.get("device_images", 0)
        if data.device_images < 0:
            raise UserError(f"device_images={data.device_images}: expected 0 or more GiB.")
        if config.get("compile"):
            task.net.compile()
        net = task.net
        # Not for the user's own subclasses, which may do something else with the images.
        if type(task) is Classification and type(net) is TorchvisionClassifier and net.frozen:
            data.remember(net.embed, net.views)
        self.recorder = Recorder(
            run=run,
            config=self._own_config(),
            spec=data.spec.to_dict(),
            log_every=config["trainer"].get("log_every_n_steps", 0),
        )
        self.gallery = Gallery(run=run, data=data, seed=config["seed"], explainers=make_explainers(config))
        trainer = self._trainer(data, task)
        if self.main:
            if self.resume:  # from here on with the new budget and device
                run.save_config(self.config)
            known = data.history.manifest
            whole = data.divided.whole
            (known.merged(whole) if known else Manifest.of(whole)).save(run.manifest)
            noted = describe(config, data, trainer)
            noted |= self._changes(data, noted["data/fingerprint"])
            self.record({"status": "running", "error": None, **noted})
            for logger in trainer.loggers:
                if isinstance(logger, TensorBoardLogger) and self.last is None:
                    logger.experiment.add_text("data/source", encodable(data.source), 0)
            log.info("Data: %s (%s)", data.source, _counts(data))
            log.info("Run folder: %s", run.folder)
        self._fit(trainer, task, data)
        self._test(trainer, task, data)

    def _assemble(self) -> tuple[ImageData, Task]:
        """Data and task; of a run that goes on, for the classes and statistics that it was trained with."""
        if self.last is None:
            data, task = assemble(self.values)
        else:
            config, then = come_back(self.values), Spec.from_dict(self.last["pellucid"]["spec"])
            data = make_data(config)
            check_classes(data.spec, then)
            data.spec = then
            task = make_task(config, then)
        if self.resume:
            made: Any = self.last["pellucid"] if self.last else {"format": FORMAT, "config": self.config}
            moved = made["config"]["data"].get("root") != self.config["data"].get("root")
            manifest = Manifest.load(self.run.manifest)
            data.history = History(manifest, made["format"] == 1, elsewhere=moved and manifest is not None)
        return data, task

    def _check_images(self, data: ImageData) -> None:
        """Raise UserError where a run cannot go on with these images; tell of options that do not matter."""
        written = {text.lstrip("+").partition("=")[0] for text in self.run.overrides()}
        for name in data.divided.given:
            if f"data.{name}_fraction" in written:
                log.warning("data.%s_fraction is not used: the data have %s images of their own.", name, name)
        manifest, noted = data.history.manifest, self.before.get("data/fingerprint")
        if manifest is None:
            if noted is not None and noted != data.fingerprint():
                raise UserError(
                    f"{data.source}: the images have changed since the training, and which ones it was "
                    "trained on was not kept by the version of then. Put them back, or train a new run."
                )
            return
        known = sum(int(manifest.knows(split).sum()) for split in data.splits.values())
        if 2 * known <= (count := sum(len(split) for split in data.splits.values())):
            raise UserError(
                f"{data.source}: the run knows {known:,} of these {count:,} images, so they are not those of "
                "its training. Name the place where those are by data.root=<folder>, or train a new run."
            )

    def _changes(self, data: ImageData, now: str) -> dict[str, Any]:
        """The fingerprint stays that of the beginning; what came since stands beside it."""
        first = self.before.get("data/fingerprint")
        if first is None or first == now:
            return {}
        told = {"data/fingerprint/resumed": now, "data/changes": data.divided.changes.told()}
        return {"data/fingerprint": first, **told}

    def _load_last(self) -> dict[str, Any]:
        try:
            last = load_checkpoint(self.run.last)
            check_resumable(last, self.run.last)
        except UserError as error:
            raise UserError(
                f"{error} To continue from the best epoch, copy {self.run.best} over it."
            ) from error
        return last

    def _trainer(self, data: ImageData, task: Task) -> Trainer:
        assert self.recorder is not None
        config, packages = self.values, self.config["packages"]
        offered = {
            "image_shape": data.spec.image_shape,
            "config": self._own_config(),
            "save_dir": str(self.run.folder),
            "gallery": self.gallery,
        }
        rooms = {
            room: [build(node, room, packages=packages, **offered) for node in nodes]
            for room, nodes in (
                ("callbacks", (config["callbacks"] or {}).values()),
                ("logger", (config["logger"] or {}).values()),
            )
        }
        for callback in rooms["callbacks"]:
            if isinstance(callback, View):
                callback.check()
        if self.main:
            go_on(rooms["logger"], self.last_step if self.resume else None)
        keep = Checkpoint(
            folder=self.run.checkpoints,
            monitor=task.monitor,
            mode=task.mode,
            keep_every=config["keep_every"],
            recorder=self.recorder,
            last=self.last,
        )
        if self.main and self.last:
            keep.make_up(self.last["callbacks"]["Recorder"]["rows"])
        ours: dict[str, Any] = {
            # Views draw what the recorder has noted, and before the checkpoint: a run killed while they draw
            # does the epoch again.
            "callbacks": [
                *(FiniteLoss(), self.recorder, self.gallery),
                *rooms["callbacks"],
                *(*self._pruning(task), keep),
            ],
            "logger": rooms["logger"],
            # Within a job of Slurm too: Lightning's own handling would requeue beside the launcher's.
            "plugins": [AtomicCheckpointIO(), LightningEnvironment()],
            "default_root_dir": str(self.run.folder),
            "num_sanity_val_steps": 0,
            "enable_progress_bar": False,
            "enable_model_summary": False,
        }
        if (profiler := config["trainer"].get("profiler")) in PROFILERS:
            ours["profiler"] = PROFILERS[profiler](dirpath=self.run.folder, filename="profile")
        node = {key: value for key, value in config["trainer"].items() if key not in ours}
        if any(kind in str(node.get("strategy")) for kind in ("spawn", "fork", "notebook")):
            raise UserError(
                f"trainer.strategy={node['strategy']}: expected ddp, whose processes are commands."
            )
        trainer: Trainer = build(node, "trainer", packages=packages, **ours)
        return trainer

    def _own_config(self) -> dict[str, Any]:
        """The run's own configuration, without that of the sweep around it."""
        return {name: node for name, node in self.config.items() if name != "sweep"}

    def _pruning(self, task: Task) -> list[Callback]:
        """In every process of a run whose sweep prunes, as they must agree."""
        sweep = self.config.get("sweep") or {}
        if sweep.get("pruner"):
            trial = self.trial
            metric = trial.metric if trial else task.monitor
            self.pruning = Pruning(metric=metric, should_stop=trial.should_stop if trial else None)
        return [self.pruning] if self.pruning else []

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
        self.record({**final, "best/epoch": row["epoch"], **self.figures()})
        self._log_final(trainer, final)
        if self._reports() and trainer.world_size == 1:
            with self._reporting():
                self._report(trainer, task, data, collector, best)
        elif self._reports():
            self._later = (task, data, best)
        figures = "   ".join(f"{name} {value:.4f}" for name, value in final.items())
        log.info("Best epoch %d:   %s", row["epoch"], figures)
        log.info("%.1f seconds. Run folder: %s", time.perf_counter() - self.start, self.run.folder)
        if any(isinstance(logger, TensorBoardLogger) for logger in trainer.loggers):
            log.info(
                "Look at it: tensorboard --logdir %s --samples_per_plugin images=1000",
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

    def _report(
        self,
        trainer: Trainer,
        task: Task,
        data: ImageData,
        collector: PredictionCollector,
        best: Mapping[str, Any],
    ) -> None:
        """The page of the run, from its test."""
        trained = self._trained(task, data, best, "auto")
        placed = Placed(trained, trainer.strategy.root_device, trainer.precision_plugin.forward_context)
        seen = None
        if collector.labels:  # none with limit_test_batches=0
            seen = collector.evaluation(trainer, data.loader("test").sampler)
        self._write_page(placed, data, seen)

    def report_alone(self) -> None:
        """The page of a run of several processes, that have shared its test: by the first, when all end."""
        if self._later is None:
            return
        task, data, best = self._later
        trainer = self.values["trainer"]
        trained = self._trained(task, data, best, str(trainer.get("accelerator", "auto")))
        limit = trainer.get("limit_test_batches")
        try:
            with self._reporting():
                seen = None if limit == 0 else evaluation(trained, data, "test", limit_test_batches=limit)
                self._write_page(trained.placed(), data, seen)
        except KeyboardInterrupt as interrupt:
            log.warning("No page was written. Write it by: python scripts/report.py run=%s", self.again())
            raise SystemExit(exit_code(interrupt)) from None

    def again(self) -> str:
        return f"{quoted(self.run.folder)}{named(self.config['packages'])}"

    def _trained(self, task: Task, data: ImageData, best: Mapping[str, Any], accelerator: str) -> Trained:
        config, epoch = self._own_config(), int(best["epoch"]) + 1
        return Trained(self.run, self.run.best, config, data.spec, task, epoch, accelerator)

    def _write_page(self, placed: Placed, data: ImageData, seen: Evaluation | None) -> None:
        assert self.page is not None
        data = data if seen is None else data.of_test(seen.predictions.index_N)
        path = self.page(placed, data, seen, self.run.folder)
        log.info("Page of the run: %s", quoted(path))

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """A failure of the page is told and counted, as one of a view."""
        start = time.perf_counter()
        try:
            yield
        except Exception as error:
            assert self.gallery is not None
            self.gallery.failed("report", error)
        self.record({"seconds/report": round(time.perf_counter() - start, 3)})


def _counts(data: ImageData) -> str:
    sizes = ", ".join(f"{len(split):,} {name}" for name, split in data.splits.items())
    return f"{sizes} images, {counted(len(data.spec.classes), 'class')}"


def quoted(path: Path) -> str:
    """A path as one word of a shell."""
    with suppress(ValueError):
        path = path.relative_to(Path.cwd())
    return shlex.quote(str(path))
