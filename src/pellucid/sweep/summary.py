"""A sweep's table and page, from its storage and the folders of its runs."""

from __future__ import annotations

import logging
import os
import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from pellucid.config.space import Parameter
from pellucid.errors import UserError, typed
from pellucid.report.sweep import page as report
from pellucid.run.folder import Run
from pellucid.sweep.content import ERROR, TOTAL, check_content
from pellucid.sweep.folder import SweepFolder
from pellucid.sweep.journal import read_storage
from pellucid.system.files import write_atomically

STATES: dict[TrialState, report.State] = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}
log = logging.getLogger(__name__)
MIN_TRIALS = 10  # finished trials, for the importance of parameters to mean something


class SweepSummary:
    """Writes ``trials.csv`` and ``report.html`` into the sweep's folder, or ``out``.

    ``total``: the trials it is to have in the end.
    """

    def __init__(
        self, folder: SweepFolder, study: optuna.Study, *, total: int, out: Path | None = None
    ) -> None:
        self.folder, self.study, self.total = folder, study, total
        self.out = out or folder.folder
        self.definition = folder.definition()
        self.metric: str = self.definition["sweep"]["metric"]
        self.space = [Parameter.from_dict(entry) for entry in self.definition["space"].values()]
        options = self.definition["sweep"]
        self.repeat: report.Repeat = "fold" if "folds" in options else options.get("repeat", "seed")
        self._done: dict[int, report.TrialRecord] = {}

    def write(self, *, wait: bool) -> None:
        """Both files, whole. Unless it is to ``wait``, it is left to another process that is at it now."""
        self.out.mkdir(parents=True, exist_ok=True)
        if self.out != self.folder.folder:  # which may not be written
            self._write()
            return
        lock = self.folder.lock("report")
        if not lock.acquire(wait=wait):
            return
        try:
            self._write()
        finally:
            lock.release()

    def _write(self) -> None:
        sweep = self.collect()
        if self.repeat == "fold":
            for trial in sweep.trials:
                self._join_folds(trial)
        write_atomically(self.out / "trials.csv", report.table(sweep).encode())
        write_atomically(self.out / "report.html", report.page(sweep).encode())

    def _join_folds(self, trial: report.TrialRecord) -> None:
        """Write what a finished trial's runs predict of the folds that they have not seen as one table."""
        home = self.folder.trial(trial.number)
        path = (home if self.out == self.folder.folder else self.out / str(trial.number)) / "out_of_fold.csv"
        files = [Run(folder).out_of_fold for folder in sorted(home.glob("fold_*"), key=_number)]
        if trial.state == "finished" and not path.exists() and all(file.is_file() for file in files):
            tables = [file.read_bytes().partition(b"\n") for file in files]
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, b"\n".join([tables[0][0], b"".join(rows for _, _, rows in tables)]))

    def collect(self) -> report.Sweep:
        """All that is known of the sweep now."""
        options = self.definition["sweep"]
        return report.Sweep(
            name=self.folder.folder.name,
            metric=self.metric,
            direction=options["direction"],
            total=self.total,
            seeds=options.get("folds", options["seeds"]),
            repeat=self.repeat,
            parameters=tuple(_described(parameter) for parameter in self.space),
            trials=tuple(self._trial(frozen) for frozen in self.study.get_trials(deepcopy=False)),
            importance=self._importance(),
            description=dict(self._description()),
            command=self.definition["command"],
        )

    def found(self) -> dict[str, Any]:
        """What it has found, for ``--json``: the best trial's number, and of each trial its options, the mean
        of the metric over its runs, and their test figures.
        """
        sweep = self.collect()
        best = sweep.best()
        return {
            "folder": self.folder.folder,
            "metric": sweep.metric,
            "direction": sweep.direction,
            "best": best.number if best else None,
            "trials": [
                {
                    "number": trial.number,
                    "state": trial.state,
                    "options": trial.parameters,
                    "value": trial.value,
                    "runs": trial.seeds,
                    "tests": trial.tests,
                    "seconds": trial.seconds,
                    "folder": trial.folder,
                    "error": trial.error,
                }
                for trial in sorted(sweep.trials, key=lambda trial: trial.number)
            ],
        }

    def _trial(self, frozen: FrozenTrial) -> report.TrialRecord:
        if frozen.number in self._done:
            return self._done[frozen.number]
        home = self.folder.trial(frozen.number)
        runs = [Run(folder) for folder in sorted(home.glob(f"{self.repeat}_*"), key=_number) or [home]]
        figures = [run.metrics() for run in runs]
        pairs = [
            (f.get("seed") if self.repeat == "seed" else _number(run.folder), f.get(self.metric))
            for run, f in zip(runs, figures, strict=True)
        ]
        values = {seed: value for seed, value in pairs if seed is not None and value is not None}
        parameters = frozen.params or frozen.system_attrs.get("fixed_params", {})
        pages = [run.folder / "report.html" for run in runs if (run.folder / "report.html").is_file()]
        trial = report.TrialRecord(
            number=frozen.number,
            state=STATES[frozen.state],
            parameters=parameters,
            # What the sampler was told; a run may have been trained on, or removed, since.
            value=frozen.value if frozen.state == TrialState.COMPLETE else report.mean(values.values()),
            seeds=values,
            tests=_by_run(figures, "test/"),
            seconds=sum(f.get("seconds/total", 0) for f in figures) or None,
            curves=tuple(tuple(_curve(run, self.metric)) for run in runs),
            folder=self._path(home),
            page=self._path(pages[0]) if pages else None,
            error=str(frozen.user_attrs.get(ERROR, "")),
            command=self._command(parameters),
        )
        if frozen.state.is_finished():
            self._done[frozen.number] = trial
        return trial

    def _path(self, path: Path) -> str:
        return Path(os.path.relpath(path, self.out)).as_posix() if path.exists() else ""

    def _command(self, values: Mapping[str, Any]) -> str:
        fixed = _of_a_run(self.definition["fixed"])
        searched = [p.override(values[p.name]) for p in self.space if p.name in values]
        files = [f"--config-dir={self.folder.user_conf}"] if self.folder.user_conf.is_dir() else []
        return typed("train", *files, *fixed, *searched)

    def _importance(self) -> dict[str, float]:
        """How much each parameter decides, as fractions of 1 (PED-ANOVA, Watanabe et al. 2023)."""
        finished = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len(finished) < MIN_TRIALS or len(self.space) < 2:
            return {}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return optuna.importance.get_param_importances(
                    self.study, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
                )
        except (ValueError, RuntimeError):  # all trials alike
            return {}

    def _description(self) -> Iterator[tuple[str, str]]:
        options = self.definition["sweep"]
        for part in ("sampler", "pruner"):
            target = options.get(f"{part}._target_")
            if target:
                rest = {k.split(".", 1)[1]: v for k, v in options.items() if k.startswith(f"{part}.")}
                rest.pop("_target_")
                text = ", ".join(f"{key} {value}" for key, value in rest.items())
                yield part, f"{target.rpartition('.')[2]}" + (f" ({text})" if text else "")
        if "sampler._target_" not in options:
            yield "sampler", "every combination"
        yield "fixed options", "  ".join(_of_a_run(self.definition["fixed"])) or "none"
        yield "storage", self.definition["storage"] or "journal in this folder"
        yield "versions", ", ".join(f"{name} {v}" for name, v in self.definition["versions"].items())


def write_report(path: Path, *, storage: str | None, out: Path | None) -> None:
    """The table and page of the sweep in that folder, from its storage. Raises UserError for none."""
    summary = open_summary(path, storage=storage, out=out)
    summary.write(wait=True)
    log.info("Report: %s", summary.out / "report.html")


def open_summary(path: Path, *, storage: str | None, out: Path | None = None) -> SweepSummary:
    """That of the sweep in a folder, with its storage. Raises UserError for none."""
    folder = SweepFolder.open(path)
    definition = folder.definition()
    url = storage or _known(definition["storage"], definition["name"])
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.load_study(study_name=definition["name"], storage=read_storage(folder, url))
    except KeyError as error:
        raise UserError(f"{folder.folder}: its storage does not know this sweep.") from error
    check_content(study, [Parameter.from_dict(entry).name for entry in definition["space"].values()])
    total = study.user_attrs.get(TOTAL) or len(study.get_trials(deepcopy=False))
    return SweepSummary(folder, study, total=total, out=out)


def _known(url: str | None, name: str) -> str | None:
    """The storage that ``sweep.json`` names, where it is a file that has the sweep.

    Raises UserError otherwise: which servers and files are opened is not for a folder of anybody's to say.
    """
    if url is None:
        return None
    path = Path(url.removeprefix("sqlite:///")).absolute()
    if url.startswith("sqlite:///") and path.is_file():
        with (
            suppress(sqlite3.Error),
            closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database,
        ):
            if database.execute("SELECT 1 FROM studies WHERE study_name = ?", (name,)).fetchone():
                return url
    raise UserError(f"The sweep's trials are in {url}. Name it, to have it opened: storage=<url>")


def _of_a_run(overrides: list[str]) -> list[str]:
    """The overrides that a single run takes too."""
    return [text for text in overrides if not text.lstrip("+").startswith(("sweep=", "sweep."))]


def _described(parameter: Parameter) -> report.SearchAxis:
    numeric = parameter.low is not None and parameter.values is None
    return report.SearchAxis(
        name=parameter.name,
        choices=None if numeric else parameter.values,
        low=parameter.low if numeric else None,
        high=parameter.high if numeric else None,
        log=parameter.log,
    )


def _by_run(figures: list[dict[str, Any]], prefix: str) -> dict[str, tuple[float, ...]]:
    names = dict.fromkeys(name for f in figures for name in f if name.startswith(prefix))
    return {name: tuple(f[name] for f in figures if f.get(name) is not None) for name in names}


def _curve(run: Run, metric: str) -> Iterator[tuple[int, float]]:
    for row in run.rows():
        if metric in row:  # not in an epoch without validation
            yield int(row["epoch"]), row[metric]


def _number(folder: Path) -> int:
    digits = folder.name.rpartition("_")[2]
    return int(digits) if digits.isdecimal() and len(digits) < 20 else -1
