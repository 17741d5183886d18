"""The page's head and foot: what was trained, on what, how well, how to repeat it, and where."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.callbacks.share import told
from pellucid.config.build import flatten
from pellucid.data.base import ImageData
from pellucid.engine.evaluation import Evaluation
from pellucid.engine.intervals import Interval
from pellucid.engine.loaded_run import LoadedRun
from pellucid.errors import counted, typed
from pellucid.report.run.certainty import certainty
from pellucid.run.folder import Run
from pellucid.system.number_text import metric
from pellucid.view.chance import chance

DATE = re.compile(r"(\d{4}-\d\d-\d\d)_(\d\d)-(\d\d)-\d\d")


@dataclass(frozen=True)
class Figure:
    """A metric of the best checkpoint; ``interval`` is what is uncertain about it, by ``method``, or ''."""

    name: str
    value: str
    interval: str
    method: str = ""


@dataclass(frozen=True)
class Header:
    """Texts of the page's head (``title`` to ``commands``) and foot (``groups``, ``options``).

    ``chance``: that the net is no better than guessing, where it is so.
    """

    title: str
    run: str
    status: str
    aim: str
    figures: Sequence[Figure]
    chance: str
    commands: Mapping[str, str]
    groups: Mapping[str, Mapping[str, str]]
    options: Mapping[str, Any]


def header(
    trained: LoadedRun, data: ImageData | None, evaluation: Evaluation | None, recorded: Mapping[str, Any]
) -> Header:
    """From ``recorded``, the run's record; of a checkpoint alone what is in it."""
    choices = trained.run.choices() if trained.run else {}
    config = trained.config
    names = [choices.get(group) or _class(config[group]) for group in ("model", "data")]
    return Header(
        title=f"{config['name']}: {names[0]} on {names[1]}"
        if config.get("name")
        else f"{names[0]} on {names[1]}",
        run="/".join(trained.folder.parts[-2:]),
        status=str(recorded.get("status", "")),
        aim=_aim(trained, recorded, data),
        figures=_figures(trained, recorded, evaluation),
        chance=""
        if evaluation is None
        else chance(evaluation.predictions, trained.spec.classes, evaluation.metrics, split="test"),
        commands=_commands(trained),
        groups={
            name: {k: str(v) for k, v in group.items() if v not in (None, "")}
            for name, group in _groups(trained, recorded).items()
        },
        options={
            k: v for k, v in flatten(config).items() if not k.startswith(("callbacks.", "logger.", "sweep."))
        },
    )


def _listed(augment: object) -> object:
    return ", ".join(augment) if isinstance(augment, list) else augment


def _class(node: Mapping[str, Any]) -> str:
    return str(node["_target_"]).rpartition(".")[2]


def _aim(trained: LoadedRun, recorded: Mapping[str, Any], data: ImageData | None) -> str:
    parameters = list(trained.net.parameters())
    total = sum(p.numel() for p in parameters)
    free = sum(p.numel() for p in parameters if p.requires_grad)
    channels, height, width = trained.spec.image_shape
    trainable = "all trained" if free == total else f"{free:,} of them trained"
    name = " ".join([type(trained.net).__name__, *filter(None, [trained.config["model"].get("arch")])])
    text = f"{name} with {counted(total, 'parameter')}, {trainable}"
    if "epochs" in recorded:
        text += f", for {counted(recorded['epochs'], 'epoch')}"
    text += f" on {recorded.get('data/source') or (data.source if data else 'images')}"
    if "data/train" in recorded:
        counts = (f"{recorded[f'data/{split}']:,}" for split in ("train", "val", "test"))
        text += ": {} training, {} validation and {} test images".format(*counts)
    text += f" of {channels} × {height} × {width}, {trained.spec.outputs}."
    if shown := trained.spec.shown_as:
        text += f" In pictures: {shown.removeprefix('shown: ')}."
    validated = trained.config["trainer"].get("limit_val_batches") != 0
    return (
        f"{text} Shown is epoch {trained.epoch}, the best by {trained.task.monitor}."
        if trained.checkpoint.stem == "best" and validated
        else f"{text} Shown is epoch {trained.epoch}."
    )


def _figures(trained: LoadedRun, recorded: Mapping[str, Any], evaluation: Evaluation | None) -> list[Figure]:
    monitored = trained.task.monitor.partition("/")[2]
    if evaluation is None:
        values = {name: recorded.get(name) for name in (f"test/{monitored}", f"val/{monitored}")}
        return [Figure(name, metric(value), "") for name, value in values.items() if value is not None]
    intervals = evaluation.intervals(trained.config["seed"])
    order = sorted(evaluation.metrics, key=lambda name: name != monitored)
    values = dict.fromkeys(f"{evaluation.metrics[name]:.6g}" for name in order)
    names = [next(n for n in order if f"{evaluation.metrics[n]:.6g}" == value) for value in values]
    figures = [
        Figure(f"test {name.replace('_', ' ')}", metric(evaluation.metrics[name]), *_told(intervals[name]))
        for name in names
    ]
    if (value := recorded.get(trained.task.monitor)) is not None and trained.checkpoint.stem == "best":
        figures.append(Figure(f"validation {monitored}", metric(value), "by which the epoch was chosen"))
    return figures


def _told(interval: Interval) -> tuple[str, str]:
    if interval.ends is None:
        return "no 95 % interval", f"as {interval.method}"
    return "95 % interval {} to {}".format(*map(metric, interval.ends)), interval.method


def _commands(trained: LoadedRun) -> dict[str, str]:
    if trained.run is None:
        return {}
    parts = trained.run.folder.parts
    path = "/".join(parts[-3:]) if "outputs" in parts[-3:-2] else str(trained.run.folder)
    folder = shlex.quote(path)
    more = _twice(trained.config["trainer"])
    test = f"{typed('evaluate')} run={folder} data=image_folder data.root=/my/photos"
    return {
        "Repeat it": typed("train", *_overrides(trained.run)),
        "Go on with it": f"{typed('train')} resume={folder} {more}",
        "Test it on other images": test,
        "Ask why": f"{typed('explain')} run={folder} images=/my/photos",
        "Watch it in TensorBoard": f"tensorboard --logdir {folder} --samples_per_plugin images=1000",
    }


def _twice(trainer: Mapping[str, Any]) -> str:
    """Options for twice the budget; -1 is none, of epochs or of steps."""
    budgets = {"max_epochs": trainer.get("max_epochs") or 10, "max_steps": trainer.get("max_steps") or -1}
    return " ".join(f"trainer.{name}={2 * limit}" for name, limit in budgets.items() if limit > 0)


def _overrides(run: Run) -> list[str]:
    return [text for text in run.overrides() if not text.startswith(("hydra.run.dir=", "resume="))]


def _groups(trained: LoadedRun, recorded: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    config = trained.config
    date = DATE.search(trained.folder.name)
    commit = recorded.get("git/commit")
    return {
        "Training": {
            "begun": f"{date[1]} {date[2]}:{date[3]}" if date else "",
            "seed": config["seed"],
            "optimizer": f"{_class(config['optimizer'])}, learning rate {config['optimizer'].get('lr', '–')}",
            "scheduler": _class(config["scheduler"]) if config["scheduler"] else "none",
            "batch size": config["data"].get("batch_size"),
            "augmentation": _listed(config["data"].get("augment")),
            "precision": config["trainer"].get("precision"),
        },
        "Data": {
            "source": recorded.get("data/source"),
            "fingerprint of pixels and labels": recorded.get("data/fingerprint"),
            "files that could not be used": recorded.get("data/left_out"),
            "mean and deviation": trained.spec.statistics,
        },
        "Certainty": certainty(trained),
        "Time": {
            "whole run": _duration(recorded.get("seconds/total")),
            "training and pictures": _duration(recorded.get("seconds/fit")),
            "an epoch, median": _duration(recorded.get("seconds/train_epoch")),
            "pictures": _duration(recorded.get("look/seconds/total")),
            "pictures left out": told(recorded, config.get("share")),
        },
        "Environment": {
            "device": recorded.get("device"),
            "processes": recorded.get("devices"),
            "threads": recorded.get("threads"),
            **{
                key.partition("/")[2]: value for key, value in recorded.items() if key.startswith("versions/")
            },
            "commit": str(commit)[:12] + ("+" if str(commit).endswith("+") else "") if commit else None,
        },
    }


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 100:
        return f"{seconds:.3g} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"
