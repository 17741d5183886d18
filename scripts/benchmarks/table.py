"""The figures as a table for a terminal, as Markdown and as JSON, with what they depend on."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks import processes
from benchmarks.measure import LOADER, MEMORY, OURS, PICTURES, Result
from benchmarks.processes import Spent
from pellucid.system.console import console
from pellucid.system.files import write_atomically

HEADER = ("seconds", LOADER, MEMORY, OURS, PICTURES, "images/s", f"ours / {LOADER}", f"ours / {MEMORY}")


def conditions(device: torch.device, config: Mapping[str, Any]) -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else processor(),
        "threads": torch.get_num_threads(),
        "precision": config["precision"],
        "rounds": config["rounds"],
        "small images": "Fashion-MNIST" if config["fashion"] else "noise",
        "photos": "photos" if config["photos"] else "drawings",
        "views": config["views"],
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "torchvision", "lightning", "pellucid")},
    }


def processor() -> str:
    """The name of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def rows(results: Sequence[Result]) -> Iterator[list[str]]:
    for result in results:
        count = f"{result.epochs} × {result.images:,}" if result.epochs > 1 else f"{result.images:,}"
        timed = (LOADER, MEMORY, OURS, PICTURES)
        times = [_figures(result.median(name)) if name in result.seconds else "" for name in timed]
        rate = result.images * result.epochs / result.median(OURS)
        ratios = [f"{result.ratio(b):.2f}" if b in result.seconds else "" for b in (LOADER, MEMORY)]
        figures = [f"{rate:,.0f}", *ratios]
        yield [f"{result.name}, {count} images", *times, *figures]


def _figures(seconds: float) -> str:
    return f"{seconds:.2f}" if seconds < 100 else f"{seconds:.0f}"


def command_rows(spent: Mapping[str, Spent]) -> Iterator[list[str]]:
    ratios = processes.ratios(spent) if spent else {}
    for name, usage in spent.items():
        of = [f"{ratio:.2f}" for ratio in ratios.get(name, ())] or ["", ""]
        yield [name, f"{usage.median():.2f}", f"{usage.memory:.0f}", *of, processes.RATIOS.get(name, "")]


def shown(title: str, header: Sequence[str], lines: Iterator[list[str]]) -> Table:
    table = console.table(title, header, left=header[:1], box=SIMPLE_HEAD)
    table.collapse_padding, table.pad_edge = True, False
    for column, name in zip(table.columns, header, strict=True):
        column.min_width = max(map(len, name.split()))
    for line in lines:
        table.add_row(*line)
    return table


def markdown(header: Sequence[str], lines: Iterator[list[str]]) -> str:
    text = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    return "\n".join([*text, *(f"| {' | '.join(line)} |" for line in lines)]) + "\n"


COMMANDS = ("command", "seconds", "MiB at the most", "seconds, ratio", "MiB, ratio", "to")


def write(
    folder: Path, facts: Mapping[str, Any], results: Sequence[Result], spent: Mapping[str, Spent]
) -> None:
    """``benchmark.json`` and ``benchmark.md``."""
    content = {
        "conditions": facts,
        "epochs": {
            r.name: {"images": r.images, "epochs": r.epochs, "seconds": dict(r.seconds)} for r in results
        },
        "commands": {name: {"seconds": s.seconds, "MiB": s.memory} for name, s in spent.items()},
    }
    write_atomically(folder / "benchmark.json", json.dumps(content, indent=2).encode())
    text = ", ".join(f"{key} {value}" for key, value in facts.items()) + ". Medians.\n\n"
    text += markdown(HEADER, rows(results))
    if spent:
        text += "\n" + markdown(COMMANDS, command_rows(spent))
    write_atomically(folder / "benchmark.md", text.encode())
