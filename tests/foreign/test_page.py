"""The page of the projects tells all of them, as they were found to be."""

from __future__ import annotations

import re

from tests.foreign.test_projects import PROJECTS
from tests.helpers import ROOT

PAGE = (ROOT / "docs" / "projects.md").read_text(encoding="utf-8")


def test_the_page_has_every_project() -> None:
    assert re.findall(r"^## (\w+)$", PAGE, flags=re.MULTILINE) == list(PROJECTS), "docs/make_projects.py"
    assert re.findall(r"^\| \[(\w+)\].*\| yes \|", PAGE, flags=re.MULTILINE) == list(PROJECTS)


def test_the_page_says_what_is_asserted() -> None:
    for section in PAGE.split("\n## ")[1:]:
        case = PROJECTS[section.partition("\n")[0]]
        (views,) = re.findall(r"^Drawn: (.*)\.$", section, flags=re.MULTILINE)
        assert {*views.split(", ")} - {"none"} == case.views
        assert not [text for text in case.told if text not in section]


def test_every_project_is_run() -> None:
    folder = ROOT / "tests" / "foreign" / "projects"
    assert {path.stem for path in folder.glob("[!_]*.py")} == set(PROJECTS)
