"""A table as Markdown, LaTeX and CSV, sign by sign."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from pellucid.commands.table.results import Results, read_result, tabulate
from pellucid.commands.table.text import left_out_lines, to_csv, to_latex, to_markdown
from pellucid.run.folder import Run
from tests.commands.table.runs import accuracies, fake_run
from tests.commands.table.test_results import HIGHER, results


def made(folder: Path, **values: tuple[float, ...]) -> Results:
    return tabulate(results(folder, **values), ["model"], ["accuracy"], HIGHER, {})


def test_markdown(tmp_path: Path) -> None:
    lines = to_markdown(made(tmp_path, a_b=(0.40, 0.60, 0.80), cnn=(0.50, 0.71, 0.92))).splitlines()
    # 4.30265 × 0.2 / √3 = 0.497 and 4.30265 × 0.21 / √3 = 0.522; validation is half of all.
    assert lines[:4] == [
        "| model |   n | accuracy ↑, validation | accuracy ↑, test |",
        "| ----- | --: | ---------------------: | ---------------: |",
        "| a_b   |   3 |            0.30 ± 0.25 |      0.60 ± 0.50 |",
        "| cnn   |   3 |        **0.35 ± 0.26** |  **0.71 ± 0.52** |",
    ]
    assert lines[4] == ""
    assert lines[5].startswith("Mean ± half the 95 % interval of the mean (Student's t) over seeds, n = 3. ")
    for text in ("chosen on validation", "Bold:", "Holm-corrected", "Data: digits.", "splits of its own"):
        assert text in lines[5]


def test_latex(tmp_path: Path) -> None:
    text = to_latex(made(tmp_path, a_b=(0.40, 0.60, 0.80), cnn=(0.50, 0.71, 0.92)))
    rows = [line.strip() for line in text.splitlines()]
    assert r"a\_b & 3 & $0.30 \pm 0.25$ & $0.60 \pm 0.50$ \\" in rows
    assert r"cnn & 3 & $\mathbf{0.35 \pm 0.26}$ & $\mathbf{0.71 \pm 0.52}$ \\" in rows
    assert r"& & \multicolumn{2}{c}{accuracy $\uparrow$} \\" in rows
    assert r"\begin{tabular}{lrcc}" in rows
    assert r"\cmidrule(lr){3-4}" in rows
    (caption,) = [row for row in rows if row.startswith(r"\caption{")]
    assert r"95 \% interval" in caption
    assert r"p $<$ 0.05" in caption
    assert all(rule in rows for rule in (r"\toprule", r"\midrule", r"\bottomrule"))
    for opening, closing in (("{", "}"), (r"\begin", r"\end")):
        assert text.count(opening) == text.count(closing)
    assert text.isascii()


def test_csv_has_all_digits(tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(made(tmp_path, cnn=(0.1, 0.2), dnn=(0.3,))))))
    assert [row["model"] for row in rows] == ["cnn", "dnn"]
    assert float(rows[0]["test/accuracy"]) == 0.15000000000000002
    assert [row["test/accuracy ci95"] != "" for row in rows] == [True, False]


def test_a_single_seed_has_no_interval_and_it_is_said(tmp_path: Path) -> None:
    both = to_markdown(made(tmp_path / "a", cnn=(0.1, 0.3), dnn=(0.3,)))
    assert "0.30 ± –" in both
    assert "n = 1 to 2" in both
    assert "A single seed has no interval: –." in both
    assert "No value is bold, as means were not tested against each other." in both
    single = to_markdown(made(tmp_path / "b", cnn=(0.1,), dnn=(0.3,)))
    assert "±" not in single
    assert "One seed each, which has no interval." in single
    latex = to_latex(made(tmp_path / "c", cnn=(0.1, 0.3), dnn=(0.3,)))
    assert r"dnn & 1 & $0.15 \pm$ -- & $0.30 \pm$ -- \\" in latex


def test_without_any_interval_none_is_spoken_of(tmp_path: Path) -> None:
    runs = [
        fake_run(tmp_path / f"{model}{split}", model=model, data={"seed": split})
        for model in ("cnn", "dnn")
        for split in (0, 1)
    ]
    found = [read_result(Run(run), {("test", "loss"): 1.0 + index}) for index, run in enumerate(runs)]
    text = to_markdown(tabulate(found, ["model"], ["loss"], {"loss": False}, {}))
    assert "±" not in text
    assert "Mean over runs, n = 2. " in text
    assert "No value is bold, as means were not tested against each other." in text
    assert "Runs over folds or splits alone share their images" in text


def test_rows_of_mixed_runs_are_not_tested_against_each_other(tmp_path: Path) -> None:
    found = results(tmp_path, cnn=(0.1, 0.2), dnn=(0.3, 0.5))
    made = tabulate(found, ["seed"], ["accuracy"], {"accuracy": True}, {})  # each row is of two models
    assert made.best == {}
    assert "No value is bold, as means were not tested against each other." in to_markdown(made)


def test_a_wide_interval_leaves_means_their_digits(tmp_path: Path) -> None:
    lines = to_markdown(made(tmp_path, cnn=(0.1, 3.9), dnn=(0.14, 0.18))).splitlines()
    # 12.7062 × 3.8 / 2 = 24.1418 and 12.7062 × 0.04 / 2 = 0.2541
    assert [line.split("|")[4].strip() for line in lines[2:4]] == ["2.00 ± 24.14", "0.16 ± 0.25"]
    (row,) = to_markdown(made(tmp_path / "one", cnn=(0.05, 3.0))).splitlines()[2:3]
    assert [cell.strip() for cell in row.split("|")[3:5]] == ["0.76 ± 9.37", "1.5 ± 18.7"]


def test_losses_of_two_tasks_are_not_compared(tmp_path: Path) -> None:
    runs = [
        fake_run(tmp_path / f"{task}{seed}", model=task, seed=seed, task={"_target_": f"tasks.{task}"})
        for task in ("Classification", "Reconstruction")
        for seed in (0, 1, 2)
    ]
    losses = (0.90, 0.91, 0.92, 0.01, 0.02, 0.03)
    found = [read_result(Run(run), {("test", "loss"): loss}) for run, loss in zip(runs, losses, strict=True)]
    made = tabulate(found, ["model"], ["loss"], {"loss": False}, {})
    assert made.best == {}
    assert made.mixed == (
        "The runs are of different tasks (Classification, Reconstruction), whose metrics do not compare.",
    )


def test_a_metric_of_unknown_direction_is_not_said_to_be_tested(tmp_path: Path) -> None:
    found = results(tmp_path, cnn=(0.1, 0.2, 0.3), dnn=(0.3, 0.5, 0.4))
    for higher, said in (({}, "were not tested"), ({"accuracy": True}, "no mean is told from all others")):
        assert said in to_markdown(tabulate(found, ["model"], ["accuracy"], higher, {}))


def test_runs_without_a_name_have_a_dash(tmp_path: Path) -> None:
    found = results(tmp_path, cnn=(0.1, 0.2))
    assert tabulate(found, ["name"], ["accuracy"], {}, {}).rows[0].labels == ("–",)


def test_reasons_are_told_once_each(tmp_path: Path) -> None:
    left_out = {f"outputs/cnn/{number}": "failed" for number in range(6)} | {"outputs/dnn/1": "pruned"}
    lines = left_out_lines(tabulate(results(tmp_path, cnn=(0.1,)), ["model"], ["accuracy"], {}, left_out))
    assert lines[0].startswith("Left out, failed: outputs/cnn/0, ")
    assert lines[0].endswith(", ….")
    assert lines[1] == "Left out, pruned: outputs/dnn/1."


def test_the_seconds_of_the_training_are_one_column(tmp_path: Path) -> None:
    runs = [
        fake_run(
            tmp_path / f"{seed}", seed=seed, figures={**accuracies(0.5, 0.6), "seconds/fit": 10.0 + seed}
        )
        for seed in (0, 2)
    ]
    read = [
        read_result(Run(folder), {("val", "accuracy"): 0.5, ("test", "accuracy"): 0.6}) for folder in runs
    ]
    both = tabulate(read, ["model"], ["accuracy", "seconds"], HIGHER, {})
    # 12.706 × √2 / √2 = 12.7
    assert to_markdown(both).splitlines()[0].split("|")[-2].strip() == "seconds, training"
    assert to_markdown(both).splitlines()[2].split("|")[-2].strip() == "11 ± 13"
    assert r"\cmidrule(lr){3-4} \cmidrule(lr){5-5}" in to_latex(both)
