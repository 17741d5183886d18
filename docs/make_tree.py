"""The page ``docs/tree.md``, every file with what it says of itself first: ``python docs/make_tree.py``.

That is the first sentence of a docstring or comment, a page's heading, or of a YAML without one its class.
"""

import ast
import json
import re
import subprocess
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "tree.md"
HEAD = """# The tree

Every folder and file with a phrase, written by `python docs/make_tree.py` from their own first sentences; a
test compares it. What `__init__.py` says stands beside its folder. Which folder may import which is one list,
`[tool.importlinter]` in `pyproject.toml`.
"""
PHRASES = {  # of those that cannot say it themselves
    ".ci": "The gate",
    ".github": "What GitHub runs on a push",
    ".github/workflows": "The gate's steps",
    ".gitignore": "What git leaves out",
    "CHANGELOG.md": "What changes for users",
    "CONTRIBUTING.md": "How to add something",
    "LICENSE": "MIT",
    "README.md": "What this is, and how to begin",
    "conf": "One YAML a command, and one folder a config group with one YAML a choice",
    "conf/explainer/all.yaml": "Every method of explanation",
    "conf/hydra": "What Hydra itself chooses from",
    "conf/hydra/sweeper": "Our sweeper, in place of Hydra's",
    "conf/model/resnet_finetune.yaml": "resnet_frozen with its last stages trained, too",
    "conf/trainer/cpu.yaml": "The default on the CPU",
    "conf/trainer/gpu.yaml": "The default on a GPU",
    "conf/trainer/mps.yaml": "The default on a Mac's GPU",
    "constraints": "Versions of all that is needed: the oldest, and a set that is known to work",
    "docs": "Pages and pictures, and the programs that make them",
    "docs/augmentations.png": "Every augmentation at its strengths, on a drawn cat",
    "docs/embedding.png": "Validation images of Fashion-MNIST where a CNN puts them",
    "docs/explain.png": "What explain.py draws of a photo",
    "docs/explanations.png": "The view explanations of two photos",
    "docs/find_lr.png": "The range test of learning rates",
    "docs/foreign_tensorboard.png": "A training of a net of timm's, with one line of ours, in TensorBoard",
    "docs/maps_early.png": "The view feature maps, an early layer",
    "docs/maps_late.png": "The view feature maps, a late layer",
    "docs/maps_middle.png": "The view feature maps, a middle layer",
    "docs/reconstructions.png": "The view reconstructions of Fashion-MNIST",
    "docs/report.png": "The page of a run",
    "docs/run.svg": "The console of the first run",
    "docs/sweep.png": "The page of a sweep",
    "docs/xai_curves.png": "Learning curves of the XAI net before and after its recipe",
    "docs/guides": "One page a task",
    "docs/pictures": "The pictures of docs/pictures.md",
    "docs/site": "How the site looks",
    "docs/site/icon.svg": "The icon",
    "notebooks": "How to use it and read what it shows; tests/test_notebooks.py runs each",
    "outputs": "Where runs and sweeps go",
    "outputs/.gitkeep": "Keeps the folder in git",
    "pyproject.toml": "What is needed, and what ruff, mypy, pytest and import-linter are told",
    "scripts": "The commands, two lines each",
    "src": "The package, and Hydra's door to its sweeps",
    "src/hydra_plugins": "What Hydra finds by itself",
    "src/pellucid/py.typed": "Says that the package's types are for others, too",
    "tests": "Tests, one folder for each of the package's; whole commands by their command line",
    "tests/runs": "Stored runs, one of each format",
    "tests/sweep/format_2.tar.gz": "A stored sweep of one trial, of format 2",
}
OTHERS = {".css": "Styles", ".html": "Template"}
WHOLE = ("tests/runs/", "docs/pictures")  # folders whose files are told elsewhere: docs/runs.md, their page


def phrase(path: str) -> str:
    """What a file or folder says of itself. Raises ValueError for one that says nothing."""
    place, name = ROOT / path, PurePosixPath(path)
    if path in PHRASES:
        return PHRASES[path]
    if place.is_dir():
        if (text := _docstring(place / "__init__.py")) is not None:
            return text
        if path.startswith(WHOLE):
            return f"A run of {name.name.replace('_', ' ')}, its files as docs/runs.md tells"
        if name.parts[0] == "conf":
            return f"Choices of {name.name}="
        if name.parts[0] == "tests":
            mirrored = "/".join(name.parts[1:])
            return f"Tests of {'scripts' if mirrored == 'benchmarks' else 'src/pellucid'}/{mirrored}"
    elif name.suffix == ".py":
        text = _docstring(place)
    else:
        text = _first_comment(place.read_text(encoding="utf-8"), name.suffix) or OTHERS.get(name.suffix)
    if not text:
        raise ValueError(
            f"{path} says nothing of itself: give it a first sentence, or a phrase in docs/make_tree.py."
        )
    return text


def _docstring(path: Path) -> str | None:
    """The first sentence of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) if path.exists() else None
    return _sentence(text) if text else None


def _first_comment(text: str, suffix: str) -> str | None:
    """The first sentence of a page's heading, of a comment at the beginning, or else a YAML's class."""
    if suffix == ".ipynb":
        text, suffix = "".join(json.loads(text)["cells"][0]["source"]), ".md"
    if suffix == ".md":
        return _sentence(text.partition("# ")[2].partition("\n")[0])
    marks = r"(?://|/\*|<!--|\{#)" if suffix in {".js", ".css", ".html", ".py"} else r"#(?!!| @)"
    lines = [line for line in text.splitlines() if not re.match(r"#!|# @|<!DOCTYPE", line)]
    said = []
    for line in lines:
        if not re.match(marks, line):
            break
        said.append(re.sub(rf"^{marks}\s*|\s*(?:\*/|-->|#\}})$", "", line))
    if said:
        return _sentence("\n".join(said))
    target = re.search(r"_target_: *(?:([\w.]+)|\?\?\? *# *(.+))", text)
    return _sentence(target[1] or target[2]) if target else None


def _sentence(text: str) -> str:
    """The first sentence of a text's first paragraph, and what it calls, without how that is called."""
    paragraph = " ".join(text.split("\n\n")[0].split())
    first = re.split(r"(?<=\.) (?=\D)|: (?=`)", paragraph)[0]
    return first.replace("`", "").replace(", …", " and so on").rstrip(".")


def files() -> list[str]:
    """What git tracks, or would: every file but those that are ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted({path for path in listed.stdout.splitlines() if (ROOT / path).is_file()})


def page() -> str:
    """The text of ``docs/tree.md``."""
    shown: set[str] = set()
    for path in files():
        parts = path.split("/")
        folders = ["/".join(parts[: n + 1]) for n in range(len(parts) - 1)]
        whole = [folder for folder in folders if folder.startswith(WHOLE)]
        shown |= {*folders} - {*whole[1:]}
        if not whole and parts[-1] != "__init__.py":
            shown.add(path)
    rows = []
    for path in sorted(shown, key=_order):
        depth, name = path.count("/"), path.rpartition("/")[2]
        rows.append((f"{'  ' * depth}{name}{'/' * (ROOT / path).is_dir()}", phrase(path)))
    width = max(len(name) for name, _ in rows) + 2
    return "\n".join([HEAD, "```", *(f"{name:{width}}{text}" for name, text in rows), "```", ""])


def _order(path: str) -> list[tuple[bool, str]]:
    """Files before folders, each by name."""
    parts = path.split("/")
    return [(n < len(parts) - 1 or (ROOT / path).is_dir(), part) for n, part in enumerate(parts)]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
