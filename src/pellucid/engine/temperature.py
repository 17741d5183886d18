"""Temperature of a run's net: fitted on validation images, kept with the run, used where it still fits.

Axes: N images, K classes or labels.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.data.images import Split
from pellucid.errors import UserError, counted, first_line, typed
from pellucid.inside.predictor import Interpret
from pellucid.inside.preserve_state import unwrap_compiled
from pellucid.metrics.calibration import calibration
from pellucid.metrics.temperature import fit_temperature, negative_log_likelihoods
from pellucid.system.files import read_json, write_atomically
from pellucid.system.number_text import number
from pellucid.task.base import Task
from pellucid.task.classification import Classification
from pellucid.task.multilabel import Multilabel

log = logging.getLogger(__name__)

NAME = "temperature.json"
FORMAT = 1
MIN_IMAGES = 10  # of validation, for a number to be fitted


@dataclass(frozen=True)
class Quality:
    """Mean negative log-likelihood, and expected calibration error in [0, 1], of so many images."""

    nll: float
    ece: float
    images: int


@dataclass(frozen=True)
class Temperature:
    """A temperature and where it comes from: ``checkpoint`` with its ``epoch`` and a hash of its ``weights``,
    ``images`` of ``split`` with a hash of their content and labels, ``tta``, and when it was fitted.

    ``before`` and ``after``: on those images.
    """

    temperature: float
    tta: str
    checkpoint: str
    epoch: int
    weights: str
    split: str
    images: int
    fingerprint: str
    before: Quality
    after: Quality
    fitted: str

    @property
    def text(self) -> str:
        """``temperature 1.73``."""
        return f"temperature {number(self.temperature)}"


def check_calibrates(task: Task, classes: int) -> None:
    """Raise UserError for a task whose scores have no temperature."""
    if not isinstance(task, Classification | Multilabel):
        raise UserError(
            f"calibrate=true: a temperature is of classes or labels, and {type(task).__name__} predicts no "
            "probabilities. Leave it out."
        )
    if isinstance(task, Classification) and classes < 2:
        raise UserError("calibrate=true: the run has one class, which is always certain. Leave it out.")


def quality(scores: Tensor, targets: Tensor, temperature: float = 1.0) -> Quality:
    """Of scores (N, K) before softmax or, where ``targets`` are bool (N, K), before the sigmoid.

    The calibration error is of the predicted class; of labels, of all their probabilities pooled.
    """
    scores_NK, known = scores.double().numpy(), targets.numpy()
    scaled = torch.from_numpy(scores_NK) / temperature
    if targets.ndim == 2:
        confidence_N, right_N = scaled.sigmoid().flatten().numpy(), known.flatten()
    else:
        best, predicted = scaled.softmax(dim=1).max(dim=1)
        confidence_N, right_N = best.numpy(), predicted.numpy() == known
    nll = float(negative_log_likelihoods(scores_NK, known, temperature).mean())
    return Quality(nll, calibration(confidence_N, right_N).ece, len(scores_NK))


def fit(
    scores: Tensor,
    split: Split,
    *,
    net: nn.Module,
    checkpoint: Path,
    epoch: int,
    tta: str,
) -> Temperature:
    """The temperature of a net's scores of the validation images. Raises UserError where there is none."""
    targets = split.targets
    if len(scores) < MIN_IMAGES:
        raise UserError(
            f"calibrate=true: {counted(len(scores), 'validation image')}, and a temperature needs at least "
            f"{MIN_IMAGES}. Train with a larger data.val_fraction."
        )
    try:
        temperature = fit_temperature(scores.double().numpy(), targets.numpy())
    except ValueError as error:
        raise UserError(
            f"calibrate=true: no temperature fits the {counted(len(scores), 'validation image')}: "
            f"{first_line(error)}."
        ) from error
    return Temperature(
        temperature=temperature,
        tta=tta,
        checkpoint=checkpoint.name,
        epoch=epoch,
        weights=weights_hash(net),
        split="val",
        images=len(scores),
        fingerprint=_fingerprint(split),
        before=quality(scores, targets),
        after=quality(scores, targets, temperature),
        fitted=datetime.now().astimezone().isoformat(timespec="seconds"),
    )


def weights_hash(net: nn.Module) -> str:
    """A hash of every parameter and buffer, whatever device they are on."""
    digest = hashlib.sha256()
    for name, value in unwrap_compiled(net).state_dict().items():
        digest.update(name.encode())
        if isinstance(value, Tensor):
            digest.update(f"{value.dtype}{tuple(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


def _fingerprint(split: Split) -> str:
    targets = np.ascontiguousarray(split.targets.numpy())
    return hashlib.sha256(split.digests_N.tobytes() + targets.tobytes()).hexdigest()[:16]


def save(folder: Path, temperature: Temperature) -> Path:
    """Keep it in the run's folder, in place of the one of the same checkpoint and ``tta``; the file."""
    others = [
        each
        for each in load(folder)
        if (each.checkpoint, each.tta) != (temperature.checkpoint, temperature.tta)
    ]
    kept = sorted([*others, temperature], key=lambda each: (each.checkpoint, each.tta))
    content = {"format": FORMAT, "temperatures": [asdict(each) for each in kept]}
    write_atomically(folder / NAME, json.dumps(content, indent=2).encode())
    return folder / NAME


def load(folder: Path) -> list[Temperature]:
    """All that are kept in a run's folder; none, and that is told, of a file that cannot be read."""
    path = folder / NAME
    try:
        content = read_json(path)
        if content["format"] > FORMAT:
            log.warning("%s was written by a newer pellucid: not used.", path)
            return []
        return [_read(entry) for entry in content["temperatures"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.warning("%s is damaged (%s): not used.", path, first_line(error))
        return []


def _read(entry: dict[str, Any]) -> Temperature:
    """Raises ValueError, TypeError or KeyError for what is none."""
    found = Temperature(**{**entry, **{name: Quality(**entry[name]) for name in ("before", "after")}})
    value = found.temperature
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ValueError(f"a temperature of {value!r}")
    return found


def stored(folder: Path, net: nn.Module, checkpoint: Path, tta: str = "none") -> Temperature | None:
    """The temperature that was fitted to that net with that ``tta``; None where none was, or of other
    weights, which is told.
    """
    kept = load(folder)
    if not kept:
        return None
    weights = weights_hash(net)
    of_net = [each for each in kept if each.weights == weights]
    for each in of_net:
        if each.tta == tta:
            return each
    again = f"{typed('evaluate')} … {'' if tta == 'none' else f'tta={tta} '}calibrate=true fits one"
    if of_net:
        fitted = " and ".join(f"tta={each.tta}" for each in of_net)
        log.warning("Not calibrated: the temperature kept with the run is of %s; %s.", fitted, again)
        return None
    for each in kept:
        if each.checkpoint == checkpoint.name:
            log.warning(
                "Not calibrated: the temperature kept with the run was fitted to epoch %d of %s, whose "
                "weights have changed since; %s.",
                *(each.epoch, each.checkpoint, again),
            )
            return None
    return None


def tempered(interpret: Interpret, temperature: float) -> Interpret:
    """What a task says of images, at a temperature; which labels an image has stays as it is."""

    def at_temperature(
        images_BCHW: Tensor, output: Tensor, labels_B: Tensor | None = None
    ) -> dict[str, Tensor]:
        values = dict(interpret(images_BCHW, output / temperature, labels_B))
        if "has" in values:  # by thresholds of what was not divided
            values["has"] = interpret(images_BCHW, output, None)["has"]
        return values

    return at_temperature


def no_validation(source: str) -> UserError:
    """Of images of which none are validation, for a run that has no temperature yet."""
    return UserError(
        f"calibrate=true: {source} has no validation images, on which a temperature is fitted, and none is "
        "kept with the run. Evaluate it once with its own data; the temperature is then used for others."
    )
