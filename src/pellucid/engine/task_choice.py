"""The task that fits what is known of the images: a class, several labels or numbers."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from pellucid.config.build import locate, parameters_of
from pellucid.config.optimization import mix_of_one
from pellucid.data.base import ImageData
from pellucid.errors import UserError, counted
from pellucid.spec import CLASS, MULTILABEL, NUMBERS
from pellucid.task.base import Task
from pellucid.task.classification import Classification
from pellucid.task.multilabel import Multilabel
from pellucid.task.regression import Regression
from pellucid.task.scores import ScoresTask

log = logging.getLogger(__name__)
TASKS: dict[str, type[ScoresTask]] = {CLASS: Classification, MULTILABEL: Multilabel, NUMBERS: Regression}
KNOWN = {CLASS: "one class each", MULTILABEL: "several labels each", NUMBERS: "numbers"}
MAX_NAMED = 5  # labels


def target_of(task: type) -> str:
    """Its ``_target_``."""
    return f"{task.__module__}.{task.__name__}"


def fitting_task(config: Mapping[str, Any], labels: str, overrides: Sequence[str] = ()) -> Mapping[str, Any]:
    """The node of the task for images of which that is known: another than the configuration's where that
    classifies, and the user's ``overrides`` have not said so; with what they say of its options.

    Raises UserError where the user's task cannot learn from them, or the task has no such option.
    """
    node: Mapping[str, Any] = config["task"]
    task = locate(str(node["_target_"]), "task", config["packages"])
    asked: str | None = getattr(task, "labels", None)
    if asked in (None, labels):
        return node
    fitting = TASKS[labels]
    written = {text.lstrip("+").partition("=")[0] for text in overrides}
    if node["_target_"] != target_of(Classification) or written & {"task", "task._target_"}:
        raise UserError(
            f"task={getattr(task, 'kind', node['_target_'])}: it learns from images with {KNOWN[asked]}; "
            f"these have {KNOWN[labels]}. Leave it out, or take task={fitting.kind}."
        )
    options = {
        name: parameter.default
        for name, parameter in parameters_of(fitting).items()
        if parameter.default is not inspect.Parameter.empty and name not in ("optimizer", "scheduler", "seed")
    }
    own = {name.removeprefix("task.").partition(".")[0] for name in written if name.startswith("task.")}
    if unknown := sorted(own - options.keys()):
        raise UserError(
            f"task.{unknown[0]}: an option of task=classification, and these images have {KNOWN[labels]}, "
            f"for which task={fitting.kind} is taken. Leave it out."
        )
    return {"_target_": target_of(fitting), **options, **{name: node[name] for name in own}}


def check_mix(task: Task, data: ImageData) -> None:
    """Raise UserError where training images are to be mixed and cannot be: features that are computed once,
    batches of one.
    """
    if not (mixer := task.mixer if isinstance(task, ScoresTask) else None):
        return
    net = task.frozen_features(data.spec.image_shape)
    if net is not None and (net.augmentations_per_image or not data.augment):
        raise UserError(
            f"task.mix={mixer.mix}: a frozen net's features are computed once, and mixed images are others "
            "in each step. Leave it out, or augment anew each epoch: model.augmentations_per_image=0 "
            "data.augment=light"
        )
    if data.batch_size < 2 or len(data.splits["train"]) < 2:
        raise UserError(mix_of_one(mixer.mix))


def check_targets(data: ImageData) -> None:
    """Tell of labels that no image of a split has, so that nothing is learned or known of them."""
    if data.spec.labels != MULTILABEL:
        return
    for name, why in (
        ("train", "nothing is learned of it"),
        ("val", "val/map is the mean over the others, and its threshold stays 0.5"),
    ):
        has_K = torch.as_tensor(data.splits[name].targets).any(dim=0).tolist()
        missing = [label for label, has in zip(data.spec.classes, has_K, strict=True) if not has]
        if missing:
            few = ", ".join(missing[:MAX_NAMED]) + (", …" if len(missing) > MAX_NAMED else "")
            log.warning("No %s image has %s (%s): %s.", name, few, counted(len(missing), "label"), why)
