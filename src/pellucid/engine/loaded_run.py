"""A net as a run left it: rebuilt from its checkpoint alone, on this machine."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from torch import nn

from pellucid.config.build import from_environment
from pellucid.config.command import DataOverride
from pellucid.config.data_override import override_data
from pellucid.data.base import ImageData
from pellucid.data.divide import DIVISION_OPTIONS, History
from pellucid.data.manifest import Manifest
from pellucid.engine.build import make_data, restore_task
from pellucid.engine.task_choice import KNOWN
from pellucid.engine.temperature import Temperature, stored, tempered
from pellucid.engine.test_time import pool_of
from pellucid.errors import UserError, first_line
from pellucid.inside.predictor import Interpret, Predictor
from pellucid.inside.preserve_state import unwrap_compiled
from pellucid.inside.tta import AugmentedNet
from pellucid.run.checkpoint import load_checkpoint
from pellucid.run.folder import FORMAT, Run
from pellucid.spec import CLASS, Spec
from pellucid.system.console import quiet_lightning
from pellucid.system.files import check_writable
from pellucid.system.process import check_device, has_gpu, quiet_warnings
from pellucid.task.base import Task

IMAGE_FOLDER = "pellucid.data.image_folder.ImageFolder"
TABLE = "pellucid.data.table.Table"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedRun:
    """A task with its trained net, in evaluation mode, and what it was trained with.

    ``run`` is None for a checkpoint that lies outside of a run folder. ``epoch`` counts from 1.
    """

    run: Run | None
    checkpoint: Path
    config: dict[str, Any]
    spec: Spec
    task: Task
    epoch: int
    accelerator: str
    format: int = FORMAT

    @property
    def folder(self) -> Path:
        """Where commands write: the run folder, or beside a checkpoint that stands alone."""
        return self.run.folder if self.run else self.checkpoint.parent / self.checkpoint.stem

    def output_folder(self, out: str | None, name: str) -> Path:
        """Where a command writes: ``out``, or the folder of that name. Raises UserError where it cannot."""
        folder = Path(out).expanduser().absolute() if out else self.folder / name
        check_writable(folder, str(folder), "out=<folder>")
        return folder

    @property
    def name(self) -> str:
        """``cnn_digits/2026-11-21_… (best.ckpt, epoch 7)``, or ``deeper (…)`` of a run that was named."""
        name = self.config.get("name") or "/".join(self.folder.parts[-2:])
        return f"{name} ({self.checkpoint.name}, epoch {self.epoch})"

    @property
    def net(self) -> nn.Module:
        return self.task.net

    @property
    def batch_size(self) -> int:
        """The run's, where its data have one."""
        value = self.config["data"].get("batch_size")
        return value if isinstance(value, int) and value > 0 else 32

    @property
    def precision(self) -> Any:
        """The run's; ``bf16-mixed`` for ``16-mixed`` where there is no GPU, as a CPU cannot compute that."""
        value = from_environment(self.config["trainer"].get("precision", "32-true"))
        without = self.accelerator == "cpu" or not has_gpu()
        return "bf16-mixed" if value == "16-mixed" and without else value

    def trainer(self, **options: Any) -> Trainer:
        """A quiet Trainer of ``precision`` on the chosen accelerator. Raises UserError."""
        quiet_lightning()
        try:
            with quiet_warnings():
                return Trainer(
                    accelerator=self.accelerator,
                    devices=1,
                    logger=False,
                    precision=self.precision,
                    enable_checkpointing=False,
                    enable_progress_bar=False,
                    enable_model_summary=False,
                    **options,
                )
        except (MisconfigurationException, ValueError, TypeError) as error:
            raise UserError(f"accelerator={self.accelerator}: {first_line(error)}") from error

    def temperature(self, tta: str = "none") -> Temperature | None:
        """The temperature that is kept with the run for this net and ``tta``; None where there is none."""
        return stored(self.folder, self.net, self.checkpoint, tta)

    def predictor(
        self,
        trainer: Trainer | None = None,
        *,
        tta: str = "none",
        temperature: Temperature | None = None,
    ) -> Predictor:
        """The net where it is to run, on the ``trainer``'s device and in its precision if one is given.

        ``tta``: on several versions of each image. ``temperature``: that of the probabilities; what the net
        gives stays undivided. Raises UserError for a task that has no ``tta``.
        """
        trainer = trainer or self.trainer()
        device, precision = trainer.strategy.root_device, trainer.precision_plugin.forward_context
        self.task.to(device).eval()
        net: nn.Module = unwrap_compiled(self.net)
        interpret: Interpret = self.task.predictions
        if tta != "none":
            net = AugmentedNet(net, tta=tta, pool=pool_of(self.task, self.spec.image_shape, tta))
        if temperature is not None:
            interpret = tempered(interpret, temperature.temperature)
        return Predictor(net, self.spec, device, interpret, precision)

    def class_counts(self) -> np.ndarray | None:
        """The training images of each class, (K,), where the run knows them and they have classes."""
        manifest = Manifest.load(self.run.manifest) if self.run and self.spec.labels == CLASS else None
        return None if manifest is None else manifest.class_counts(len(self.spec.classes))

    def data(self, override: DataOverride | None = None, *, count_trained: bool = False) -> ImageData:
        """The run's data, or those that ``override`` makes of them, read, at the net's image size.

        An image that the run knows is in its split of then. Of other images all are ``test``, but those that
        the net was trained on, which are left out unless ``count_trained``. Raises UserError where they have
        other classes.
        """
        trained_config, config = self.config["data"], override_data(self.config["data"], override)
        elsewhere = trained_config != config
        data = make_data({**self.config, "data": {**config, **_known(self.spec, config["_target_"])}})
        check_classes(data.spec, self.spec)
        if data.spec.image_shape[0] != self.spec.image_shape[0]:
            raise UserError(
                f"The data's images have {data.spec.image_shape[0]} channels, the net takes "
                f"{self.spec.image_shape[0]}."
            )
        data.conform(self.spec)  # whose size and statistics the net was built for, whatever the data's are
        data.prepare_data()
        manifest = Manifest.load(self.run.manifest) if self.run else None
        history = History(manifest, self.format == 1, elsewhere, count_trained)
        if manifest is None:
            self._setup_without_manifest(data, history)
        else:
            if elsewhere:
                _check_division(trained_config, config)
            data.setup(history=history)
        self._check_whole(data, elsewhere)
        return data

    def _setup_without_manifest(self, data: ImageData, history: History) -> None:
        """Read images of which only a fingerprint tells whether they are those of the training."""
        fingerprint = self.run.metrics().get("data/fingerprint") if self.run else None
        with suppress(UserError) if history.elsewhere else nullcontext():
            data.setup(history=replace(history, elsewhere=False))
            if data.fingerprint() == fingerprint:
                return
        if history.elsewhere or fingerprint is None:
            log.warning(
                "Whether the net was trained on some of these images is not known: that is kept in the "
                "folder of its run."
            )
        if history.elsewhere:
            data.setup(history=history)
        elif fingerprint is not None:
            log.warning(
                "The images have changed since the training, and which ones it was trained on was not kept "
                "by the version of then: some of these may have been."
            )

    def _check_whole(self, data: ImageData, elsewhere: bool) -> None:
        """Tell which classes have no images; in the run's own data they are gone, which is a mistake."""
        if self.spec.labels != CLASS:
            return
        present = {label for split in data.splits.values() for label in torch.unique(split.labels_N).tolist()}
        missing = [name for label, name in enumerate(self.spec.classes) if label not in present]
        if missing and not elsewhere:
            raise UserError(
                f"{data.source}: the run was trained on {_few(self.spec.classes)}, and no image of "
                f"{_few(missing)} is there any more. Put it back, or name other images by data.root=<folder> "
                "or data.path=<table>."
            )
        if missing:
            log.warning("%s has no images of %s.", data.source, _few(missing))


def _known(spec: Spec, target: str) -> dict[str, Any]:
    """What need not be looked for in the images, as options of a data set that would."""
    if target not in (IMAGE_FOLDER, TABLE):
        return {}
    known: dict[str, Any] = {"classes": list(spec.classes), "channels": spec.image_shape[0]}
    if target == TABLE:
        known["labels"] = spec.labels
    return known | ({"value_range": list(spec.values)} if spec.image_shape[0] != 3 and spec.values else {})


def restore(
    source: str | Path, *, checkpoint: str = "best", accelerator: str = "auto", packages: Sequence[str] = ()
) -> LoadedRun:
    """The trained net of a run folder, or of a checkpoint file. Raises UserError for anything else.

    ``checkpoint`` of a run folder: best, last or a path. ``packages``: those that the user has named; what a
    file says of them is not believed.
    """
    check_device(accelerator, "accelerator")
    run, path = find(source, checkpoint)
    content = load_checkpoint(path)
    task, spec = restore_task(content, packages)
    config, epoch = {**content["pellucid"]["config"], "packages": list(packages)}, int(content["epoch"]) + 1
    if run is not None:  # whose data may have moved since that checkpoint
        config["data"] = {**config["data"], **_places(run.config()["data"], config["data"])}
    format_ = content["pellucid"]["format"]
    trained = LoadedRun(run, path, config, spec, task.eval(), epoch, accelerator, format_)
    if trained.precision != config["trainer"].get("precision", trained.precision):
        log.info("16-mixed needs a GPU: bf16-mixed here, whose figures are a little different.")
    return trained


def find(source: str | Path, checkpoint: str) -> tuple[Run | None, Path]:
    """The run folder that ``source`` is or lies in, and the checkpoint's file. Raises UserError."""
    file = Path(source).expanduser().absolute()
    if file.is_file():
        folder = file.parent.parent
        inside = (folder / ".hydra" / "config.yaml").is_file()
        return (Run(folder) if inside else None), file
    run = Run.open(source)
    path = {"best": run.best, "last": run.last}.get(checkpoint, Path(checkpoint).expanduser())
    if not path.is_file():
        names = ", ".join(kept.name for kept in run.kept_checkpoints()) or "none"
        raise UserError(
            f"checkpoint={checkpoint}: {run.folder} has no such checkpoint. It has: {names}. "
            "Expected best, last or the path of a checkpoint."
        )
    return run, path


def check_classes(now: Spec, then: Spec) -> None:
    """Raise UserError where the data's classes, labels or numbers are not those of the net."""
    if now.labels != then.labels:
        raise UserError(
            f"The data have {now.outputs}, the run was trained on {then.outputs}. Name images with "
            f"{KNOWN[then.labels]}, or train a new run."
        )
    if now.classes == then.classes:
        return
    new = [name for name in now.classes if name not in then.classes]
    gone = [name for name in then.classes if name not in now.classes]
    differ = [f"new: {_few(new)}"] * bool(new) + [f"gone: {_few(gone)}"] * bool(gone)
    raise UserError(
        f"The data have {now.outputs}, the run was trained on {then.outputs}, which stay "
        f"({'; '.join(differ) or 'they come in another order'}). Give them the names that they had, "
        f"{_few(then.classes)}, or train a new run."
    )


def _places(now: Mapping[str, Any], then: Mapping[str, Any]) -> dict[str, Any]:
    """Where the data lie by the run's newest configuration, which a resumed run has from the command line."""
    if now.get("_target_") != then["_target_"]:
        return {}
    return {name: now[name] for name in ("root", "path", "cache") if name in now and name in then}


def _check_division(trained_config: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Raise UserError for options that decide which image is in which split: the run keeps that."""
    if trained_config["_target_"] == config["_target_"]:
        for name in DIVISION_OPTIONS:
            if trained_config.get(name) != config.get(name):
                raise UserError(
                    f"data.{name}={config.get(name)}: which image is in which split is kept with the run "
                    f"(data.{name}={trained_config.get(name)}); leave it out."
                )


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
