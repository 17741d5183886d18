"""The page ``docs/projects.md``: ``python docs/make_projects.py --environment <folder>``.

The projects of others' packages in ``tests/foreign`` are run one after another, each without ``Views``, with
it, and with every view whatever the time. The folder holds an environment of the packages, and is made where
there is none. ``--runs`` keeps what the projects leave; those that are there are not run again.
"""

import argparse
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]
from tests.browser import browser, tensorboard  # noqa: E402
from tests.foreign.environment import make_environment, why_not  # noqa: E402
from tests.foreign.runner import Ended, ended, run  # noqa: E402
from tests.foreign.test_projects import PROJECTS  # noqa: E402

from benchmarks.table import processor  # noqa: E402

PAGE = ROOT / "docs" / "projects.md"
HEAD = """# Projects of other packages

What one line, `callbacks=[Views()]`, shows of projects as other packages' own documentation writes them, on
fake images; [how it finds out](views.md#in-a-lightning-project-of-your-own). Nobody has told it anything.
Written by `python docs/make_projects.py`; `pytest -m foreign -n 2` asserts it: weights, buffers, optimizers,
random states, modes, hooks, gradients and metrics end bitwise as they do without the line.
"""
SHOWN, TAGS = "timm_photos", ("explanations", "feature_maps/net.conv1.0")
WINDOW, SHOT, SHOT_FILE = (2600, 1560), 1400, "foreign_tensorboard.png"  # pixels
MODES = {"without": (), "share": ("--views", "share"), "all": ("--views", "all")}
STACK = ("lightning", "numpy", "torch", "torchmetrics", "torchvision")  # of all of them


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environment", type=Path, required=True)
    parser.add_argument("--runs", type=Path)
    given = parser.parse_args()
    if not given.environment.exists():
        make_environment(given.environment, sorted({p for case in PROJECTS.values() for p in case.packages}))
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        runs = (given.runs or Path(folder)).absolute()
        projects = {
            name: [_ended(given.environment, name, runs, *mode) for mode in MODES.items()]
            for name, case in PROJECTS.items()
            if not why_not(given.environment, case.packages)
        }
        shoot(runs / SHOWN / "all")
    PAGE.write_text(page(projects, load), encoding="utf-8")


def _ended(environment: Path, name: str, runs: Path, mode: str, options: Sequence[str]) -> Ended:
    folder = runs / name / mode
    if (folder / "stderr.txt").exists():
        return ended(folder)
    return run(environment, name, folder, *options)


def shoot(run: Path) -> None:
    """``foreign_tensorboard.png``: the images of a run in TensorBoard; left as it is without a browser."""
    if not shutil.which("chromedriver"):
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        copy = place / "logs" / SHOWN  # without the data of the projector, which count as runs of their own
        copy.mkdir(parents=True)
        for file in run.glob("events.*"):
            shutil.copy(file, copy)
        os.chdir(place / "logs")  # the page names the folder as it is given
        with tensorboard(Path(SHOWN), place / "log") as address, browser(place / "profile") as page:
            page.driver.set_window_size(*WINDOW)
            page.open(f"{address}/#images&tagFilter={quote('^(' + '|'.join(TAGS) + ')$')}")
            page.wait_for_text(*TAGS)
            page.click("Show actual image size")
            page.wait(page.images, _have_loaded, "loaded images")
            page.screenshot(place / "page.png")
        with Image.open(place / "page.png") as picture:
            small = picture.convert("RGB").resize((SHOT, round(SHOT * picture.height / picture.width)))
            dithered = small.quantize(palette=small.quantize(256), dither=Image.Dither.FLOYDSTEINBERG)
            dithered.save(ROOT / "docs" / SHOT_FILE, optimize=True)  # a third of the size


def _have_loaded(images: list[tuple[str, int, int]]) -> bool:
    return len(images) >= len(TAGS) and all(width > 0 for _, width, _ in images)


def page(projects: dict[str, list[Ended]], load: float) -> str:
    """Of each project its three runs: without views, within their share of time, with all of them."""
    versions = next(iter(projects.values()))[0].result["versions"]
    stack = ", ".join(f"{name} {versions[name]}" for name in STACK if name in versions)
    machine = (
        "Seconds that `fit` takes of the processor (`time.process_time`), one measurement each, one after "
        f"another, `OMP_NUM_THREADS=1`, on {processor()}, {os.cpu_count()} cores that other work ran on, "
        f"too (load {load:.1f} at the start); Python "
        f"{platform.python_version()}, {stack}. So short a training has little of a share to give: of "
        "longer ones pictures take a tenth at most, but for the cheap ones of the first and last epoch."
    )
    rows = [
        "| project | of | bitwise equal | without | `Views()` | `Views(share=None)` |",
        "|---|---|---|---|---|---|",
    ]
    rows += [_row(name, *runs) for name, runs in projects.items()]
    sections = [_section(name, runs) for name, runs in projects.items()]
    return "\n".join([HEAD, *rows, "", machine, "", *sections])


def _row(name: str, without: Ended, share: Ended, everything: Ended) -> str:
    unequal = {*share.differences(without), *everything.differences(without)}
    seconds = " | ".join(f"{run.result['fit_seconds']:.1f}" for run in (without, share, everything))
    verdict = f"no: {', '.join(sorted(unequal))}" if unequal else "yes"
    return f"| [{name}](#{name}) | {_packages(name, without)} | {verdict} | {seconds} |"


def _packages(project: str, run: Ended) -> str:
    packages = PROJECTS[project].packages or ("lightning",)
    return ", ".join(f"{name} {run.result['versions'][name.replace('-', '_')]}" for name in packages)


def _section(name: str, runs: list[Ended]) -> str:
    everything = runs[-1]
    source = (ROOT / "tests" / "foreign" / "projects" / f"{name}.py").read_text(encoding="utf-8")
    (line,) = re.findall(r"^ *\w+ = (\w+\(.*)\*\*project\.options\(\)\)$", source, flags=re.MULTILINE)
    views = ", ".join(sorted(everything.views)) or "none"
    text = "\n".join([f"{line}callbacks=[Views()])", "", *everything.told])
    return f"## {name}\n\n```\n{text}\n```\n\nDrawn: {views}.\n"


if __name__ == "__main__":
    main()
