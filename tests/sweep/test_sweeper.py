"""Whole sweeps, as a user starts them: which trials they run, in which order, and when they end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from omegaconf import OmegaConf

from pellucid.sweep import sweeper
from pellucid.sweep.sweeper import _threads, _workers
from pellucid.system.console import _Console, _Kept
from tests.helpers import metrics
from tests.sweep.conftest import GRID, LOG, SLOW, FakeTraining, Sweep, folder, rows


def test_every_combination_in_the_order_of_the_line(sweep: Sweep) -> None:
    ended = sweep("optimizer.lr=1e-3,1e-2", "model.dropout=0.1,0.2", "sweep.name=a")
    assert ended.code == 0, ended.err
    found = [(row["optimizer.lr"], row["model.dropout"], row["state"]) for row in rows("a")]
    assert found == [(lr, p, "finished") for lr in ("0.001", "0.01") for p in ("0.1", "0.2")]
    for number, row in enumerate(rows("a")):
        values = metrics(folder("a") / str(number))
        assert values["status"] == "finished"
        assert float(row["val/accuracy"]) == values["val/accuracy"] > 0.5
        assert float(row["test/accuracy"]) == values["test/accuracy"]
    best = max(rows("a"), key=lambda row: float(row["val/accuracy"]))
    assert f"Best: trial {best['number']} " in ended.out
    assert f"optimizer.lr={best['optimizer.lr']} model.dropout={best['model.dropout']}" in ended.out
    assert (folder("a") / "report.html").is_file()


def test_no_number_of_the_means_is_cut_where_the_console_is_narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    trial = SimpleNamespace(
        number=0, parameters={"optimizer.weight_decay": 0.009735}, seeds={0: 0.25, 1: 0.75}, tests={}
    )
    means = SimpleNamespace(
        ranked=lambda: [trial],
        parameters=[SimpleNamespace(name="optimizer.weight_decay")],
        seeds=2, repeat="seed", metric="val/accuracy", interval=lambda _: 6.353,
    )  # fmt: skip
    shown = _Kept()
    monkeypatch.setattr(sweeper, "console", _Console(file=shown, width=60))
    sweeper._show_means(means)  # type: ignore[arg-type]
    (row,) = [line for line in shown.getvalue().splitlines() if "val/accuracy" in line]
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == ["0", "0.009735", "val/accuracy", "2", "0.5000", "0.3536", "−5.8530 to 6.8530"]


@SLOW
def test_finished_trials_are_not_run_again(sweep: Sweep, training: FakeTraining) -> None:
    line = ("sweep=tpe", LOG, "sweep.name=a")
    assert sweep(*line, "sweep.trials=2").code == 0
    assert sweep(*line, "sweep.trials=2").code == 0
    assert len(training.calls) == 2
    assert sweep(*line, "sweep.trials=5").code == 0
    assert [call["folder"].name for call in training.calls] == ["0", "1", "2", "3", "4"]
    assert len({call["config"]["optimizer"]["lr"] for call in training.calls}) == 5


@SLOW
@pytest.mark.parametrize("sampler", ["tpe", "cma-es"])
def test_a_sweep_in_two_parts_draws_what_one_in_one_part_draws(
    sweep: Sweep, training: FakeTraining, sampler: str
) -> None:
    line = [f"sweep={sampler}", LOG, "model.dropout=interval(0,0.5)"]
    line += ["sweep.sampler.n_startup_trials=3"] if sampler == "tpe" else []
    for name, trials in (("whole", 6), ("parts", 4), ("parts", 6)):
        assert sweep(*line, f"sweep.name={name}", f"sweep.trials={trials}").code == 0
    whole, parts = ([(r["optimizer.lr"], r["model.dropout"]) for r in rows(n)] for n in ("whole", "parts"))
    assert whole == parts
    assert len(set(whole)) == 6


@SLOW
def test_the_sampler_seed_decides(sweep: Sweep, training: FakeTraining) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        line = ("sweep=random", LOG, "sweep.trials=2", f"sweep.sampler.seed={seed}", f"sweep.name={name}")
        assert sweep(*line).code == 0
    drawn = {name: [row["optimizer.lr"] for row in rows(name)] for name in "abc"}
    assert drawn["a"] == drawn["b"] != drawn["c"]


@pytest.mark.parametrize(
    ("option", "begun"), [("sweep.max_failures=2", 2), pytest.param("sweep.fail_fast=true", 1, marks=SLOW)]
)
def test_a_limit_on_failures_stops_the_sweep(
    sweep: Sweep, training: FakeTraining, option: str, begun: int
) -> None:
    training.result = lambda config: float("nan")
    ended = sweep("optimizer.lr=1e-4,1e-3,1e-2,1e-1", "sweep.name=a", option)
    assert ended.code == 1
    assert len(training.calls) == begun
    assert "Stopped" in ended.out
    assert sum(row["state"] == "failed" for row in rows("a")) == begun
    assert sum(row["state"] == "waiting" for row in rows("a")) == 4 - begun
    assert "val/accuracy is nan" in rows("a")[0]["error"]


@SLOW
def test_a_sampler_that_has_tried_everything_ends_the_sweep(sweep: Sweep, training: FakeTraining) -> None:
    line = ["sweep=random", GRID, "sweep.sampler._target_=optuna.samplers.BruteForceSampler", "sweep.name=a"]
    for _ in range(2):
        assert sweep(*line).code == 0
        assert sorted(row["optimizer.lr"] for row in rows("a")) == ["0.001", "0.01"]


@SLOW
def test_fewer_trials_than_there_are(sweep: Sweep, training: FakeTraining) -> None:
    """With a name that shells, Hydra and the console's markup might all take for their own."""
    name = "it's a [b] ü"
    line = ("sweep=random", LOG, "sweep.name='it\\'s a [b] ü'")
    assert sweep(*line, "sweep.trials=3").code == 0
    ended = sweep(*line, "sweep.trials=2")
    assert ended.code == 0
    assert f"Sweep {name}: 3 finished of 2 trials." in ended.out
    assert len(rows(name)) == len(training.calls) == 3


@SLOW
def test_null_is_a_value(sweep: Sweep) -> None:
    assert sweep("trainer.gradient_clip_val=null,1.0", "sweep.name=a").code == 0
    assert [row["trainer.gradient_clip_val"] for row in rows("a")] == ["null", "1.0"]


@pytest.mark.parametrize(
    ("workers", "jobs", "count"),
    [(3, 8, 3), ("auto", None, 4), ("auto", 2, 2), ("auto", -1, 8), ("auto", -3, 6), ("auto", -99, 1)],
)
def test_how_many_workers(
    workers: Any, jobs: int | None, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pellucid.sweep.sweeper._processors", lambda: 8)
    launcher = {} if jobs is None else {"n_jobs": jobs}
    plan: Any = SimpleNamespace(options={"workers": workers})
    assert _workers(plan, OmegaConf.create({"hydra": {"launcher": launcher}})) == count


@pytest.mark.parametrize(
    ("threads", "launcher", "count"),
    [
        (5, {"cpus_per_task": 2}, 5),
        ("auto", {"cpus_per_task": 2}, 2),
        ("auto", {"ray": {"remote": {"num_cpus": 0.5}}}, 1),
        ("auto", {"cpus_per_task": None}, 2),  # of 8 processors for three workers
    ],
)
def test_how_many_threads_a_worker_has(
    threads: Any, launcher: dict[str, Any], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pellucid.sweep.sweeper._processors", lambda: 8)
    plan: Any = SimpleNamespace(options={"threads": threads})
    assert _threads(plan, OmegaConf.create({"hydra": {"launcher": launcher}}), 3) == count
