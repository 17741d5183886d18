"""What CONTRIBUTING adds, added for real: found, tried by the contract tests, and trained together."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FILES = {
    path: f"{text}\n"
    for path, text in re.findall(r"^```\w+\n# (\S+)\n(.+?)\n```$", PAGE, flags=re.DOTALL | re.MULTILINE)
}
KINDS = {  # heading, name, and the tests that find it
    "a model": ("linear", "tests/model/test_contract.py"),
    "a data set": ("stripes", "tests/data/test_contract.py"),
    "a task": ("brightness", "tests/config/test_conf.py"),
    "a view": ("doubts", "tests/callbacks/test_contract.py"),
    "a method of explanation": ("input_gradient", "tests/explainer/test_contract.py"),
    "a command": ("weigh", "tests/commands/test_contract.py"),
}


def test_the_table_counts_the_files() -> None:
    counts = dict(re.findall(r"^\| \[([\w ]+)\]\(#[\w-]+\) \| (\d) \|", PAGE, flags=re.MULTILINE))
    assert counts == {
        kind: str(sum(Path(path).stem == name for path in FILES)) for kind, (name, _) in KINDS.items()
    }
    assert not [path for path in FILES if (ROOT / path).exists()]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this tree with every example in it."""
    folder = tmp_path_factory.mktemp("tree")
    for part in ("src", "conf", "scripts", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "runs"))
    for part in ("train.py", "pyproject.toml"):
        shutil.copy(ROOT / part, folder)
    for path, text in FILES.items():
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def run(tree: Path, *argv: str) -> str:
    environment = {**os.environ, "PYTHONPATH": f"{tree / 'src'}", "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, *argv], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_contract_tests_find_each(tree: Path) -> None:
    names = " or ".join(name for name, _ in KINDS.values())
    files = [path for _, path in KINDS.values()]
    said = run(tree, "-m", "pytest", "-q", "-n", "0", "-rA", "-k", f"{names} or yaml_and_constructor", *files)
    for kind, (name, path) in KINDS.items():
        if kind != "a task":
            assert re.search(rf"^PASSED {path}::.*\b{name}\b", said, flags=re.MULTILINE), kind


@pytest.mark.slow
def test_they_train_together(tree: Path) -> None:
    common = ["data=stripes", "model=linear", "callbacks=doubts", "trainer=cpu", "trainer.max_epochs=3"]
    run(tree, "train.py", *common, "explainer=input_gradient", "hydra.run.dir=run", "optimizer.lr=1e-2")
    assert (tree / "run" / "report.html").exists()
    assert list((tree / "run" / "figures" / "doubts").glob("*.png"))
    assert "514 parameters" in run(tree, "scripts/weigh.py", "run=run")
    assert "How large" in run(tree, "scripts/weigh.py", "--help")
    run(tree, "train.py", *common, "task=brightness", "hydra.run.dir=bright")
    assert "mae" in (tree / "bright" / "metrics.csv").read_text()
    assert "linear" in run(tree, "train.py", "--help")
