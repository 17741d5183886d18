"""Trials that raise, end their process, fill the disk, are pruned or have several seeds."""

from __future__ import annotations

import csv
import errno
from typing import Any

import pytest

from pellucid.run.folder import Run
from tests.helpers import metrics
from tests.sweep.conftest import GRID, SLOW, FakeTraining, Sweep, folder, rows


@pytest.mark.parametrize("options", [(), pytest.param(("sweep.retries=1",), marks=SLOW)])
def test_a_trial_that_raises_is_recorded_and_the_sweep_goes_on(
    sweep: Sweep, training: FakeTraining, options: tuple[str, ...]
) -> None:
    def result(config: dict[str, Any]) -> float:
        if config["optimizer"]["lr"] == 1e-3:
            raise RuntimeError("it broke")
        return 0.5

    training.result = result
    ended = sweep(GRID, "sweep.name=a", *options)
    assert ended.code == 1
    assert "Trial 0 failed: RuntimeError: it broke" in ended.out + ended.err
    assert [(row["state"], row["error"]) for row in rows("a")] == [
        ("failed", "RuntimeError: it broke"),
        ("finished", ""),
    ]
    run = Run(folder("a") / "0")
    assert run.metrics()["status"] == "failed"
    assert "Traceback" in run.log.read_text()
    assert "in result" in run.log.read_text()
    assert len(training.calls) == 2 + len(options)


@SLOW
def test_a_retried_trial_may_succeed(sweep: Sweep, training: FakeTraining) -> None:
    def result(config: dict[str, Any]) -> float:
        if len(training.calls) < 3:
            raise OSError("the network file system was away")
        return 0.5

    training.result = result
    assert sweep(GRID, "sweep.name=a", "sweep.retries=2").code == 0
    assert [row["state"] for row in rows("a")] == ["finished", "finished"]
    assert [call["folder"].name for call in training.calls] == ["0", "0", "0", "1"]


@SLOW
def test_a_full_disk_stops_the_sweep_and_loses_nothing(sweep: Sweep, training: FakeTraining) -> None:
    def result(config: dict[str, Any]) -> float:
        if config["optimizer"]["lr"] == 1e-2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return 0.5

    training.result = result
    ended = sweep("optimizer.lr=1e-3,1e-2,1e-1", "sweep.name=a")
    assert ended.code == 2
    assert "disk is full" in ended.err
    assert len(training.calls) == 2
    training.result = lambda config: 0.6
    assert sweep("optimizer.lr=1e-3,1e-2,1e-1", "sweep.name=a").code == 0
    assert [row["val/accuracy"] for row in rows("a")] == ["0.5", "0.6", "0.6"]


@pytest.mark.slow
def test_the_mean_over_seeds_is_optimised(sweep: Sweep, training: FakeTraining) -> None:
    training.result = lambda config: config["optimizer"]["lr"] + config["seed"] / 10
    assert sweep("optimizer.lr=1e-3,1e-2", "seed=3", "sweep.seeds=3", "sweep.name=a").code == 0
    assert [call["folder"].relative_to(folder("a").absolute()).as_posix() for call in training.calls] == [
        f"{trial}/seed_{seed}" for trial in (0, 1) for seed in (3, 4, 5)
    ]
    assert [float(row["val/accuracy"]) for row in rows("a")] == pytest.approx([0.401, 0.41])
    assert [float(row["val/accuracy std"]) for row in rows("a")] == pytest.approx([0.1, 0.1])


@pytest.mark.parametrize(
    ("line", "seeds"),
    [
        (("sweep.seeds=3",), (0, 1, 2)),
        (("seed=0,1,2",), (0, 1, 2)),
        pytest.param(("seed=range(3,6)",), (3, 4, 5), marks=pytest.mark.slow),
        pytest.param(("seed=3", "sweep.seeds=3"), (3, 4, 5), marks=pytest.mark.slow),
        pytest.param(("seed=7,1,42",), (7, 1, 42), marks=pytest.mark.slow),
        pytest.param(("data.seed=0,1,2",), (0, 1, 2), marks=pytest.mark.slow),
    ],
)
def test_seeds_repeat_a_trial_and_none_is_chosen(
    sweep: Sweep, training: FakeTraining, line: tuple[str, ...], seeds: tuple[int, ...]
) -> None:
    split = line[0].startswith("data.")
    training.result = lambda config: (
        config["optimizer"]["lr"] + seeds.index(config["data"]["seed"] if split else config["seed"]) / 10
    )
    ended = sweep("optimizer.lr=1e-3,1e-2", *line, "sweep.name=a")
    assert ended.code == 0, ended.err
    kind = "split" if split else "seed"
    names = [call["folder"].relative_to(folder("a").absolute()).as_posix() for call in training.calls]
    assert names == [f"{trial}/{kind}_{seed}" for trial in (0, 1) for seed in seeds]
    assert [float(row["val/accuracy"]) for row in rows("a")] == pytest.approx([0.101, 0.11])
    assert [float(row["val/accuracy std"]) for row in rows("a")] == pytest.approx([0.1, 0.1])
    assert [row["n"] for row in rows("a")] == ["3", "3"]
    if not split:  # 0.1 / √3 by t of two degrees of freedom
        assert float(rows("a")[0]["val/accuracy ci95"]) == pytest.approx(4.30265 * 0.1 / 3**0.5, rel=1e-5)
    assert not any("seed" in name for name in rows("a")[0])
    (best,) = [line for line in ended.out.splitlines() if line.startswith("Best")]
    assert best.split() == ["Best:", "trial", "1", "mean", "val/accuracy", "0.1100", "optimizer.lr=0.01"]
    assert f"Spread over {kind}s" in (folder("a") / "report.html").read_text()
    assert all(set(call["trial"].parameters) == {"optimizer.lr"} for call in training.calls)
    assert sweep("optimizer.lr=1e-3,1e-2", *line, "sweep.name=a").code == 0, "continued"
    assert len(training.calls) == 6
    assert sweep("optimizer.lr=1e-3,1e-2", "seed=1,7,42", "sweep.name=a").code == 2, "begun otherwise"


def test_seeds_alone_have_no_best(sweep: Sweep, training: FakeTraining) -> None:
    training.result = lambda config: 0.5 + config["seed"] / 10
    ended = sweep("seed=0,1,2", "sweep.name=a")
    assert ended.code == 0, ended.err
    assert "Best" not in ended.out
    assert [row["state"] for row in rows("a")] == ["finished"]
    # 0.6 ± 4.3027 × 0.1 / √3
    assert "0.3516 to 0.8484" in ended.out


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        ("sweep=folds", "data.folds=3"),
        ("sweep=folds", "sweep.folds=3"),
        ("data.folds=3", "data.fold=range(0,3)"),
        ("data.folds=3", "data.fold=2,0,1"),
    ],
)
def test_folds_are_runs_of_one_trial(sweep: Sweep, training: FakeTraining, line: tuple[str, ...]) -> None:
    training.result = lambda config: config["optimizer"]["lr"] + config["data"]["fold"] / 10
    ended = sweep("optimizer.lr=1e-3,1e-2", *line, "sweep.name=a")
    assert ended.code == 0, ended.err
    assert [call["folder"].relative_to(folder("a").absolute()).as_posix() for call in training.calls] == [
        f"{trial}/fold_{fold}" for trial in (0, 1) for fold in range(3)
    ]
    assert {call["config"]["data"]["folds"] for call in training.calls} == {3}
    assert [float(row["val/accuracy"]) for row in rows("a")] == pytest.approx([0.101, 0.11])
    assert [float(row["val/accuracy std"]) for row in rows("a")] == pytest.approx([0.1, 0.1])
    assert "Spread over folds" in (folder("a") / "report.html").read_text()


def test_some_of_the_folds_are_searched_as_any_option(sweep: Sweep, training: FakeTraining) -> None:
    assert sweep("data.folds=5", "data.fold=0,1", "sweep.name=a").code == 0
    assert [row["data.fold"] for row in rows("a")] == ["0", "1"]


def test_one_configuration_over_its_folds(sweep: Sweep, training: FakeTraining) -> None:
    assert sweep("sweep=folds", "sweep.name=a").code == 0
    assert len(rows("a")) == 1
    assert len(training.calls) == 5


@SLOW
def test_each_image_is_predicted_once_by_a_run_that_had_not_seen_it(sweep: Sweep) -> None:
    line = ("sweep=folds", "data.folds=3", "model=dnn", "trainer.max_epochs=1", "callbacks=none")
    assert sweep(*line, "sweep.name=a").code == 0
    with (folder("a") / "0" / "out_of_fold.csv").open() as file:
        predicted = list(csv.DictReader(file))
    assert len({row["file"] for row in predicted}) == len(predicted) == 1797
    for fold in range(3):
        right = [row["right"] == "True" for row in predicted if row["fold"] == str(fold)]
        accuracy = metrics(folder("a") / "0" / f"fold_{fold}")["test/accuracy"]
        assert sum(right) / len(right) == pytest.approx(accuracy)


def test_a_pruned_trial_has_not_failed(sweep: Sweep) -> None:
    pruner = "{_target_:optuna.pruners.SuccessiveHalvingPruner,min_resource:1,reduction_factor:2}"
    ended = sweep("optimizer.lr=1e-2,1e-5", "sweep.name=a", "trainer.max_epochs=4", f"sweep.pruner={pruner}")
    assert ended.code == 0, ended.err
    assert [row["state"] for row in rows("a")] == ["finished", "pruned"]
    values = metrics(folder("a") / "1")
    assert values["status"] == "pruned"
    assert values["epochs"] == 1
    assert values["val/accuracy"] == float(rows("a")[1]["val/accuracy"])
    assert "test/accuracy" not in values


@pytest.mark.parametrize("code", [0, pytest.param(3, marks=SLOW)])
def test_a_trial_that_ends_its_process_has_failed(sweep: Sweep, training: FakeTraining, code: int) -> None:
    def result(config: dict[str, Any]) -> float:
        if config["optimizer"]["lr"] == 1e-3:
            raise SystemExit(code)
        return 0.5

    training.result = result
    assert sweep(GRID, "sweep.name=a").code == 1
    assert [(row["state"], row["error"]) for row in rows("a")] == [
        ("failed", f"RuntimeError: The trial called sys.exit({code})"),
        ("finished", ""),
    ]
