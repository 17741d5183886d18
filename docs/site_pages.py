"""The pages of the site that are made of something else than Markdown in this folder; a hook of MkDocs.

README and its like lie at the top level, where a code host shows them; notebooks are shown as they ran; the
reference of commands, config groups and Python is read from where they are. Links of all pages are written as
a code host wants them, and turned here to the pages of the site.
"""

from __future__ import annotations

import ast
import posixpath
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))  # of this tree, not of another that is installed

import pellucid  # noqa: E402
from pellucid.commands.shell import verbs  # noqa: E402
from pellucid.config.command import Command  # noqa: E402
from pellucid.config.command_line import split  # noqa: E402
from pellucid.config.help import Option, read_help  # noqa: E402
from pellucid.system.files import write_atomically  # noqa: E402

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

CONF = ROOT / "conf"
EXECUTED = ROOT / "outputs" / "notebooks"
TOP = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
LINK = re.compile(r"(\]\()(?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?(\))")
PICTURE = re.compile(r'(<img [^>]*src="((?!data:)[^"]+)"[^>]*>)')
FENCED = re.compile(r"(^```.*?^```$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
LANGUAGES = {".py": "python", ".yaml": "yaml", ".toml": "toml", ".css": "css"}
# Of the Python interface, what belongs together; a name that is in none of them is told by a test.
INTERFACE = {
    "Train and load": ("train", "load", "Run", "table", "has_data", "list_data", "list_models"),
    "Any net": ("explain", "feature_maps", "filters", "graph", "look", "summary", "units"),
    "In a project of your own": ("Views",),
    "Mistakes": ("UserError",),
}
RESULTS = ("api.result.Result", "api.run.Evaluation", "api.images.Images", "draw.figures.Figures")


# MkDocs calls these.


def on_config(config: MkDocsConfig) -> None:
    """Put each command into the navigation, behind the page of all."""
    (reference,) = (section["Reference"] for section in config.nav or [] if "Reference" in section)
    reference[1:1] = [f"reference/{verb}.md" for verb in verbs()]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add every page that is made here."""
    from mkdocs.structure.files import File

    made: dict[str, str | Callable[[], str]] = {
        **{uri: (ROOT / path).read_text(encoding="utf-8") for path, uri in TOP.items()},
        **{f"notebooks/{path.stem}.md": notebook_page(path) for path in notebooks()},
        **{f"reference/{verb}.md": command_page(verb) for verb in verbs()},
        "reference/index.md": commands_page(),
        "reference/options.md": groups_page(),
        "reference/api.md": api_page(),
    }
    linked = {file.src_uri: file.content_string for file in files if file.src_uri.endswith(".md")} | made
    for uri, text in linked.items():
        for path in _linked(text, _folder(uri)):
            if (ROOT / path).is_file() and _uri(path) == f"source/{path}.md":
                made[f"source/{path}.md"] = source_page(path)
    for uri, content in made.items():
        files.append(File.generated(config, uri, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Turn links to files of this project to pages of the site."""
    uri = page.file.src_uri
    change = partial(_turned, uri=uri)
    parts = FENCED.split(markdown)
    return "".join(part if index % 2 else LINK.sub(change, part) for index, part in enumerate(parts))


def on_page_content(html: str, **_: Any) -> str:
    """Let each picture open at its own size."""
    return PICTURE.sub(r'<a href="\2">\1</a>', html)


# Links


def _folder(uri: str) -> str:
    """Where the page's Markdown lies in this project."""
    if uri in TOP.values():
        return ""
    inside = uri.startswith(("notebooks/", "reference/", "source/"))
    return posixpath.dirname(uri) if inside else posixpath.dirname(f"docs/{uri}")


def _linked(text: str, folder: str) -> Iterator[str]:
    """The files that a page links to, from the top of this project."""
    for link in LINK.finditer(FENCED.sub("", text)):
        yield posixpath.normpath(posixpath.join(folder, link[2]))


def _uri(path: str) -> str:
    """The page that shows a file of this project."""
    if path in TOP:
        return TOP[path]
    if path == "docs":
        return "index.md"
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if path.startswith("notebooks/"):
        return path.replace(".ipynb", ".md")
    return path if path.startswith("reference/") else f"source/{path}.md"


def _turned(link: re.Match[str], uri: str) -> str:
    path = posixpath.normpath(posixpath.join(_folder(uri), link[2]))
    target = posixpath.relpath(_uri(path), posixpath.dirname(uri) or ".")
    return f"{link[1]}{target}{link[3] or ''}{link[4]}"


def source_page(path: str) -> str:
    """A file of this project, which some page links to."""
    text = (ROOT / path).read_text(encoding="utf-8")
    return f"# {path}\n\n```{LANGUAGES.get(Path(path).suffix, '')}\n{text}```\n"


# Notebooks


def notebooks() -> list[Path]:
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


def run_notebook(path: Path, folder: Path, executed: Path = EXECUTED) -> nbformat.NotebookNode:
    """The notebook with what it gave in a folder; kept in ``executed`` for the site."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    executed.mkdir(parents=True, exist_ok=True)
    text = nbformat.writes(notebook).replace(f"{folder.resolve()}/", "")  # a name of this machine alone
    write_atomically(executed / path.name, text.encode())
    return notebook


def executed_notebook(path: Path, executed: Path = EXECUTED) -> nbformat.NotebookNode:
    """The notebook as it ran last; it is run where that is missing, or of other cells."""
    kept = executed / path.name
    if kept.is_file():
        cells = [[cell.source for cell in nbformat.read(file, as_version=4).cells] for file in (path, kept)]
        if cells[0] == cells[1]:
            return nbformat.read(kept, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        return run_notebook(path, Path(folder), executed)


def notebook_page(path: Path) -> str:
    """Texts, code and outputs of a notebook."""
    parts = []
    for cell in executed_notebook(path).cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        elif cell.source.strip():
            parts.append(f"```python\n{cell.source}\n```")
            parts += [text for output in cell.outputs if (text := _output(output))]
    title, *rest = parts
    file = f"It is `notebooks/{path.name}`, which a test runs from top to bottom; here with what it gave."
    return "\n\n".join([title, *rest, "---", file, ""])


def _output(output: nbformat.NotebookNode) -> str:
    """As HTML in one line, in which Markdown finds nothing."""
    if output.output_type == "stream":
        html = f"<pre>{escape(output.text)}</pre>"
    else:
        data = output.get("data", {})
        if "text/html" in data:
            html = data["text/html"]
        elif "image/png" in data:
            html = f'<img alt="" src="data:image/png;base64,{data["image/png"].strip()}">'
        elif "text/plain" in data:
            html = f"<pre>{escape(data['text/plain'])}</pre>"
        else:
            return ""
    return f'<div class="output">{_one_line(html)}</div>'


def _one_line(html: str) -> str:
    """Line ends as entities in preformatted text, as spaces elsewhere."""
    parts = re.split(r"(<pre.*?</pre>)", html, flags=re.DOTALL)
    return "".join(
        part.replace("\n", "&#10;" if index % 2 else " ").replace("`", "&#96;")
        for index, part in enumerate(parts)
    )


# The reference


def commands_page() -> str:
    rows = [f"| [`{verb}`]({verb}.md) | {what} |" for verb, what in verbs().items()]
    head = "# Commands\n\nEach is `pellucid <command>`, in a clone `python scripts/<command>.py`."
    more = "What they print stands in [what each command does](../docs/commands.md)."
    return "\n".join([f"{head} {more}", "", "| command | what it does |", "|---|---|", *rows, ""])


def command_page(verb: str) -> str:
    """What ``--help`` tells, as a page."""
    command = Command(CONF, verb)
    told = read_help(split([], None if verb == "train" else command), command)
    parts = [f"# pellucid {verb}", told.about]
    examples = "\n".join(row.strip() for row in told.examples)
    examples = re.sub(r"^python (?:scripts/)?(\w+)\.py", r"pellucid \1", examples, flags=re.MULTILINE)
    parts += ["```", examples.strip(), "```"] if examples.strip() else []
    text = "\n\n".join(parts).replace("```\n\n", "```\n").replace("\n\n```", "\n```")
    return f"{text}\n\n## Options\n\n" + "\n".join(_option_rows(told.options)) + "\n"


def _option_rows(options: list[Option]) -> Iterator[str]:
    head = ["| option | what it is |", "|---|---|"]
    started = False
    for option in options:
        if not option.name:
            yield from ("", _prose(option.comment), "")
            started = False
            continue
        if not started:
            yield from ("", *head)
            started = True
        yield f"| `{_cell(option.usage)}` | {_prose(_cell(option.explanation))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _prose(text: str) -> str:
    """Without what Markdown would take for a tag."""
    return text.replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")


def groups_page() -> str:
    """Every config group with its choices, and the options of each with their values."""
    parts = [
        "# Config groups",
        "A group has one choice at a time, `model=cnn`; `callbacks` and `explainer` take several, "
        "`callbacks=[default,early_stopping]`. What a choice sets is an option, `model.dropout=0.2`, as is "
        "whatever else its class takes.",
    ]
    for folder in sorted(path for path in CONF.iterdir() if path.is_dir() and path.name != "hydra"):
        parts.append(f"## {folder.name}")
        for file in sorted(folder.glob("*.yaml")):
            text = file.read_text(encoding="utf-8").strip()
            parts.append(f"### `{folder.name}={file.stem}`")
            target = re.search(r"_target_: (pellucid\.[\w.]+)", text)
            parts += [said] if target and (said := class_line(target[1])) else []
            parts.append(f"```yaml\n{text}\n```")
    return "\n\n".join([*parts, ""])


def class_line(target: str) -> str | None:
    """The first line of the docstring of a class or function; read, nothing is imported."""
    module, _, name = target.rpartition(".")
    file = ROOT / "src" / Path(*module.split(".")).with_suffix(".py")
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == name:
            text = ast.get_docstring(node)
            return " ".join(text.split("\n\n")[0].split()) if text else None
    return None


def api_page() -> str:
    """The public names, and what they give."""
    parts = ["# Python interface", "How they are used together: [from Python](../docs/python.md)."]
    for title, names in INTERFACE.items():
        parts.append(f"## {title}")
        parts += [_documented(f"{pellucid.PLACES[name]}.{name}") for name in names]
    parts.append("## Results")
    parts += [_documented(f"pellucid.{path}") for path in RESULTS]
    return "\n\n".join([*parts, ""])


def _documented(path: str) -> str:
    return f"::: {path}"
