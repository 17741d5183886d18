"""The page ``docs/timm.md``: ``python docs/make_timm.py --runs <folder>``.

A small net of each family of ``tests/model/timm_families.py`` is trained with every view, and every command
comes back to it; on colour photos, and on grey digits. What was done is kept in the folder, the same line
goes on, and writes the page of what is there; with ``--families`` (ViT Swin, or none) it does these alone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]
from tests.fakes import write_photos  # noqa: E402
from tests.helpers import compose, make_run  # noqa: E402
from tests.model.timm_families import ASKED, FAMILIES  # noqa: E402

from benchmarks.table import processor  # noqa: E402
from pellucid.errors import ImageTooSmallError, UserError, counted, first_line  # noqa: E402

PAGE = ROOT / "docs" / "timm.md"
HEAD = """# Families of timm, and what works in each

A small net of each family, of random weights, was trained for an epoch of three batches on photos of two
classes with every view; then every command came back to it. Beside it the same net on grey digits. Written
by `python docs/make_timm.py --runs <folder>`; `pytest -m slow tests/model/test_timm.py` asserts that each
trains, gives timm's own embedding and has its stages. `stem`: what `model.stem=auto` took.
"""
COLUMNS = ("pixels", "stem", "stages", "trains", "grey", "views not drawn")
NEVER = ("not an autoencoder",)  # of what no classifier has
MARK = "Not for this model: "


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--families", nargs="*", default=sorted(FAMILIES, key=lambda name: name not in ASKED))
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    runs = given.runs.absolute()
    photos = runs / "photos"
    for seed, (split, count) in enumerate((("train", 12), ("test", 6))):
        if not (photos / split).exists():
            write_photos(photos / split, {"cat": count, "dog": count}, seed=seed)
    left = [name for name in given.families if not file_of(runs, name).exists()]
    with multiprocessing.get_context("spawn").Pool(given.processes) as pool:
        for name in pool.imap_unordered(partial(prove, runs=runs), left):
            print(name, flush=True)
    found = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(runs.glob("*.json"))]
    PAGE.write_text(page(sorted(found, key=lambda row: row["family"].lower())), encoding="utf-8")


def file_of(runs: Path, name: str) -> Path:
    return runs / f"{''.join(letter if letter.isalnum() else '_' for letter in name)}.json"


def prove(name: str, *, runs: Path) -> str:
    """Train a family's net, ask every command of it, and keep what came of it in a file."""
    warnings.simplefilter("ignore")
    arch, options, side = FAMILIES[name]
    folder, photos = file_of(runs, name).with_suffix(""), runs / "photos"
    line = ["model=timm", f"model.arch={arch}", "model.weights=none", "data.batch_size=8"]
    line += [f"+model.options.{key}={value}" for key, value in options.items()]
    began = time.time()
    colour = [*line, "callbacks=default", "logger=tensorboard", f"data.cache={runs / 'cache'}"]
    colour += ["data=image_folder", f"data.root={photos}", f"data.image_size={side}"]
    row: dict[str, Any] = {"family": name, "arch": arch, "side": side, "options": options}
    row["trains"] = _outcome(lambda: make_run(folder / "colour", *colour))
    row["seconds"] = round(time.time() - began, 1)
    row["views"] = _not_drawn(folder / "colour" / "train.log")
    grey = [*line, "data=digits", *(f"+trainer.limit_{part}_batches=2" for part in ("train", "val", "test"))]
    grey.append(f"data.image_size={side}")
    row["grey"] = _outcome(lambda: make_run(folder / "grey", *grey))
    if not row["trains"]:
        row["commands"], row["took"] = {}, {}
        for verb, work in _commands(folder / "colour", photos / "test").items():
            began = time.time()
            row["commands"][verb] = _outcome(work)
            row["took"][verb] = round(time.time() - began, 1)
    row["stem"], row["stages"] = _stem_and_stages(arch, options, side)
    text = json.dumps(row, indent=1).replace(str(runs), "<folder>")
    file_of(runs, name).write_text(text, encoding="utf-8")
    return name


def _outcome(work: Callable[[], object]) -> str:
    """Why it could not be done; the empty text where it was."""
    try:
        work()
    except UserError as error:
        return str(error)
    except Exception as error:  # a fault of ours, which the page is to show
        return f"{type(error).__name__}: {first_line(error)}"
    return ""


def _commands(run: Path, photos: Path) -> dict[str, Callable[[], object]]:
    from pellucid.commands.compare.compare import compare
    from pellucid.commands.embed.embed import embed
    from pellucid.commands.evaluate import evaluate
    from pellucid.commands.explain.explain import explain
    from pellucid.commands.export.export import export
    from pellucid.commands.predict import predict
    from pellucid.commands.report import report
    from pellucid.commands.units import units

    photo, source = str(next(photos.glob("cat/*"))), str(run)
    copy = str(run / "checkpoints" / "last.ckpt")
    return {  # the cheapest of each
        "evaluate": partial(evaluate, source),
        "predict": partial(predict, source, images=photo),
        "explain": partial(explain, source, images=photo, explainer=compose()["explainer"], trust=0),
        "embed": partial(embed, source, methods=["pca"], neighbours=photo),
        "units": partial(units, source, count=1, steps=2),
        "compare": partial(compare, [source, copy]),
        "report": partial(report, source, seconds=2.0),
        "state_dict": partial(export, source, format="state_dict"),
        "onnx": partial(export, source, format="onnx"),
    }


def _not_drawn(log: Path) -> list[str]:
    """The views that a run says it has not, with the reason, but for those that no classifier has."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    texts = [line.partition(MARK)[2].rstrip(".") for line in lines if MARK in line]
    parts = [part for text in texts for part in text.split("; ")]
    return [part for part in parts if not any(never in part for never in NEVER)]


def _stem_and_stages(arch: str, options: Mapping[str, Any], side: int) -> tuple[str, int]:
    from pellucid.model.timm import TimmClassifier, stages

    given: dict[str, Any] = {"num_classes": 2, "arch": arch, "weights": "none", "options": options}
    try:
        net = TimmClassifier(image_shape=(3, side, side), **given)
    except ImageTooSmallError as error:
        net = TimmClassifier(image_shape=(3, error.smallest, error.smallest), **given)
    return net.stem, len(stages(net.backbone))


def page(rows: list[dict[str, Any]]) -> str:
    verbs = list(rows[0]["commands"])
    whole = [row for row in rows if not (row["trains"] or row["grey"] or any(row["commands"].values()))]
    stack = ", ".join(f"{name} {version(name)}" for name in ("timm", "torch", "torchvision", "onnxruntime"))
    lines = [
        HEAD,
        f"{counted(len(rows), 'family')}: in {len(whole)} everything works on three channels, and training "
        "on one. A number refers to the reason below the table.",
        "",
        f"| {' | '.join(('family', '`model.arch=`', *COLUMNS, *verbs))} |",
        "|---|---|" + "---|" * len((*COLUMNS, *verbs)),
    ]
    reasons: dict[str, int] = {}

    def cell(text: str) -> str:
        return f"no ({reasons.setdefault(text, len(reasons) + 1)})" if text else "yes"

    for row in rows:
        views = [f"{view.partition(' (')[0]} ({_number(reasons, view)})" for view in row["views"]]
        done = row.get("commands", {})
        commands = [cell(done.get(verb, row["trains"])) for verb in verbs]
        cells = [row["family"], f"`{row['arch']}`", str(row["side"]), row["stem"], str(row["stages"])]
        cells += [cell(row["trains"]), cell(row["grey"]), ", ".join(views) or "none", *commands]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *(f"{number}. {text}" for text, number in reasons.items())]
    longest = max(rows, key=lambda row: row["seconds"])
    lines += [
        "",
        f"Training, test and views took {sum(row['seconds'] for row in rows) / len(rows):.0f} s on the "
        f"average and {longest['seconds']:.0f} s at most ({longest['family']}), on {processor()}, "
        f"{os.cpu_count()} cores that other work ran on, too; Python {platform.python_version()}, {stack}.",
        "",
    ]
    return "\n".join(lines)


def _number(reasons: dict[str, int], view: str) -> int:
    return reasons.setdefault(f"{view[0].upper()}{view[1:]}.", len(reasons) + 1)


if __name__ == "__main__":
    main()
