"""The page's head: commands that work elsewhere, budgets, durations, and which epoch is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pellucid.engine.loaded_run import restore
from pellucid.report.run.header import _aim, _commands, _duration, _groups, _twice
from pellucid.run.folder import Run


def test_commands_of_a_run_wherever_it_lies(trained: Path) -> None:
    run = restore(trained)
    for folder, told in (("/run", "/run"), ("/a/outputs/cnn_digits/x", "outputs/cnn_digits/x")):
        commands = _commands(replace(run, run=Run(Path(folder))))
        assert f"run={told} " in commands["Ask why"]


def test_the_budget_to_go_on_with_is_a_larger_one() -> None:
    assert _twice({"max_epochs": 10}) == "trainer.max_epochs=20"
    assert _twice({"max_epochs": -1, "max_steps": 100}) == "trainer.max_steps=200"
    assert _twice({"max_epochs": 5, "max_steps": 100}) == "trainer.max_epochs=10 trainer.max_steps=200"


def test_without_validation_none_is_called_the_best(trained: Path) -> None:
    run = restore(trained)
    assert "the best by" in _aim(run, {}, None)
    unvalidated = {**run.config, "trainer": {**run.config["trainer"], "limit_val_batches": 0}}
    assert "the best by" not in _aim(replace(run, config=unvalidated), {}, None)


def test_a_net_of_a_zoo_is_named(trained: Path) -> None:
    run = restore(trained)
    assert _aim(run, {}, None).startswith("CNN with ")
    named = {**run.config, "model": {**run.config["model"], "arch": "convnext_tiny"}}
    assert _aim(replace(run, config=named), {}, None).startswith("CNN convnext_tiny with ")


def test_durations() -> None:
    texts = [_duration(s) for s in (None, 0.5, 12.34, 300, 7260)]
    assert texts == ["", "0.5 s", "12.3 s", "5 min", "2 h 01 min"]


def test_what_pictures_were_left_out_is_said(trained: Path) -> None:
    run = restore(trained)
    recorded = {"look/seconds/total": 3.0, "look/trained": 30.0, "look/left_out/latent": 2}
    limited = replace(run, config={**run.config, "share": 0.1})
    assert "left out: latent × 2" in str(_groups(limited, recorded)["Time"]["pictures left out"])
    assert not _groups(replace(run, config={**run.config, "share": None}), recorded)["Time"][
        "pictures left out"
    ]
