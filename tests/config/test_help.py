"""The text of --help."""

from __future__ import annotations

import re


def test_help_names_groups_choices_and_examples_without_torch() -> None:
    done = ask("--help")
    assert done.returncode == 0
    models = ", ".join(sorted(path.stem for path in (CONF / "model").glob("*.yaml")))
    assert re.search(rf"\n  model=cnn +{models}\n", done.stdout)
    assert done.stdout.count("  python train.py") == 6
    assert done.stdout.endswith("False\n"), "torch was imported"


def test_evaluate_has_help() -> None:
    done = ask("--help", script="scripts/evaluate.py")
    assert done.returncode == 0
    assert "checkpoint=all" in done.stdout
