"""A training that somebody else wrote as its views' host: what was found out about it.

Axes: N images, B of a batch, C channels, H × W pixels.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.loggers import CSVLogger, Logger
from torch import Tensor, nn

from pellucid.callbacks.host import Host, TrainingImages
from pellucid.discovery.net import candidates
from pellucid.discovery.normalization import OWN_RANGE, Normalization
from pellucid.discovery.output import FoundOutput, Score, find_output, tensors
from pellucid.discovery.pool import GIVEN, Pool
from pellucid.discovery.received import AS_IS, Received
from pellucid.errors import UserError, counted, first_line
from pellucid.inside.images import UNKNOWN
from pellucid.inside.predictor import Predictor, dtype_of
from pellucid.inside.preserve_state import preserve_state, unwrap_compiled
from pellucid.metrics.curves import Rows
from pellucid.metrics.predictions import Predictions
from pellucid.spec import Spec

log = logging.getLogger(__name__)
UNSEEN = "nothing, as it was not run"
TRIED = 32  # images by which it is found out what a net gives
BATCH_SIZE = 32
MAX_NAMED = 4  # classes
MAX_CLASSES = 10_000  # of labels that nobody names
STAGE_OF = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val"}


@dataclass(frozen=True)
class FoundNet:
    """A net by its name in the module, "" for the module itself, what it gives, and in which form it is given
    images.
    """

    name: str
    net: nn.Module
    output: FoundOutput
    received: Received = AS_IS
    writes: bool = False  # into what it is given

    def text(self) -> str:
        """In a line."""
        count = sum(parameter.numel() for parameter in self.net.parameters())
        where = self.name or "the module itself"
        return f"{where} ({type(self.net).__name__}, {count:,} parameters), gives {self.output.text}"


def find_net(
    module: nn.Module,
    pinned: str | nn.Module | None,
    pool: Pool,
    spec: Spec,
    *,
    device: torch.device,
    score: Score | None,
    heard: tuple[str, Received] | None = None,
) -> FoundNet:
    """The net that runs on the images; ``heard`` is the one that was called with them, and in which form.

    Raises UserError where none does, with what to do.
    """
    found = [(name, unwrap_compiled(net)) for name, net in candidates(module, pinned)]
    received = AS_IS
    if heard is not None:
        found, received = [pair for pair in found if pair[0] == heard[0]], heard[1]
    inputs_BCHW = pool.inputs_NCHW[:TRIED].to(device)
    errors = []
    for name, net in found:
        dtype = dtype_of(net)
        try:
            with preserve_state(net) as plain, torch.no_grad():
                given = received.reshape(inputs_BCHW.to(dtype, copy=True))
                version = given._version
                output = plain(given)
                traced = _traced(plain, received.reshape(inputs_BCHW[:2].to(dtype, copy=True)))
        except Exception as error:
            errors.append(f"{name or 'the module itself'}: {type(error).__name__}: {first_line(error)}")
            continue
        if not received.scale and _minds_bytes(net, pool.first.images_BCHW[:2].to(device), received):
            raise UserError(
                f"{name or 'The module itself'} makes something else of bytes than of floats of the same "
                "values. Give it floats as it takes them: batch=lambda b: (b[0] / 255, b[1])."
            )
        known = replace(spec, classes=()) if pool.first.is_multi_hot else spec
        meaning = find_output(output, inputs_BCHW, pool.labels_N, known, score, traced)
        return FoundNet(name, net, meaning, received, given._version != version)
    tried = "; ".join(errors) or "it has no forward of its own, and not exactly one child with parameters"
    children = ", ".join(name for name, _ in module.named_children())
    if isinstance(pinned, nn.Module) and pool.first.images_path == GIVEN:
        raise UserError(
            f"{type(module).__name__} does not run on images {tuple(inputs_BCHW.shape)} ({tried}). Give "
            "images=… as the net takes them, (N, C, H, W)."
        )
    raise UserError(
        f"No net in {type(module).__name__} runs on its images {tuple(inputs_BCHW.shape)} ({tried}). Name "
        f"the one that does, net='…', of {children or 'no children'}; or say what it is given: "
        "batch=lambda b: (…, …)."
    )


def unseen_net(module: nn.Module) -> FoundNet:
    """In place of a net that was not found: the module, of whose output nothing is known."""
    return FoundNet("", module, FoundOutput(lambda output: torch.zeros(0), lambda *_: {}, UNSEEN))


def _traced(net: nn.Module, inputs: Tensor) -> Any:
    """The output with its graph; None of a net that has none."""
    try:
        with torch.enable_grad():
            return net(inputs.requires_grad_().clone())  # a copy, as some write into what they are given
    except Exception:
        return None


def _minds_bytes(net: nn.Module, images_BCHW: Tensor, received: Received) -> bool:
    """Whether a net that takes bytes gives something else for floats of the same values."""
    if images_BCHW.dtype != torch.uint8:
        return False
    try:
        with preserve_state(net) as plain, torch.no_grad():
            first, second = (
                next(tensors(plain(received.reshape(inputs)))).float()
                for inputs in (images_BCHW.clone(), images_BCHW.float())
            )
    except Exception:  # it takes floats only
        return False
    return not torch.allclose(first, second, rtol=1e-2, atol=1e-4)


class FoundHost(Host):
    """``pool`` holds the images that are looked at, ``found`` the net; ``spec`` says how images are shown."""

    def __init__(
        self,
        *,
        found: FoundNet,
        pool: Pool,
        spec: Spec,
        figures: Path,
        source: str,
        split: str = "validation",
        train: Callable[[int], tuple[Tensor, Tensor | None]] | None = None,
        train_total: int | None = None,
    ) -> None:
        classes = found.output.classes or spec.classes
        known = int(pool.labels_N.max()) + 1
        if not known and not classes:
            self.no_classes = "its classes, if it has some, are not known: classes=[…]"
        classes += tuple(str(label) for label in range(len(classes), min(known, MAX_CLASSES)))
        self.found, self.pool, self.spec = found, pool, replace(spec, classes=classes)
        self.figures, self.split, self._source = figures, split, source
        self._train, self._train_total = train, train_total
        self._rows: list[dict[str, float]] = []
        self._predictions: Predictions | None = None
        self._predictor: Predictor | None = None

    @property
    def is_seen(self) -> bool:
        """Whether there is a net that runs on the images."""
        return self.found.output.text != UNSEEN

    @property
    def heard(self) -> tuple[str, Received]:
        """The net's name, and in which form it is given images."""
        return self.found.name, self.found.received

    @property
    def images(self) -> Pool:
        return self.pool

    @property
    def total(self) -> int:
        return self.pool.total or len(self.pool)

    @property
    def source(self) -> str:
        return self._source

    @property
    def batch_size(self) -> int:
        return BATCH_SIZE

    def predictor(self, module: nn.Module) -> Predictor:
        net = self.found.net
        tensor = next(net.parameters(), None)
        device = torch.device("cpu") if tensor is None else tensor.device
        if self._predictor is None or self._predictor.device != device:
            output, received = self.found.output, self.found.received
            self._predictor = Predictor(
                net,
                self.spec,
                device,
                output.interpret,
                read=output.read,
                give=self._give if received.shape or self.found.writes else None,
            )
        return self._predictor

    def _give(self, images_BCHW: Tensor) -> Tensor:
        images = self.found.received.reshape(images_BCHW)
        return images.clone() if self.found.writes else images

    def begin_look(self) -> None:
        self._predictions = None

    @property
    def predictions(self) -> Predictions | None:
        """Of the images whose classes are known, or of all where none is; computed once a look."""
        if self._predictions is None and self.found.output.classes:
            known_N = torch.nonzero(self.pool.labels_N != UNKNOWN).flatten()
            index_N = known_N if len(known_N) else torch.arange(len(self.pool))
            predictor = self.predictor(self.found.net)
            parts = [
                predictor.predictions(predictor.inputs(self.pool.inputs_NCHW[index_B]))
                for index_B in torch.split(index_N, BATCH_SIZE)
            ]
            values = {name: torch.cat([part[name] for part in parts]) for name in ("predicted", "confidence")}
            self._predictions = Predictions(index_N, self.pool.labels_N[index_N], values)
        return self._predictions

    @property
    def has_training_images(self) -> bool:
        return self._train is not None

    def training_images(self, count: int) -> TrainingImages:
        assert self._train is not None
        received_BCHW, labels_B = self._train(count)
        labels = [UNKNOWN] * len(received_BCHW) if labels_B is None else labels_B.tolist()
        classes = self.spec.classes
        names = [classes[label] if 0 <= label < len(classes) else "" for label in labels]
        return TrainingImages(received_BCHW, names, None, self._train_total)

    def note(self, epoch: int, metrics: Mapping[str, Any]) -> None:
        """Keep an epoch's metrics under the names of ours: ``val_loss`` is ``val/loss``; what names no stage
        is ``/loss``, but for ``lr``.
        """
        row: dict[str, float] = {"epoch": epoch}
        for name, value in metrics.items():
            if name.endswith("_step") or name in ("epoch", "step"):
                continue
            match = re.fullmatch(r"([a-z]+)[/_.-](.+)", name)
            stage = STAGE_OF.get(match[1]) if match else None
            what = match[2] if match and stage else name
            if what == "lr":
                row["lr"] = float(value)
                continue
            row[f"{stage or ''}/{what.removesuffix('_epoch')}"] = float(value)
        self._rows.append(row)

    def rows(self) -> Rows:
        return self._rows

    def loggers(self, loggers: Sequence[Logger]) -> Sequence[Logger]:
        """All but tables of numbers, which others read."""
        return [logger for logger in loggers if not isinstance(logger, CSVLogger)]

    def record(self, values: Mapping[str, Any]) -> None:
        """Nothing is kept: there is no run folder of ours."""

    def told(self) -> list[str]:
        """What was found, in three lines."""
        batch, spec = self.pool.first, self.spec
        shape = " × ".join(map(str, spec.image_shape))
        names = ", ".join(spec.classes[:MAX_NAMED]) + (", …" if len(spec.classes) > MAX_NAMED else "")
        classes = f"{counted(len(spec.classes), 'class')} ({names})" if spec.classes else "classes not known"
        total = "" if self.pool.total in (None, len(self.pool)) else f" of {self.pool.total:,}"
        looked = f"{len(self.pool):,}{total} {self.split} images"
        if self.split != "given":
            looked += f" of {self._source}"
        where = f"labels in {batch.labels_path}" if batch.labels_path else "no labels"
        net = self.found.text() if self.is_seen else "none that runs on the images"
        return [
            f"net: {net}",
            f"images: {batch.images_path}, {shape}, {where}, {classes}; looked at are {looked}",
            f"normalisation: {spec.statistics}" + _numbers(spec),
        ]


def make_spec(pool: Pool, classes: tuple[str, ...], normalization: Normalization) -> Spec:
    """What is known of the images."""
    channels, height, width = pool.inputs_NCHW.shape[1:]
    return Spec(
        (channels, height, width), classes, normalization.mean, normalization.std, normalization.source
    )


def _numbers(spec: Spec) -> str:
    if spec.statistics == OWN_RANGE or spec.statistics.startswith("values in") or len(spec.mean) > 4:
        return ""
    mean, std = (", ".join(f"{value:.4g}" for value in values) for values in (spec.mean, spec.std))
    return f", mean {mean}, std {std}"
