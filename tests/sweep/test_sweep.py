"""Whole sweeps, as a user starts them; most with a training that only notes what it was asked."""

from __future__ import annotations

import csv
import errno
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pellucid.run.folder import Run
from pellucid.sweep.summary import write_report
from pellucid.system.files import write_atomically
from tests.helpers import CONF, metrics
from tests.sweep.conftest import FakeTraining, Sweep, rows

LOG = "optimizer.lr=tag(log,interval(1e-4,1e-2))"
GRID = "optimizer.lr=1e-3,1e-2"


SLOW = pytest.mark.slow


def some(cases: Iterable[Any]) -> list[Any]:
    """Every third of them; the others are slow tests."""
    return [pytest.param(case, marks=() if n % 3 == 0 else SLOW) for n, case in enumerate(cases)]


def folder(name: str) -> Path:
    return Path("outputs", "sweeps", name)


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


def test_another_sweep_of_that_name_is_refused(sweep: Sweep, training: FakeTraining) -> None:
    assert sweep(GRID, "sweep.name=a").code == 0
    before = {path: path.read_bytes() for path in folder("a").rglob("*") if path.is_file()}
    ended = sweep("optimizer.lr=1e-3,1e-2,1e-1", "model.dropout=0.3", "seed=3", "sweep.name=a")
    assert ended.code == 2
    assert "optimizer.lr: choice(0.001,0.01) before, choice(0.001,0.01,0.1) now" in ended.err
    assert "model.dropout: 0.25 before, 0.3 now" in ended.err
    assert "seed: 0 before, 3 now" in ended.err
    assert {path: path.read_bytes() for path in folder("a").rglob("*") if path.is_file()} == before


@SLOW
def test_only_what_decides_must_stay(sweep: Sweep, training: FakeTraining) -> None:
    assert sweep(GRID, "sweep.name=a").code == 0
    assert sweep(GRID, "sweep.seeds=2", "sweep.name=a").code == 2
    assert sweep("sweep=random", GRID, "sweep.name=a").code == 2
    assert sweep(GRID, "seed=0", "sweep.retries=1", "sweep.name=a").code == 0  # says the same


@SLOW
def test_the_configuration_files_are_those_of_the_beginning(
    sweep: Sweep, training: FakeTraining, tmp_path: Path
) -> None:
    conf = tmp_path / "conf"
    shutil.copytree(CONF, conf)
    line = (GRID, "sweep.name=a", "sweep.max_failures=1")

    def breaks(config: dict[str, Any]) -> float:
        raise RuntimeError("not yet")

    training.result = breaks
    assert sweep(*line, conf=conf).code == 1
    yaml = conf / "model" / "dnn.yaml"
    yaml.write_text(yaml.read_text().replace("dropout: 0.25", "dropout: 0.7"))
    (conf / "optimizer" / "adam.yaml").write_text("{broken")
    training.result = lambda config: 0.5
    assert sweep(GRID, "sweep.name=a", "sweep.max_failures=2", conf=conf).code == 1  # the first has failed
    assert [call["config"]["model"]["dropout"] for call in training.calls] == [0.25, 0.25]
    assert [row["state"] for row in rows("a")] == ["failed", "finished"]


@SLOW
def test_without_a_name_every_sweep_has_a_folder_of_its_own(sweep: Sweep, training: FakeTraining) -> None:
    assert sweep(GRID).code == 0
    assert sweep(GRID).code == 0
    names = [path.name for path in Path("outputs/sweeps").iterdir()]
    assert len(names) == 2
    assert sweep(GRID, f"sweep.name={names[0]}").code == 0
    assert len(training.calls) == 4


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


@SLOW
def test_a_sampler_that_has_tried_everything_ends_the_sweep(sweep: Sweep, training: FakeTraining) -> None:
    line = ["sweep=random", GRID, "sweep.sampler._target_=optuna.samplers.BruteForceSampler", "sweep.name=a"]
    for _ in range(2):
        assert sweep(*line).code == 0
        assert sorted(row["optimizer.lr"] for row in rows("a")) == ["0.001", "0.01"]


@SLOW
def test_models_of_different_tasks_are_ranked_by_what_both_log(sweep: Sweep, training: FakeTraining) -> None:
    training.result = lambda config: 0.5
    sweep("model=dnn,autoencoder", "sweep.name=a", "sweep.metric=val/loss")
    assert json.loads((folder("a") / "sweep.json").read_text())["sweep"]["direction"] == "minimize"


@SLOW
def test_a_space_may_stand_in_a_file(sweep: Sweep, training: FakeTraining, tmp_path: Path) -> None:
    user = tmp_path / "mine" / "experiment"
    user.mkdir(parents=True)
    (user / "tune.yaml").write_text(
        "# @package _global_\n"
        "defaults: [{override /sweep: random}]\n"
        "sweep: {trials: 3}\n"
        "hydra: {sweeper: {params: {optimizer.lr: 'tag(log,interval(1e-4,1e-2))',\n"
        "  model.dropout: '0.1,0.2'}}}\n"
    )
    line = (f"--config-dir={user.parent}", "experiment=tune", "model.dropout=0.3,0.4", "sweep.name=a")
    assert sweep(*line).code == 0
    assert {row["model.dropout"] for row in rows("a")} <= {"0.3", "0.4"}
    assert len({row["optimizer.lr"] for row in rows("a")}) == 3
    shutil.rmtree(user.parent)
    assert sweep(*line, "sweep.trials=4").code == 0  # its files were kept, too
    assert len(training.calls) == 4


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
def test_the_report_says_what_the_sampler_was_told(sweep: Sweep, training: FakeTraining) -> None:
    """Whatever has become of the runs since, and wherever it is written."""
    training.result = lambda config: {1e-3: 0.3, 1e-2: 0.5, 1e-1: 0.4}[config["optimizer"]["lr"]]
    assert sweep("optimizer.lr=1e-3,1e-2,1e-1", "sweep.name=a").code == 0
    Run(folder("a") / "0").record({"val/accuracy": 0.9})
    shutil.rmtree(folder("a") / "1")
    (folder("a") / "2" / "metrics.csv").write_text("epoch,val/accuracy\nx,\n1\n,,,\n")
    before = (folder("a") / "report.html").read_bytes()
    write_report(folder("a"), storage=None, out=Path("elsewhere"))
    with Path("elsewhere", "trials.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert [(row["state"], row["val/accuracy"]) for row in found] == [
        ("finished", "0.3"),
        ("finished", "0.5"),
        ("finished", "0.4"),
    ]
    assert (folder("a") / "report.html").read_bytes() == before


@SLOW
def test_a_report_that_cannot_be_written_ends_no_sweep(
    sweep: Sweep, training: FakeTraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [OSError(errno.EACCES, "Permission denied"), OSError(errno.EACCES, "Permission denied")]

    def hindered(path: Path, content: bytes) -> None:
        if left and path.name == "report.html":
            raise left.pop()
        write_atomically(path, content)

    monkeypatch.setattr("pellucid.sweep.summary.write_atomically", hindered)
    ended = sweep("optimizer.lr=1e-3,1e-2,1e-1", "sweep.name=a")
    assert ended.code == 0
    assert (ended.out + ended.err).count("report could not be written") == 2
    assert [row["state"] for row in rows("a")] == ["finished"] * 3


def test_a_folder_with_other_files_is_left_alone(sweep: Sweep, training: FakeTraining) -> None:
    mine = Path("mine", "conf", "mine.txt")
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    ended = sweep(GRID, "hydra.sweep.dir=mine")
    assert ended.code == 2
    assert "holds other files" in ended.err
    assert [path for path in Path("mine").rglob("*") if path.is_file()] == [mine]
    assert not training.calls


@SLOW
@pytest.mark.parametrize("damage", ["{", "{}", None])
def test_a_damaged_definition_is_told(sweep: Sweep, training: FakeTraining, damage: str | None) -> None:
    line = (GRID, "sweep.name=a")
    assert sweep(*line).code == 0
    definition = folder("a") / "sweep.json"
    if damage is None:
        definition.unlink()
    else:
        definition.write_text(damage)
    before = {path: path.read_bytes() for path in folder("a").rglob("*") if path.is_file()}
    ended = sweep(*line)
    assert ended.code == 2
    assert ("sweep.json is damaged" if damage else "holds another sweep") in ended.err
    assert {path: path.read_bytes() for path in folder("a").rglob("*") if path.is_file()} == before


@SLOW
def test_null_is_a_value(sweep: Sweep) -> None:
    assert sweep("trainer.gradient_clip_val=null,1.0", "sweep.name=a").code == 0
    assert [row["trainer.gradient_clip_val"] for row in rows("a")] == ["null", "1.0"]


BAD = {
    "optimizer.lrr=1e-3,1e-2": "Did you mean 'lr'",
    "optimizer.lr=choice()": "empty choice",
    "sweep=tpe optimizer.lr=interval(1e-1,1e-3)": "low end 0.1 is above its high end 0.001",
    "sweep=tpe optimizer.lr=tag(log,interval(0,1))": "needs a low end above 0",
    "optimizer.lr=interval(1e-3,1e-1)": "an interval has no end of values",
    "optimizer.lr=1e-3,1e-2,0.001": "stands there twice",
    "sweep=tpe": "nothing to search",
    "sweep=tpe optimizer.lr=1e-3,1e-2 sweep.trials=0": "sweep.trials: expected a whole number of at least 1",
    "sweep=tpe optimizer.lr=1e-3,1e-2 sweep.trials=null": "sweep.trials",
    "optimizer.lr=1e-3,1e-2 sweep.seeds=1.5": "sweep.seeds",
    "optimizer.lr=1e-3,1e-2 sweep.metric=val/acuracy": "Choices: val/loss, val/accuracy",
    "optimizer.lr=1e-3,1e-2 sweep.metric=test/accuracy": "choose on validation",
    "optimizer.lr=1e-3,1e-2 sweep.direction=up": "sweep.direction",
    "optimizer.lr=1e-3,1e-2 sweep.name=a/b": "expected a plain name",
    "optimizer.lr=1e-3,1e-2 sweep.storage=nonsense": "sweep.storage=nonsense",
    "optimizer.lr=1e-3,1e-2 sweep.trails=3": "Did you mean 'sweep.trials'",
    "sweep=tpe sweep.sampler.sead=3 optimizer.lr=1e-3,1e-2": "Did you mean 'seed'",
    "sweep=tpo optimizer.lr=1e-3,1e-2": "Did you mean 'tpe'",
    "sweep.trials=1,2 optimizer.lr=1e-3": "takes one value",
    "model.hidden=[64],[0.5]": "model.hidden",
    "seed=0,1 sweep.seeds=2": "leave one of the two out",
    "model=dnn,autoencoder": "different tasks, whose metrics do not compare",
    "+trainer.gradient_clip_val=null,1.0": "it is there already",
    "--cfg job optimizer.lr=1e-3,1e-2": "leave -m",
}


@pytest.mark.parametrize("line", some(BAD))
def test_bad_input_is_told_before_the_first_trial(sweep: Sweep, training: FakeTraining, line: str) -> None:
    ended = sweep(*line.split())
    assert ended.code == 2
    assert BAD[line] in ended.err
    assert "Traceback" not in ended.err
    assert not training.calls
    assert not Path("outputs").exists() or not any(Path("outputs").rglob("*.*"))
