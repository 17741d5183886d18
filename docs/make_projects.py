"""The page ``docs/projects.md``: ``python docs/make_projects.py --environment <folder>``.

The projects of others' packages in ``tests/foreign`` are run one after another, each without ``Views``, with
it, and with every view whatever the time. The folder holds an environment of the packages, and is made where
there is none. ``--runs`` keeps what the projects leave.
"""

import argparse
import os
import platform
import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]
from tests.foreign.environment import make_environment, why_not  # noqa: E402
from tests.foreign.runner import Ended, run  # noqa: E402
from tests.foreign.test_projects import PROJECTS  # noqa: E402

from benchmarks.table import processor  # noqa: E402

PAGE = ROOT / "docs" / "projects.md"
HEAD = """# Projects of other packages

What one line, `callbacks=[Views()]`, shows of projects as other packages' own documentation writes them, on
fake images; [how it finds out](views.md#in-a-lightning-project-of-your-own). Nobody has told it anything.
Written by `python docs/make_projects.py`; `pytest -m foreign -n 2` asserts it: weights, buffers, optimizers,
random states, modes, hooks, gradients and metrics end bitwise as they do without the line.
"""
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
        ended = {
            name: [
                run(given.environment, name, runs / name / mode, *options)
                for mode, options in (
                    ("without", ()),
                    ("share", ("--views", "share")),
                    ("all", ("--views", "all")),
                )
            ]
            for name, case in PROJECTS.items()
            if not why_not(given.environment, case.packages)
        }
    PAGE.write_text(page(ended, load), encoding="utf-8")


def page(ended: dict[str, list[Ended]], load: float) -> str:
    """Of each project its three runs: without views, within their share of time, with all of them."""
    versions = next(iter(ended.values()))[0].result["versions"]
    stack = ", ".join(f"{name} {versions[name]}" for name in STACK if name in versions)
    machine = (
        f"Seconds of `fit`, one measurement each, one after another, `OMP_NUM_THREADS=1`, on {processor()}, "
        f"{os.cpu_count()} cores that other work ran on, too (load {load:.1f} at the start); Python "
        f"{platform.python_version()}, {stack}. So short a training has little of a share to give: of "
        "longer ones pictures take a tenth at most, but for the cheap ones of the first and last epoch."
    )
    rows = [
        "| project | of | bitwise equal | without | `Views()` | `Views(share=None)` |",
        "|---|---|---|---|---|---|",
    ]
    rows += [_row(name, *runs) for name, runs in ended.items()]
    sections = [_section(name, runs) for name, runs in ended.items()]
    return "\n".join([HEAD, *rows, "", machine, "", *sections])


def _row(name: str, without: Ended, share: Ended, everything: Ended) -> str:
    unequal = {*share.differences(without), *everything.differences(without)}
    seconds = " | ".join(f"{run.result['fit_seconds']:.1f}" for run in (without, share, everything))
    verdict = f"no: {', '.join(sorted(unequal))}" if unequal else "yes"
    return f"| [{name}](#{name}) | {_packages(without)} | {verdict} | {seconds} |"


def _packages(ended: Ended) -> str:
    versions = ended.result["versions"]
    return ", ".join(f"{name} {versions[name]}" for name in versions if name not in STACK) or (
        f"lightning {versions['lightning']}"
    )


def _section(name: str, runs: list[Ended]) -> str:
    everything = runs[-1]
    source = (ROOT / "tests" / "foreign" / "projects" / f"{name}.py").read_text(encoding="utf-8")
    (line,) = re.findall(r"^ *\w+ = (\w+\(.*)\*\*project\.options\(\)\)$", source, flags=re.MULTILINE)
    views = ", ".join(sorted(everything.views)) or "none"
    text = "\n".join([f"{line}callbacks=[Views()])", "", *everything.told])
    return f"## {name}\n\n```\n{text}\n```\n\nDrawn: {views}.\n"


if __name__ == "__main__":
    main()
