"""The page of the tree names every file, as the file says of itself."""

from __future__ import annotations

import runpy

from tests.helpers import ROOT


def test_the_page_is_the_tree() -> None:
    page = runpy.run_path(str(ROOT / "docs" / "make_tree.py"))["page"]()
    assert page == (ROOT / "docs" / "tree.md").read_text(encoding="utf-8"), "python docs/make_tree.py"
