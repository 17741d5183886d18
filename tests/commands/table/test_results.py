"""Rows, means and intervals of runs, by hand; which best value is told from the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from pellucid.commands.table.results import Result, main_metrics, read_result, tabulate
from pellucid.errors import UserError
from pellucid.run.folder import Run
from tests.commands.table.runs import fake_run

HIGHER = {"accuracy": True, "loss": False}


def results(folder: Path, **values: tuple[float, ...]) -> list[Result]:
    """Of each model a run for each of its test accuracies, with seeds from 0 on."""
    found = []
    for model, figures in values.items():
        for seed, test in enumerate(figures):
            run = Run(fake_run(folder / f"{model}_{seed}", model=model, seed=seed))
            found.append(read_result(run, {("val", "accuracy"): test / 2, ("test", "accuracy"): test}))
    return found


def test_mean_deviation_and_interval_are_those_worked_by_hand(tmp_path: Path) -> None:
    made = tabulate(results(tmp_path, cnn=(0.5, 0.7, 0.9), dnn=(0.4,)), ["model"], ["accuracy"], HIGHER, {})
    cnn, dnn = made.rows
    assert (cnn.labels, dnn.labels) == (("cnn",), ("dnn",))
    test = cnn.spreads["test", "accuracy"]
    assert test.mean == pytest.approx(0.7)
    assert test.std == pytest.approx(0.2)  # squares 0.04 + 0 + 0.04, by two
    assert test.half == pytest.approx(4.30265 * 0.2 / 3**0.5, rel=1e-5)
    assert cnn.spreads["val", "accuracy"].mean == pytest.approx(0.35)
    single = dnn.spreads["test", "accuracy"]
    assert (single.mean, single.std, single.half) == (0.4, None, None)
    assert not made.best, "a single seed has no interval to be told by"


def test_the_best_is_told_where_a_paired_test_allows_it(tmp_path: Path) -> None:
    # Differences 0.10, 0.11, 0.12: t = 0.11 / (0.01 / √3) = 19, p = 0.003, though the seeds spread widely.
    apart = results(tmp_path / "a", dnn=(0.40, 0.60, 0.80), cnn=(0.50, 0.71, 0.92))
    made = tabulate(apart, ["model"], ["accuracy"], HIGHER, {})
    assert made.best == {("val", "accuracy"): 1, ("test", "accuracy"): 1}
    assert tabulate(apart, ["model"], ["accuracy"], {"accuracy": False}, {}).best["test", "accuracy"] == 0
    assert not tabulate(apart, ["model"], ["accuracy"], {}, {}).best, "nobody knows which is better"
    # Of other seeds nothing is paired, and the spread hides the difference.
    others = [*apart[:3], *results(tmp_path / "b", cnn=(0, 0, 0, 0.50, 0.71, 0.92))[3:]]
    assert not tabulate(others, ["model"], ["accuracy"], HIGHER, {}).best
    # One of two others is not told apart.
    three = [*apart, *results(tmp_path / "c", xai=(0.52, 0.70, 0.92))]
    assert not tabulate(three, ["model"], ["accuracy"], HIGHER, {}).best


def test_rows_by_several_options_and_by_names(tmp_path: Path) -> None:
    runs = [
        fake_run(
            tmp_path / f"{lr}_{seed}", seed=seed, name=f"of {lr}", optimizer={"_target_": "SGD", "lr": lr}
        )
        for lr in (0.1, 0.01)
        for seed in (0, 1)
    ]
    found = [read_result(Run(run), {("test", "loss"): 1.0, ("val", "loss"): 2.0}) for run in runs]
    for by, labels in (
        (["optimizer.lr"], [("0.1",), ("0.01",)]),
        (["model", "optimizer.lr"], [("cnn", "0.1"), ("cnn", "0.01")]),
        (["name"], [("of 0.1",), ("of 0.01",)]),
    ):
        made = tabulate(found, by, ["loss"], HIGHER, {})
        assert [row.labels for row in made.rows] == labels
        assert not made.mixed
    (mixed,) = tabulate(found, ["model"], ["loss"], HIGHER, {}).mixed
    assert "differ in more than the seed: optimizer.lr" in mixed
    assert "by=[model,optimizer.lr]" in mixed


def test_a_row_of_different_images_is_refused(tmp_path: Path) -> None:
    runs = [fake_run(tmp_path / str(share), data={"val_fraction": share}) for share in (0.1, 0.2)]
    found = [read_result(Run(run), {("val", "loss"): 1.0}) for run in runs]
    with pytest.raises(
        UserError, match=r"different images \(data\.val_fraction: 0\.1, 0\.2\).*by=\[model,data"
    ):
        tabulate(found, ["model"], ["loss"], HIGHER, {})
    assert len(tabulate(found, ["data.val_fraction"], ["loss"], HIGHER, {}).rows) == 2


def test_the_newest_of_what_was_run_twice_counts(tmp_path: Path) -> None:
    runs = [fake_run(tmp_path / name, begun=when) for name, when in (("new", 2e9), ("old", 1e9))]
    found = [
        read_result(Run(run), {("test", "loss"): value}) for run, value in zip(runs, (1.0, 3.0), strict=True)
    ]
    made = tabulate(found, ["model"], ["loss"], HIGHER, {})
    assert made.rows[0].spreads["test", "loss"].values == (1.0,)
    assert list(made.left_out) == [str(runs[1])]


def test_folds_have_no_interval(tmp_path: Path) -> None:
    runs = [fake_run(tmp_path / str(fold), data={"folds": 3, "fold": fold}) for fold in range(3)]
    found = [read_result(Run(run), {("test", "loss"): 1.0 + fold}) for fold, run in enumerate(runs)]
    made = tabulate(found, ["model"], ["loss"], HIGHER, {})
    spread = made.rows[0].spreads["test", "loss"]
    assert (spread.mean, spread.std, spread.half) == (2, 1, None)
    assert "folds or splits alone share" in made.notes[0]


def test_splits_alone_have_no_interval_and_seeds_with_splits_are_told(tmp_path: Path) -> None:
    for kind, half in (("splits", None), ("both", 12.7062 * 0.5)):
        seeds = (0, 0) if kind == "splits" else (0, 1)
        runs = [
            fake_run(tmp_path / kind / str(split), seed=seed, data={"seed": split})
            for split, seed in enumerate(seeds)
        ]
        found = [read_result(Run(run), {("test", "loss"): 1.0 + index}) for index, run in enumerate(runs)]
        (row,) = tabulate(found, ["model"], ["loss"], HIGHER, {}).rows
        expected = half if half is None else pytest.approx(half, rel=1e-5)
        assert row.spreads["test", "loss"].half == expected


def test_unknown_options_and_metrics_are_told_with_the_nearest(tmp_path: Path) -> None:
    found = results(tmp_path, cnn=(0.5,))
    for by, metrics, message in (
        (["modl"], ["accuracy"], "by=modl: these runs have no such option. Did you mean 'model'"),
        (["model"], ["acuracy"], "metrics=acuracy: these runs have no such metric. Did you mean 'accuracy'"),
    ):
        with pytest.raises(UserError, match=message):
            tabulate(found, by, metrics, HIGHER, {})


def test_main_metrics_are_all_but_the_loss(tmp_path: Path) -> None:
    run = Run(fake_run(tmp_path / "a"))
    whole = read_result(run, {("val", "loss"): 1, ("val", "mae"): 1, ("val", "r2"): 1, ("test", "mae"): 1})
    assert main_metrics([whole]) == ("mae", "r2")
    assert main_metrics([whole, read_result(run, {("val", "loss"): 1, ("val", "mae"): 1})]) == ("mae",)
    assert main_metrics([read_result(run, {("val", "loss"): 1})]) == ("loss",)
