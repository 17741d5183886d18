"""The site: pages that are made of other sources, a section for each picture, docstrings of public names."""

from __future__ import annotations

import ast
import re
import runpy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import pellucid
from tests.helpers import CONF, ROOT

SOURCE = ROOT / "src" / "pellucid"
PICTURES = (ROOT / "docs" / "pictures.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## ([^\n]+)$(.*?)(?=^## |\Z)", PICTURES, flags=re.MULTILINE | re.DOTALL))
WITHOUT_PICTURE = {"chance"}  # a sentence on the console and the page
OF_LIGHTNING_OR_PRIVATE = "_|on_|teardown"
ELSEWHERE = {"labels", "numbers"}  # a link leads to their pictures


@pytest.fixture(scope="module")
def site() -> dict[str, Any]:
    pytest.importorskip("nbclient")
    return runpy.run_path(str(ROOT / "docs" / "site_pages.py"))


def callbacks() -> dict[str, str]:
    """The classes of ``conf/callbacks``, by the names of their views."""
    files = (path.read_text(encoding="utf-8") for path in (CONF / "callbacks").glob("*.yaml"))
    groups = [yaml.safe_load(text) or {} for text in files]
    return {
        name: options["_target_"]
        for group in groups
        for name, options in group.items()
        if isinstance(options, dict) and options["_target_"].startswith("pellucid.callbacks")
    }


def drawn() -> set[str]:
    """What is drawn: every view of a training, and every subject that commands and pages show."""
    views = callbacks().keys() - {"progress", "summary"}
    subjects = {path.stem for path in (SOURCE / "view").glob("[!_]*.py")} - WITHOUT_PICTURE - {"embedding"}
    return views | subjects


def test_there_are_views_to_tell_of() -> None:
    assert len(drawn()) >= 18


@pytest.mark.parametrize("name", sorted(drawn()))
def test_a_picture_has_its_section(name: str) -> None:
    section = SECTIONS[name.replace("_", " ").capitalize()]
    assert "**How to read it.** " in section
    assert "**How it can mislead.** " in section
    images = re.findall(r"!\[[^]]+\]\(([^)]+)\)", section)
    assert images or name in ELSEWHERE
    assert all((ROOT / "docs" / image).is_file() for image in images)


def test_pictures_of_the_page_are_small() -> None:
    images = sorted((ROOT / "docs" / "pictures").glob("*.png"))
    assert len(images) >= 15
    assert not [image.name for image in images if image.stat().st_size > 150_000]


@cache
def public() -> dict[str, ast.FunctionDef | ast.ClassDef]:
    """Definitions of the public names, with public methods, and of what they give."""
    places = {**pellucid.PLACES, "Result": "pellucid.api.result", "Images": "pellucid.api.images"}
    places |= {"Evaluation": "pellucid.api.run", "Figures": "pellucid.draw.figures"}
    found: dict[str, ast.FunctionDef | ast.ClassDef] = {}
    for name, module in places.items():
        file = (ROOT / "src" / Path(*module.split("."))).with_suffix(".py")
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name:
                found[name] = node
    for name, node in list(found.items()):
        if isinstance(node, ast.ClassDef):
            methods = (method for method in node.body if isinstance(method, ast.FunctionDef))
            called = (method for method in methods if not re.match(OF_LIGHTNING_OR_PRIVATE, method.name))
            found |= {f"{name}.{method.name}": method for method in called}
    return found


def test_every_public_name_is_found() -> None:
    assert set(pellucid.__all__) <= {"load", *public()}
    assert len(public()) >= 35


def test_every_public_name_says_what_it_is() -> None:
    assert not [name for name, node in public().items() if len(ast.get_docstring(node) or "") < 20]


def test_shapes_of_tensors_and_mistakes_are_told() -> None:
    silent = []
    for name, node in public().items():
        text, told = ast.unparse(node), ast.get_docstring(node) or ""
        if isinstance(node, ast.FunctionDef):
            takes = ast.unparse(node.args)
            if re.search(r"\b(Tensor|ndarray|Pixels|ImagesLike)\b", takes) and not re.search(
                r"\([BN], C, H, W\)|[BN]CHW|[BN] × C", takes + told
            ):
                silent.append(f"{name}: shape")
            if "raise UserError" in text and "Raises" not in told:
                silent.append(f"{name}: Raises")
    assert not silent


def test_the_reference_has_every_public_name(site: dict[str, Any]) -> None:
    names = [name for group in site["INTERFACE"].values() for name in group]
    assert sorted(names) == sorted(pellucid.__all__)


def test_a_command_is_told_as_its_help_tells(site: dict[str, Any]) -> None:
    page = site["command_page"]("explain")
    assert page.startswith("# pellucid explain\n\n")
    assert "| `target=predicted` | predicted, true" in page
    assert "pellucid explain run=outputs/cnn_catdog/<run>" in page


def test_every_choice_is_on_the_page_of_groups(site: dict[str, Any]) -> None:
    page = site["groups_page"]()
    choices = {f"### `{path.parent.name}={path.stem}`" for path in CONF.glob("[!h]*/*.yaml")}
    assert len(choices) > 60
    assert choices <= set(page.splitlines())


@pytest.mark.parametrize(
    ("uri", "link", "turned"),
    [
        ("index.md", "[v](docs/views.md#a-b)", "[v](views.md#a-b)"),
        ("guides/photos.md", "[d](../data.md)", "[d](../data.md)"),
        ("guides/net.md", "[n](../../notebooks/explanations.ipynb)", "[n](../notebooks/explanations.md)"),
        ("tasks.md", "[t](../tests/drawn.py)", "[t](source/tests/drawn.py.md)"),
        ("testing.md", "[c](../CONTRIBUTING.md)", "[c](contributing.md)"),
        ("contributing.md", "`[a](b.md)` [w](https://a.b/c.md) [h](#here)", ""),
    ],
)
def test_links_of_a_code_host_are_turned_to_pages(
    site: dict[str, Any], uri: str, link: str, turned: str
) -> None:
    class Page:
        class file:  # noqa: N801
            src_uri = uri

    assert site["on_page_markdown"](link, Page) == (turned or link)


def test_a_notebook_is_run_once_for_its_cells(site: dict[str, Any], tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    path, executed = tmp_path / "a.ipynb", tmp_path / "executed"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# One")])
    nbformat.write(notebook, path)
    executed.mkdir()
    notebook.metadata["ran"] = True
    nbformat.write(notebook, executed / path.name)
    assert site["executed_notebook"](path, executed).metadata["ran"]


def test_outputs_are_one_line_in_which_markdown_finds_nothing(site: dict[str, Any]) -> None:
    nbformat = pytest.importorskip("nbformat")
    output = nbformat.v4.new_output("stream", text="a <b>\n\n# `c`\n")
    shown = site["_output"](output)
    assert "\n" not in shown
    assert "`" not in shown
    assert "a &lt;b&gt;&#10;&#10;# " in shown
    table = nbformat.v4.new_output("display_data", data={"text/html": "<table>\n\n<tr></tr></table>"})
    assert site["_output"](table) == '<div class="output"><table>  <tr></tr></table></div>'
