"""Provenance of a run's figures: data, seed, device, versions, commit, hyper-parameters."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import torch
from lightning.pytorch import Trainer

from pellucid.config.build import flatten
from pellucid.data.base import ImageData
from pellucid.run.folder import FORMAT

PACKAGES = ("torch", "torchvision", "lightning", "hydra-core", "numpy", "pellucid")
GROUPS = ("model", "data", "task", "optimizer", "scheduler")  # whose options are hyper-parameters
OPTIONAL = ("average",)  # and these where a run has one
TRAINER = ("max_epochs", "precision", "accumulate_grad_batches", "gradient_clip_val")


def describe(config: Mapping[str, Any], data: ImageData, trainer: Trainer) -> dict[str, Any]:
    """The entries of ``metrics.json`` that are known when training starts."""
    device = trainer.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    return {
        "format": FORMAT,
        "data/source": data.source,
        "data/fingerprint": data.fingerprint(),
        "data/left_out": data.left_out,
        **{f"data/{split}": len(images) for split, images in data.splits.items()},
        "seed": config["seed"],
        "device": f"{device.type} ({name})" if name else device.type,
        "devices": trainer.world_size,
        "threads": torch.get_num_threads(),
        **{f"versions/{name}": version(name) for name in PACKAGES},
        "versions/python": platform.python_version(),
        "git/commit": _git_commit(),
    }


def hyperparameters(config: Mapping[str, Any]) -> dict[str, Any]:
    """The options that TensorBoard's HPARAMS tab shows, flat: ``model: CNN``, ``model.dropout: 0.25`` …"""
    flat: dict[str, Any] = {"name": config["name"]} if config.get("name") else {}
    flat["seed"] = config["seed"]
    for group in (*GROUPS, *(name for name in OPTIONAL if config.get(name))):
        options = {**(config[group] or {})}
        target = str(options.pop("_target_", "none"))
        options.pop("_partial_", None)
        options.pop("seed", None)  # the run's own
        flat |= {group: target.rpartition(".")[2], **flatten(options, f"{group}.")}
    return flat | flatten({key: config["trainer"].get(key) for key in TRAINER}, "trainer.")


def _git_commit() -> str | None:
    """The commit of the working directory, with + where files have changed since; None outside git."""
    try:
        # A monitor that a repository of anybody's names is a program, which git would start.
        options = ("--always", "--abbrev=40", "--dirty=+", "--exclude=*")
        command = ["git", "-c", "core.fsmonitor=false", "describe", *options]
        process = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return process.stdout.strip()
