"""The benchmark as a whole: which nets on which data, one after another."""

from __future__ import annotations

import gzip
import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pellucid.benchmark import processes, table
from pellucid.benchmark.measure import Measured, Result, measure_loading
from pellucid.config.compose import compose, container
from pellucid.console import console
from pellucid.errors import UserError
from pellucid.process import check_device

log = logging.getLogger(__name__)
SMALL = ("dnn", "cnn", "autoencoder")  # of small grey images
PHOTOS = ("xai", "resnet_frozen")
OPTIONS = {
    # Part of an epoch is enough of nets whose steps are long.
    "cnn": ["+trainer.limit_train_batches=150"],
    "xai": ["data.image_size=64", "trainer.max_epochs=1", "+trainer.limit_train_batches=6"],
    "resnet_frozen": ["data.image_size=224", "trainer.max_epochs=13", "model.weights=none"],
}


def benchmark(config: Mapping[str, Any], conf: Path) -> None:
    """Time what the options say, print it, write it to ``out``. Raises UserError for a wrong option."""
    rounds, nets = config["rounds"], config["nets"]
    check_device({"accelerator": config["accelerator"]})
    if not isinstance(rounds, int) or rounds < 1:
        raise UserError(f"rounds={rounds}: expected a whole number of at least 1.")
    if unknown := [name for name in nets if name not in (*SMALL, *PHOTOS)]:
        raise UserError(
            f"nets: {', '.join(map(str, unknown))}: expected some of {', '.join((*SMALL, *PHOTOS))}."
        )
    with tempfile.TemporaryDirectory() as folder:
        fashion = str(Path(config["fashion"]).expanduser()) if config["fashion"] else noise(Path(folder))
        results: list[Result] = []
        for name in nets:
            log.info("%s …", name)
            own, pictures = _configs(name, config, fashion, conf)
            results.append(Measured(name, own, pictures).run(rounds))
            if name == "resnet_frozen":
                results.append(measure_loading(own, rounds))
        spent = {}
        if config["commands"]:
            log.info("whole commands …")
            spent = processes.measure(conf.parent / "train.py", fashion, rounds)
    device = "cuda" if torch.cuda.is_available() and config["accelerator"] != "cpu" else "cpu"
    found = table.conditions(device, config["precision"], rounds)
    console.print(table.shown("Seconds of training", table.HEADER, table.rows(results)))
    if spent:
        console.print(table.shown("Whole commands", table.COMMANDS, table.command_rows(spent)))
    out = Path(config["out"]).expanduser().absolute()
    table.write(out, found, results, spent)
    log.info("%s", ", ".join(f"{key} {value}" for key, value in found.items()))
    log.info("Written: %s", out / "benchmark.md")


def _configs(
    name: str, config: Mapping[str, Any], fashion: str, conf: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The configuration of a net's runs, and the callbacks that draw."""
    quoted = fashion.replace("'", "\\'")
    data = ["data=fashion_mnist", f"data.root='{quoted}'", "trainer.max_epochs=1"]
    if name not in SMALL:
        photos = str(Path(config["photos"]).expanduser()).replace("'", "\\'") if config["photos"] else None
        data = ["data=catdog", f"data.root='{photos}'" if photos else "data.source=drawn"]
        data += [
            f"model.views={config['views']}"
            if name == "resnet_frozen" and config["views"]
            else "data.augment=none"
        ]
    options = [f"model={name}", *data, *OPTIONS.get(name, [])]
    options += [f"trainer.accelerator={config['accelerator']}", "trainer.devices=1"]
    options += [f"trainer.precision={config['precision']}", "logger=none"]
    drawn, plain = (
        container(compose(conf, "train", [*options, f"callbacks={c}"])) for c in ("default", "none")
    )
    return plain, drawn["callbacks"]


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
