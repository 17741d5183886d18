"""An Optuna study shared by every process that works on a sweep: who does which trial, and what came out."""

from __future__ import annotations

import logging
import uuid
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from pellucid.config.build import build
from pellucid.config.space import Scalar
from pellucid.errors import UserError, first_line
from pellucid.run.folder import FORMAT, Run
from pellucid.sweep.content import ATTEMPTS, DEATHS, ERROR, EXHAUSTED, ID, TOTAL, check_content
from pellucid.sweep.definition import check_same, definition
from pellucid.sweep.folder import SweepFolder
from pellucid.sweep.journal import open_storage
from pellucid.sweep.plan import Plan
from pellucid.system.lock import FileLock

log = logging.getLogger(__name__)
OTHERWISE = "Choose another sweep.name, or another sweep.storage."
MAX_KILLED = 3  # times without a further epoch, after which a trial is given up
DONE = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


@dataclass(frozen=True)
class Claim:
    """A claimed trial: this process's until it is told or released."""

    trial: Trial
    values: Mapping[str, Scalar]
    lock: FileLock

    @property
    def number(self) -> int:
        return self.trial.number


class Study:
    """Optuna's study with our rules: no trial twice, none beyond the total, the dead taken over.

    Constructing it begins or continues the sweep. Raises UserError where it was defined otherwise.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan, self.folder = plan, SweepFolder(plan.folder)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
        with self.folder.lock():
            before, now = self.folder.definition(), definition(plan)
            if before:
                check_same(before, now, plan.name)
            storage = open_storage(self.folder, plan.options["storage"])
            identity = before.get("id") or uuid.uuid4().hex
            name = before.get("name") or plan.name  # a folder may have been moved since
            if not before and name in optuna.get_all_study_names(storage):
                raise UserError(f"The storage holds another sweep named {name}. {OTHERWISE}")
            if not before:
                self.folder.define({"format": FORMAT, "id": identity, "name": name, **now})
            try:
                self.optuna = optuna.create_study(
                    storage=storage,
                    study_name=name,
                    direction=plan.direction,
                    load_if_exists=True,
                    sampler=None if plan.sampled else optuna.samplers.RandomSampler(),  # all values are given
                    pruner=self._build("pruner") or optuna.pruners.NopPruner(),
                )
            except Exception as error:
                raise UserError(f"The sweep's storage cannot be used: {first_line(error)}.") from error
            stored = self.optuna.user_attrs.get(ID)
            if stored is None and any(path.name.isdigit() for path in plan.folder.iterdir()):
                raise UserError(
                    f"The storage has lost the trials of {plan.folder}. Bring it back (a damaged journal is "
                    "kept as journal.damaged), or begin again by another sweep.name."
                )
            if stored is None:
                self.optuna.set_user_attr(ID, identity)
            elif stored != identity:
                raise UserError(f"The storage holds another sweep named {name}. {OTHERWISE}")
            check_content(self.optuna, [parameter.name for parameter in plan.space])
            if self.optuna.user_attrs.get(TOTAL) != plan.total:
                self.optuna.set_user_attr(TOTAL, plan.total)
            if not plan.sampled:
                self._enqueue()
        # A sampler that has tried everything stops its study, which Optuna allows in its own loop only.
        setattr(self.optuna, "stop", self._exhaust)  # noqa: B010

    def _build(self, part: str, **changed: Any) -> Any:
        node = self.plan.options[part]
        if node is None:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return build({**node, **changed}, part, packages=self.plan.packages)

    def _enqueue(self) -> None:
        """Every combination as a waiting trial, in their order; those that are there already stay."""
        existing = len(self.trials())
        for number, values in enumerate(self.plan.given()):
            if existing <= number < self.plan.total:
                self.optuna.enqueue_trial(values)

    def trials(self) -> list[FrozenTrial]:
        return self.optuna.get_trials(deepcopy=False)

    def count(self, *states: TrialState) -> int:
        return sum(trial.state in states for trial in self.trials())

    def _exhaust(self) -> None:
        self.optuna.set_user_attr(EXHAUSTED, len(self.trials()))

    def total(self) -> int:
        """How many trials there are to be, fewer than planned where the sampler has no more."""
        exhausted: int = self.optuna.user_attrs.get(EXHAUSTED, self.plan.total)
        return min(self.plan.total, exhausted)

    def left(self) -> int:
        """How many trials are neither done nor given up by a limit on failures."""
        return 0 if self.stopped() else max(0, self.total() - self.count(*DONE))

    def stopped(self) -> str:
        """Why no further trial begins, the empty text where nothing is against it."""
        limit, failed = self.plan.max_failures, self.count(TrialState.FAIL)
        if limit is None or failed < limit:
            return ""
        option = "fail_fast" if self.plan.options["fail_fast"] else f"max_failures={limit}"
        return f"{failed} of the trials have failed (sweep.{option})"

    def claim(self) -> Claim | None:
        """The next trial for this process: one whose process has died, else a new one; None: no more.

        The lock makes it one process's at a time, over all processes and machines.
        """
        with self.folder.lock():
            if self.stopped():
                return None
            for frozen in self.trials():
                if frozen.state == TrialState.RUNNING:
                    lock = self.folder.lock(str(frozen.number))
                    if not lock.acquire(wait=False):
                        continue
                    if self.trials()[frozen.number].state != TrialState.RUNNING:  # it was told just now
                        lock.release()
                    elif claim := self._take_over(frozen, lock):
                        return claim
            begun = self.count(*DONE, TrialState.RUNNING)
            return self._begin(begun) if begun < self.total() else None

    def _begin(self, number: int) -> Claim:
        if self.plan.sampled:
            self.optuna.sampler = self._sampler(number)
        trial = self.optuna.ask()
        lock = self.folder.lock(str(trial.number))
        lock.acquire()
        trial_folder = self.folder.trial(trial.number)
        if trial_folder.exists():  # of a trial that a damaged journal has forgotten
            trial_folder.rename(trial_folder.with_name(f"{trial_folder.name}_before_{uuid.uuid4().hex[:6]}"))
        return self._claim(trial, lock)

    def _take_over(self, frozen: FrozenTrial, lock: FileLock) -> Claim | None:
        """The trial of a process that has died; None where it dies again and again."""
        if self.plan.sampled:
            self.optuna.sampler = self._sampler(frozen.number)
        trial = Trial(self.optuna, frozen._trial_id)
        runs = [Run(folder) for folder in self.run_folders(frozen.number).values()]
        if not any(run.metrics().get("status") in ("interrupted", "failed") for run in runs):
            epochs = sum(run.metrics().get("epochs", 0) for run in runs)
            last, times = frozen.user_attrs.get(DEATHS, (None, 0))
            times = times + 1 if epochs == last else 1
            trial.set_user_attr(DEATHS, (epochs, times))
            if times >= MAX_KILLED:
                error = f"Killed {times} times in epoch {epochs + 1}, never finishing it (out of memory?)"
                self._fail(trial, error)
                for run in runs:
                    if run.folder.is_dir() and run.metrics().get("status") != "finished":
                        run.record({"status": "failed", "error": error})
                lock.release()
                return None
        return self._claim(trial, lock)

    def _claim(self, trial: Trial, lock: FileLock) -> Claim:
        values = {parameter.name: parameter.suggest(trial) for parameter in self.plan.space}
        return Claim(trial=trial, values=values, lock=lock)

    def _sampler(self, number: int) -> Any:
        """Fresh for each trial, its seed a function of the trial's number: killed or not, the same draws."""
        node = self.plan.options["sampler"]
        seed = node.get("seed")
        # A quasi-random sequence is one sequence: its seed scrambles the whole of it.
        if isinstance(seed, int) and not str(node["_target_"]).endswith("QMCSampler"):
            (trial_seed,) = np.random.SeedSequence([abs(seed), number]).generate_state(1)
            return self._build("sampler", seed=int(trial_seed))
        return self._build("sampler")

    def run_folders(self, number: int) -> dict[str, Path]:
        """The folder of each run of a trial."""
        return {repeat: self.folder.trial(number) / repeat for repeat in self.plan.repeats}

    def trial(self, number: int) -> Trial:
        """A trial by its number, to report to."""
        return Trial(self.optuna, self.trials()[number]._trial_id)

    def pruner(self, trial: Trial) -> Callable[[int, float], bool] | None:
        """Whether the trial should stop, asked with (epoch, metric); None where nothing is pruned."""
        if self.plan.options["pruner"] is None:
            return None

        def should_stop(epoch: int, value: float) -> bool:
            if epoch not in self.trials()[trial.number].intermediate_values:  # a resumed run comes by again
                trial.report(value, epoch)
            return trial.should_prune()

        return should_stop

    def attempt(self, claim: Claim) -> int:
        """Count one more try of a trial; how many that makes."""
        tries: int = claim.trial.user_attrs.get(ATTEMPTS, 0) + 1
        claim.trial.set_user_attr(ATTEMPTS, tries)
        return tries

    def finish(self, claim: Claim, value: float) -> None:
        self.optuna.tell(claim.number, value)
        claim.lock.release()

    def prune(self, claim: Claim) -> None:
        self.optuna.tell(claim.number, state=TrialState.PRUNED)
        claim.lock.release()

    def fail(self, claim: Claim, error: str) -> None:
        self._fail(claim.trial, error)
        claim.lock.release()

    def _fail(self, trial: Trial, error: str) -> None:
        trial.set_user_attr(ERROR, error)
        self.optuna.tell(trial.number, state=TrialState.FAIL)
        log.warning("Trial %d failed: %s", trial.number, error)
