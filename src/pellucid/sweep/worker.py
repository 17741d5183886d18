"""A worker process of a sweep: trial after trial, until there is none left to begin."""

from __future__ import annotations

import errno
import gc
import logging
import math
import os
import statistics
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import optuna
import torch
from hydra.core.utils import run_job
from hydra.types import HydraContext
from omegaconf import DictConfig, open_dict

from pellucid.config.compose import container
from pellucid.config.space import Scalar
from pellucid.data.image_cache import ImageCache
from pellucid.engine.session import train
from pellucid.engine.trial import TrialContext
from pellucid.errors import UserError, first_line, without_secrets
from pellucid.run.folder import Run
from pellucid.sweep.plan import Plan
from pellucid.sweep.processes import run_processes
from pellucid.sweep.study import Claim, Study
from pellucid.sweep.summary import SweepSummary
from pellucid.system.console import add_to_log, console, start_logging
from pellucid.system.interrupt import check
from pellucid.system.number_text import metric
from pellucid.system.process import has_several_processes, is_of_launcher

log = logging.getLogger(__name__)


class PrunedError(Exception):
    """The sweep's pruner gave the trial up."""


class ProcessError(RuntimeError):
    """A trial's processes have failed; what they recorded."""


class Worker:
    """Runs trials one after another, sharing the imports and the images in memory. A launcher may send it."""

    def __init__(self, plan: Plan, context: HydraContext, master: DictConfig) -> None:
        self.plan, self.context, self.master = plan, context, master

    def __call__(self, config: DictConfig) -> None:
        """As the job of a launcher; ``config`` says nothing that the plan does not."""
        os.environ["TTY_COMPATIBLE"] = "0"  # several would draw their progress bars over one another
        if self.plan.threads is not None:
            torch.set_num_threads(self.plan.threads)
        self.work(Study(self.plan))

    def work(self, study: Study) -> None:
        """Until nothing is left that this process could begin."""
        self.study, self.images = study, ImageCache()
        summary = SweepSummary(study.folder, study.optuna, total=self.plan.total)
        gc.freeze()  # the imports: not to be looked through again after each trial
        try:
            while claim := study.claim():
                try:
                    self._try(claim)
                finally:
                    claim.lock.release()
                _write(summary)
                gc.collect()  # nets, loaders and loggers are in cycles
                check()
        except Exception as error:
            if not _is_disk_full(error):
                raise
            raise UserError(
                f"The disk is full ({first_line(error)}). What had finished is kept; make room, then "
                f"continue by: {self.plan.line}"
            ) from error
        finally:
            gc.unfreeze()

    def _try(self, claim: Claim) -> None:
        """The trial, tried again where it raised and ``sweep.retries`` allows."""
        values_text = "  ".join(f"{name}={shown_value(value)}" for name, value in claim.values.items())
        start = time.perf_counter()
        try:
            value = self._value(claim)
        except PrunedError:
            self.study.prune(claim)
            end = "pruned"
        except Exception as error:  # whatever a trial may raise
            if _is_disk_full(error) or is_of_launcher(error):  # the trials after it would fail, too
                raise
            if self.study.attempt(claim) <= self.plan.options["retries"]:
                log.warning("Trial %d raised and is tried again: %s", claim.number, first_line(error))
                return self._try(claim)
            self.study.fail(claim, _last_line(error))
            return None
        else:
            self.study.finish(claim, value)
            end = f"{self.plan.metric} {metric(value)}"
        seconds = time.perf_counter() - start
        console.print(
            f"trial {claim.number} of {self.plan.total}   {values_text}   {end}   {seconds:.1f} s",
            markup=False,
            soft_wrap=True,
        )
        return None

    def _value(self, claim: Claim) -> float:
        """The mean of the metric over the trial's runs."""
        values = []
        for repeat, folder in self.study.run_folders(claim.number).items():
            metrics = Run(folder).metrics()
            if metrics.get("status") not in ("finished", "pruned"):
                metrics = self._run(claim, repeat, folder)
            if metrics["status"] == "pruned":
                raise PrunedError
            values.append(float(metrics.get(self.plan.metric, math.nan)))
        mean = statistics.fmean(values)
        if not math.isfinite(mean):
            error = UserError(f"{self.plan.metric} is {mean}: the trial has no value to compare.")
            self._record(Run(folder), error)
            raise error
        return mean

    def _run(self, claim: Claim, repeat: str, folder: Path) -> dict[str, Any]:
        """One run in its folder, from its last checkpoint where it has one; what it recorded."""
        overrides = [
            *self.plan.fixed,
            *(parameter.override(claim.values[parameter.name]) for parameter in self.plan.space),
            *self.plan.repeats[repeat],
            *self.plan.arm(claim.values),
            f"hydra.sweep.subdir={folder.relative_to(self.plan.folder)}",
        ]
        config = self.context.config_loader.load_sweep_config(self.master, overrides)
        with open_dict(config):
            config.hydra.job.id, config.hydra.job.num = str(claim.number), claim.number
        first = repeat == next(iter(self.plan.repeats))
        outcome: dict[str, Any] = {}

        def job(config: DictConfig) -> None:
            try:
                outcome.update(self._train(claim, container(config), folder, first))
            except Exception as error:  # Hydra would keep it too, and print as well
                outcome["error"] = error
            except SystemExit as error:
                if is_of_launcher(error) or Run(folder).metrics().get("status") == "interrupted":
                    raise  # by a signal, for all of us
                outcome["error"] = RuntimeError(f"The trial called sys.exit({error.code})")

        try:
            run_job(
                task_function=job,
                config=config,
                job_dir_key="hydra.sweep.dir",
                job_subdir_key="hydra.sweep.subdir",
                hydra_context=self.context,
                configure_logging=False,
            )
            if isinstance(outcome.get("error"), Exception):
                raise outcome["error"]
        except Exception as error:
            self._record(Run(folder), error)
            raise
        finally:
            start_logging(None)  # the run has closed its own
        return outcome

    def _train(self, claim: Claim, config: dict[str, Any], folder: Path, may_prune: bool) -> dict[str, Any]:
        if not has_several_processes(config["trainer"]):
            return _train(self.study, claim.trial, claim.values, self.images, config, folder, may_prune)
        # Lightning ends the first process by SIGKILL when another one has failed, which must not be this one.
        values = dict(claim.values)
        (code,) = run_processes(
            1, _subprocess_run, self.plan, claim.number, values, config, folder, may_prune
        )
        metrics = Run(folder).metrics()
        if metrics.get("status") in ("finished", "pruned"):
            return metrics
        raise ProcessError(metrics.get("error") or f"The trial's processes ended with code {code}")

    def _record(self, run: Run, error: Exception) -> None:
        """The failure in the run's folder, also one before the training."""
        if run.metrics().get("status") == "failed" or is_of_launcher(error):
            return
        with suppress(OSError):
            run.folder.mkdir(parents=True, exist_ok=True)
            add_to_log(run.log, "".join(traceback.format_exception(error)))
            run.record({"status": "failed", "error": without_secrets(_last_line(error))})


def _train(
    study: Study,
    trial: optuna.Trial,
    values: Mapping[str, Scalar],
    images: ImageCache,
    config: Mapping[str, Any],
    folder: Path,
    may_prune: bool,
) -> dict[str, Any]:
    context = TrialContext(
        parameters=values,
        metric=study.plan.metric,
        images=images,
        should_stop=study.pruner(trial) if may_prune else None,
    )
    return train(config, folder, resume=Run(folder).last.exists(), trial=context)


def _subprocess_run(plan: Plan, number: int, values: Mapping[str, Scalar], *args: Any) -> None:
    study = Study(plan)
    _train(study, study.trial(number), values, ImageCache(), *args)


def _write(summary: SweepSummary) -> None:
    """The report is written again after the next trial, so what hinders it now ends no sweep."""
    try:
        summary.write(wait=False)
    except Exception as error:
        log.warning("The report could not be written (%s: %s).", type(error).__name__, first_line(error))


def shown_value(value: Any) -> str:
    """A parameter's value as a line of the console shows it."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _is_disk_full(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__
    return False


def _last_line(error: BaseException) -> str:
    """What the last line of the error's traceback says."""
    if isinstance(error, ProcessError):  # it quotes such a line
        return str(error)
    return f"{type(error).__name__}: {first_line(error)}" if str(error) else type(error).__name__
