"""The benchmark as a whole: which nets on which data, one after another."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks import processes, table
from benchmarks.measure import Measured, Result, device_of, measure_loading
from pellucid.config.command import PathText
from pellucid.config.command_line import quote_path
from pellucid.config.compose import compose, container
from pellucid.errors import UserError
from pellucid.system.console import console
from pellucid.system.process import check_device

CONF = Path(__file__).resolve().parents[2] / "conf"
SMALL = ("dnn", "cnn", "autoencoder")  # of small grey images
PHOTOS = ("xai", "resnet_frozen")
PRECISIONS = ("32-true", "bf16-mixed")
OPTIONS = {
    # Part of an epoch is enough of nets whose steps are long.
    "cnn": ["+trainer.limit_train_batches=150"],
    "xai": ["data.image_size=64", "trainer.max_epochs=1", "+trainer.limit_train_batches=6"],
    "resnet_frozen": ["data.image_size=224", "trainer.max_epochs=13", "model.weights=none"],
}


def benchmark(
    *,
    nets: Sequence[str] = (*SMALL, *PHOTOS),
    rounds: int = 5,
    fashion: PathText | None = None,
    photos: PathText | None = None,
    views: int = 0,
    accelerator: str = "cpu",
    precision: Literal["32-true", "bf16-mixed"] = "32-true",
    commands: bool = True,
    out: PathText = "outputs/benchmark",
) -> None:
    """Time what the options say, print it, write it to ``out``. Raises UserError for a wrong option."""
    config: dict[str, Any] = {"nets": nets, "rounds": rounds, "fashion": fashion, "photos": photos}
    config |= {"views": views, "accelerator": accelerator, "precision": precision, "commands": commands}
    _measure({**config, "out": out}, CONF)


def _measure(config: Mapping[str, Any], conf: Path) -> None:
    _check(config)
    out = _folder(config["out"])
    rounds: int = config["rounds"]
    results: list[Result] = []
    spent: dict[str, processes.Spent] = {}
    conditions = table.conditions(device_of(config["accelerator"]), config)
    with tempfile.TemporaryDirectory() as folder:
        fashion = str(_absolute(config["fashion"])) if config["fashion"] else noise(Path(folder))
        for name in config["nets"]:
            _say(f"{name} …")
            net_config, callbacks = _configs(name, config, fashion, conf)
            results.append(Measured(name, net_config, callbacks).run(rounds))
            if name == "resnet_frozen" and config["photos"]:
                for augment in ("none", "crop_flip"):
                    data = {**net_config["data"], "augment": augment}
                    results.append(measure_loading({**net_config, "data": data}, rounds))
            table.write(out, conditions, results, spent)  # what is measured so far
        if config["commands"]:
            _say("whole commands …")
            spent = processes.measure(conf.parent / "train.py", fashion, rounds)
            table.write(out, conditions, results, spent)
    console.print(table.shown("Seconds of training", table.HEADER, table.rows(results)))
    if spent:
        console.print(table.shown("Whole commands", table.COMMANDS, table.command_rows(spent)))
    _say(", ".join(f"{key} {value}" for key, value in conditions.items()))
    _say(f"Written: {out / 'benchmark.md'}")


def _say(text: str) -> None:
    """On the console; every run that is timed ends the log."""
    console.print(text, markup=False, soft_wrap=True)


def _check(config: Mapping[str, Any]) -> None:
    rounds, nets, views = config["rounds"], config["nets"], config["views"]
    check_device(config["accelerator"], "accelerator")
    if rounds < 1:
        raise UserError(f"rounds={rounds}: expected a whole number of at least 1.")
    if unknown := [name for name in nets if name not in (*SMALL, *PHOTOS)]:
        raise UserError(
            f"nets: {', '.join(map(str, unknown))}: expected some of {', '.join((*SMALL, *PHOTOS))}."
        )
    if not nets and not config["commands"]:
        raise UserError("nets=[] commands=false: nothing to time.")
    if config["precision"] not in PRECISIONS:
        raise UserError(f"precision={config['precision']}: expected {' or '.join(PRECISIONS)}.")
    if views < 0 or (views and not config["photos"]):
        raise UserError(f"views={views}: expected 0 or, of photos=<folder>, more.")
    for prefix in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        names = (f"{prefix}-ubyte.gz", f"{prefix}-ubyte")
        if config["fashion"] and not any((_absolute(config["fashion"]) / name).is_file() for name in names):
            raise UserError(f"fashion={config['fashion']}: expected a folder with {' or '.join(names)}.")
    for part in ("train", "test"):
        if config["photos"] and not (_absolute(config["photos"]) / part).is_dir():
            raise UserError(f"photos={config['photos']}: expected train/{{cat,dog}} and test/{{cat,dog}}.")


def _absolute(folder: str) -> Path:
    return Path(folder).expanduser().absolute()


def _folder(folder: str) -> Path:
    """The folder, made now: not after all has been timed."""
    out = _absolute(folder)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"out={folder}: the folder cannot be made ({error.strerror}).") from error
    return out


def _configs(
    name: str, config: Mapping[str, Any], fashion: str, conf: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The configuration of a net's runs, and the callbacks that draw."""
    data = ["data=fashion_mnist", _root(fashion), "trainer.max_epochs=1"]
    if name not in SMALL:
        data = ["data=catdog", "data.source=drawn"]
        if config["photos"]:
            data = ["data=catdog", "data.source=folder", _root(config["photos"])]
        views = config["views"] if name == "resnet_frozen" else 0
        data.append(f"model.augmentations_per_image={views}" if views else "data.augment=none")
    options = [f"model={name}", *data, *OPTIONS.get(name, [])]
    options += [f"trainer.accelerator={config['accelerator']}", "trainer.devices=1"]
    options += [f"trainer.precision={config['precision']}", "logger=none"]
    drawing, plain = (
        container(compose(conf, "train", [*options, f"callbacks={c}"])) for c in ("default", "none")
    )
    return plain, drawing["callbacks"]


def _root(folder: str) -> str:
    return quote_path(f"data.root={_absolute(folder)}", multirun=False)


def noise(folder: Path) -> str:
    """A folder with files in the format of Fashion-MNIST and random pixels, where it is not at hand."""
    random = np.random.default_rng(0)
    for prefix, count in (("train", 60_000), ("t10k", 10_000)):
        pixels = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = random.integers(0, 10, count, dtype=np.uint8)
        for kind, values in (("images-idx3", pixels), ("labels-idx1", labels)):
            magic = bytes([0, 0, 8, values.ndim])
            shape = b"".join(size.to_bytes(4, "big") for size in values.shape)
            with gzip.open(folder / f"{prefix}-{kind}-ubyte.gz", "wb", compresslevel=1) as file:
                file.write(magic + shape + values.tobytes())
    return str(folder)
