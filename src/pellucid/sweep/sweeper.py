"""The sweeper behind ``-m``: plan the sweep, run or launch its trials, say what came out."""

from __future__ import annotations

import dataclasses
import logging
import os
import pickle
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hydra.core.utils import setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf
from optuna.exceptions import StorageInternalError
from optuna.trial import TrialState

from pellucid.errors import UserError, counted, first_line, typed
from pellucid.report.sweep.page import Sweep, deviation, mean
from pellucid.run.folder import quoted
from pellucid.sweep.folder import SweepFolder
from pellucid.sweep.plan import Plan, make_plan
from pellucid.sweep.processes import USERS_MISTAKE, run_processes
from pellucid.sweep.study import Study
from pellucid.sweep.summary import SweepSummary
from pellucid.sweep.worker import Worker, shown_value
from pellucid.system.console import console, start_logging
from pellucid.system.interrupt import exit_code
from pellucid.system.number_text import metric

log = logging.getLogger(__name__)
DEFAULT_WORKERS = 4  # where neither the sweep nor its launcher says how many
POLL_SECONDS = 1.0  # seconds between looks at what others are running
MAX_SHOWN = 20  # configurations in the table of the end
MAX_FRUITLESS = 3  # launches without any progress, after which the launcher is at fault


def run_sweep(master: DictConfig, context: HydraContext, arguments: list[str]) -> None:
    """Begin, continue or help with the sweep of a line; ends the process by its exit code.

    0: every trial has finished or was pruned; 1: some failed. Raises UserError before the first trial.
    """
    start_logging(None)
    folder = SweepFolder(Path(str(master.hydra.sweep.dir)).absolute())
    try:
        plan = make_plan(folder, master, context, arguments)
        study = Study(plan)
    except (UserError, OSError):
        folder.discard()
        raise
    ended = study.count(TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
    runs = len(plan.repeats)
    size = (
        counted(plan.total, "trial")
        + (f" of {runs} runs" if runs > 1 else "")
        + (f", {ended} of them done" if ended else "")
    )
    log.info("Sweep %s: %s. Folder: %s", plan.name, size, quoted(plan.folder))
    try:
        _run_all(plan, study, Worker(plan, context, master))
    except (KeyboardInterrupt, SystemExit) as error:
        log.warning("Interrupted. Nothing that had finished is lost. Continue by: %s", plan.line)
        raise SystemExit(exit_code(error) if isinstance(error, KeyboardInterrupt) else error.code) from None
    except FileNotFoundError as error:
        if folder.definition_file.exists():
            raise
        raise folder.is_gone() from error
    except StorageInternalError as error:
        raise UserError(
            f"The sweep's storage fails ({first_line(error)}). What had finished is kept in its folder; "
            f"when the storage works again, continue by: {plan.line}"
        ) from error
    summary = SweepSummary(study.folder, study.optuna, total=plan.total)
    summary.write(wait=True)
    _report(summary.collect(), plan, study.stopped())
    if study.left() or study.count(TrialState.FAIL):
        raise SystemExit(1)


def _run_all(plan: Plan, study: Study, worker: Worker) -> None:
    """Until every trial is done, also those that other processes are running now."""
    fruitless, waiting = 0, False
    while remaining := study.left():
        before = _progress(study)
        if _launcher(worker.master) == "BasicLauncher":
            worker.work(study)
        else:
            _launch(worker, remaining)
        if not study.left():
            return
        running = study.count(TrialState.RUNNING)
        if not running and _progress(study) == before:
            fruitless += 1
            if fruitless == MAX_FRUITLESS:
                raise UserError("The launcher's jobs end without having begun a trial; see their logs.")
        if running and not waiting:
            waiting = True
            log.info("Waiting for %s of other processes.", counted(running, "trial"))
        time.sleep(POLL_SECONDS)


def _launch(worker: Worker, remaining: int) -> None:
    """Let the launcher start workers, and wait until they have ended; what a dead one ran is taken over."""
    plan, master = worker.plan, worker.master
    count = min(remaining, _workers(plan, master))
    worker = Worker(dataclasses.replace(plan, threads=_threads(plan, master, count)), worker.context, master)
    if _launcher(master) == "JoblibLauncher":
        _launch_here(worker, count)
        return
    launcher = Plugins.instance().instantiate_launcher(
        hydra_context=worker.context, task_function=worker, config=master
    )
    job = ["hydra.sweep.subdir=.", "hydra.output_subdir=null"]
    try:
        for result in launcher.launch([job] * count, initial_job_idx=0):
            _ = result.return_value
    except UserError:
        raise
    except Exception as error:  # a killed worker ends a launch in the launcher's own manner
        log.warning("A worker has ended (%s: %s).", type(error).__name__, first_line(error))
    start_logging(None)


def _launch_here(worker: Worker, count: int) -> None:
    """In joblib's place, whose pool hangs on Ctrl-C and lives on when the command is killed."""
    sent = cloudpickle.dumps((worker, Singleton.get_state()))  # pickle cannot: Hydra's holds functions
    for code in run_processes(count, _work, sent):
        if code == USERS_MISTAKE:
            raise UserError(f"A worker could not go on and said why. Then continue by: {worker.plan.line}")
        if code:
            log.warning("A worker has ended (exit code %d).", code)


def _work(sent: bytes) -> None:
    worker, hydras = pickle.loads(sent)
    setup_globals()
    Singleton.set_state(hydras)
    worker(worker.master)


def _workers(plan: Plan, master: DictConfig) -> int:
    workers = plan.options["workers"]
    if workers != "auto":
        return int(workers)
    jobs = master.hydra.launcher.get("n_jobs")
    if jobs is None:
        return DEFAULT_WORKERS
    return int(jobs) if jobs > 0 else max(1, _processors() + 1 + jobs)


def _threads(plan: Plan, master: DictConfig, workers: int) -> int:
    """Of each worker: the processors that its job is given, else its share of this machine's."""
    if plan.options["threads"] != "auto":
        return int(plan.options["threads"])
    for key in ("cpus_per_task", "ray.remote.num_cpus"):
        processors = OmegaConf.select(master.hydra.launcher, key)
        if processors is not None:
            return max(1, int(processors))
    return max(1, _processors() // workers)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _progress(study: Study) -> list[tuple[int, Any]]:
    return [(trial.number, trial.state) for trial in study.trials()]


def _launcher(master: DictConfig) -> str:
    return str(master.hydra.launcher._target_).rpartition(".")[2]


def _report(sweep: Sweep, plan: Plan, stopped: str) -> None:
    """How the sweep ended, in a few lines."""
    counts = [
        f"{count} {state}"
        for state in ("finished", "pruned", "failed", "running", "waiting")
        if (count := sum(trial.state == state for trial in sweep.trials))
    ]
    log.info("Sweep %s: %s of %s.", sweep.name, ", ".join(counts) or "none", counted(sweep.total, "trial"))
    if stopped:
        log.warning("Stopped: %s. Continue, with another limit, by: %s", stopped, plan.line)
    if (best := sweep.best()) and best.value is not None:
        if sweep.seeds > 1:
            _show_means(sweep)
        if sweep.total > 1:
            values = "  ".join(f"{name}={shown_value(value)}" for name, value in best.parameters.items())
            what = f"mean {sweep.metric}" if sweep.seeds > 1 else sweep.metric
            log.info("Best: trial %d   %s %s   %s", best.number, what, metric(best.value), values)
        console.print(f"Repeat it: {best.command}", markup=False, soft_wrap=True)
    if plan.ablation:
        log.info("As a table: %s runs=%s by=sweep.arm", typed("table"), quoted(plan.folder))
    log.info("Report: %s", quoted(plan.folder / "report.html"))


def _show_means(sweep: Sweep) -> None:
    """A table of the means over each configuration's runs, the best first; none of the runs is chosen."""
    ranked = sweep.ranked()
    searched = [parameter.name for parameter in sweep.parameters]
    heads = ("trial", *searched, "metric", "n", "mean", "std", "95 % interval")
    table = console.table(
        f"Means over {counted(sweep.seeds, sweep.repeat)}", heads, left=[*searched, "metric"], no_wrap=True
    )
    tested = f"test/{sweep.metric.removeprefix('val/')}"
    for trial in ranked[:MAX_SHOWN]:
        options = [shown_value(trial.parameters.get(name)) for name in searched]
        table.add_row(str(trial.number), *options, sweep.metric, *_spread(sweep, trial.seeds.values()))
        if values := trial.tests.get(tested):
            table.add_row("", *("" for _ in searched), tested, *_spread(sweep, values))
    console.print_table(table)
    if len(ranked) > MAX_SHOWN:
        log.info("… and %d more in trials.csv.", len(ranked) - MAX_SHOWN)
    kind = (
        "that of the mean, by Student's t"
        if sweep.repeat == "seed"
        else f"none, as {sweep.repeat}s share images"
    )
    log.info("std: standard deviation over %ss; 95 %% interval: %s.", sweep.repeat, kind)


def _spread(sweep: Sweep, values: Collection[float]) -> tuple[str, str, str, str]:
    """How many values, their mean, standard deviation and interval, as cells."""
    middle, spread, half = mean(values), deviation(values), sweep.interval(values)
    ends = "–" if half is None or middle is None else f"{metric(middle - half)} to {metric(middle + half)}"
    texts = ["–" if value is None else metric(value) for value in (middle, spread)]
    return str(len(values)), texts[0], texts[1], ends.replace("-", "−")
