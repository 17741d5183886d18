"""Data sets as their YAML makes them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from pellucid.data.base import ImageData

CONF = Path(__file__).parents[2] / "conf" / "data"


def load(name: str) -> dict[str, Any]:
    """The YAML's keys and values, ``_target_`` among them."""
    config: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))  # type: ignore[assignment]
    if config["_target_"] == "???":  # which the user names: what is around it is ours
        config["_target_"] = "pellucid.data.own.Own"
    if "augment_options" in config:
        config["augment_options"] = {}  # those of conf/augment, which are the defaults
    return config


def constructor(target: str) -> type[ImageData]:
    module, _, name = target.rpartition(".")
    found: type[ImageData] = getattr(import_module(module), name)
    return found


def make(name: str, /, **given: Any) -> ImageData:
    """The data set by its YAML, with seed 0 and what is given."""
    config = {**load(name), "seed": 0, **given}
    return constructor(config.pop("_target_"))(**config)


def read(name: str, /, **given: Any) -> ImageData:
    """The same, with its splits read."""
    data = make(name, **given)
    data.setup()
    return data
