"""What runs on a push and before a commit are the commands of the gate, ``.ci/run``."""

from __future__ import annotations

import re
import shlex

import yaml

from tests.helpers import ROOT

GATE = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))


def test_the_workflow_runs_the_gates_commands_with_versions_that_there_are() -> None:
    (job,) = WORKFLOW["jobs"].values()
    choices = job["strategy"]["matrix"]["include"]
    assert {choice["versions"] for choice in choices} == {p.stem for p in (ROOT / "constraints").iterdir()}
    commands = [step["run"] for step in job["steps"] if "run" in step]
    commands.remove("pytest -m heavy -n 1")  # for which the gate has no time
    for command in commands:
        for choice in choices:
            assert command.replace("${{ matrix.versions }}", choice["versions"]) in GATE or (
                choice["versions"] == "known_good" and command.startswith("pip install")
            )
    ours = re.findall(r"^(?:pytest|mypy|ruff|lint-imports)\b.*$", GATE, flags=re.MULTILINE)
    assert {command.replace(" --every 5", "") for command in ours} <= set(commands)  # which runs all of them


def test_the_hooks_run_the_gates_commands() -> None:
    for hook in HOOKS["repos"][0]["hooks"]:
        command, *options = shlex.split(hook["entry"])
        assert " ".join([command, *(option for option in options if option != "--force-exclude")]) in GATE
