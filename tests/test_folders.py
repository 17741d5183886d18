"""Every folder says what belongs in it and what it may import, and that is true."""

from __future__ import annotations

import ast
import re
from functools import cache

import grimp
import pytest

from tests.helpers import ROOT

LISTED = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("layers = [")[2].partition("]")[0]
LAYERS = [set(re.findall(r"\w+", line)) for line in LISTED.splitlines() if line]
FOLDERS = sorted(path.parent for path in (ROOT / "src" / "pellucid").glob("*/__init__.py"))


@cache
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("pellucid", cache_dir=None)


@pytest.mark.parametrize("name", [folder.name for folder in FOLDERS])
def test_a_folder_imports_what_it_says(name: str) -> None:
    text = (ROOT / "src" / "pellucid" / name / "__init__.py").read_text(encoding="utf-8")
    said = " ".join((ast.get_docstring(ast.parse(text)) or "").split())
    sentence = re.search(r"\b(?:[Mm]ay import|[Ii]mports) [^.]*\.", said)
    assert sentence, "expected a sentence: May import ``metrics`` and ``system``."
    (height,) = (n for n, layer in enumerate(LAYERS) if name in layer)
    below = set[str]().union(*LAYERS[height + 1 :])
    named = set(re.findall(r"``(\w+)``", sentence[0]))
    allowed = below if "all below" in sentence[0] else named | {"errors"}
    module = f"pellucid.{name}"
    done = {
        imported.split(".")[1]
        for importer in {module, *imports().find_descendants(module)}
        for imported in imports().find_modules_directly_imported_by(importer)
        if imported.startswith("pellucid.")
    } - {name}
    assert allowed <= below
    assert done <= allowed


def test_every_floor_is_a_folder_or_a_file() -> None:
    files = {path.stem for path in (ROOT / "src" / "pellucid").glob("[!_]*.py")}
    assert set[str]().union(*LAYERS) == {folder.name for folder in FOLDERS} | files | {"__main__"}
    assert len(files) <= 3


def test_every_module_has_its_test_file() -> None:
    source = ROOT / "src" / "pellucid"
    modules = (path.relative_to(source) for path in source.rglob("*.py") if not path.name.startswith("__"))
    files = [module.with_name(f"test_{module.name}") for module in modules]
    assert not [file.as_posix() for file in files if not (ROOT / "tests" / file).is_file()]
