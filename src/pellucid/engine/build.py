"""From configuration to a data module and a task that fit each other."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import FunctionType
from typing import Any

from torch import Tensor

from pellucid.config.build import build, from_environment, locate, parameters_of, without_start
from pellucid.config.functions import of_user
from pellucid.data.base import ImageData
from pellucid.data.own import Own
from pellucid.engine.task_choice import fitting_task
from pellucid.errors import ImageTooSmallError, UserError
from pellucid.explainer.base import Explainer
from pellucid.model.loading import load_weights
from pellucid.model.state_file import StateFile, preprocessing_of
from pellucid.model.stem import MAX_SIDE, hides_stem
from pellucid.model.transfer import TransferClassifier
from pellucid.spec import CLASS, MULTILABEL, NUMBERS, Spec
from pellucid.system.seeding import seed_global
from pellucid.task.base import Task
from pellucid.task.classification import Classification
from pellucid.task.parameter_groups import GroupedOptimizer, ParameterGroups
from pellucid.task.schedule import Schedule

log = logging.getLogger(__name__)
SHARED = ("batch_size", "image_size", "seed")  # given to a user's own data set, too, where it takes them
METRIC_KINDS = {CLASS: "multiclass", MULTILABEL: "multilabel"}  # what torchmetrics calls the task
# Options that our nets and explainers have got since the first runs and that those were without.
ADDED = {"channels_last": False, "most": 0, "stem": "standard"}


def make_data(config: Mapping[str, Any]) -> ImageData:
    """The data module that the configuration describes."""
    node, packages = config["data"], config["packages"]
    made = locate(str(node["_target_"]), "data", packages)
    if not of_user(made, packages) or (isinstance(made, type) and issubclass(made, ImageData)):
        data: ImageData = build(node, "data", packages=packages, **options_since(node, "data", packages))
        return data
    takes = parameters_of(made)
    ours = [name for name in parameters_of(Own) if name in node]
    if isinstance(made, FunctionType) and all(name in takes for name in ours):  # it may give an ImageData
        given = build(node, "data", packages=packages)
        return given if isinstance(given, ImageData) else Own(make=lambda: given)
    shared = [name for name in SHARED if name in takes and node.get(name) != "auto"]
    theirs = {name: value for name, value in node.items() if name not in ours or name in shared}
    factory = build({**theirs, "_partial_": True}, "data", packages=packages)
    return Own(make=factory, **from_environment({name: node[name] for name in ours}))


def make_task(config: Mapping[str, Any], spec: Spec) -> Task:
    """The task around its net, built for ``spec``; weights are a function of the seed."""
    packages = config["packages"]
    seed_global(config["seed"], "weights")
    shape, classes = spec.image_shape, len(spec.classes)
    since = options_since(config["model"], "model", packages)
    net = build(config["model"], "model", packages=packages, image_shape=shape, num_classes=classes, **since)
    scheduler = config["scheduler"]
    task: Task = build(
        _with_own(config["task"], spec, packages),
        "task",
        packages=packages,
        net=net,
        optimizer=_optimizer(config["optimizer"], packages),
        scheduler=_scheduler(scheduler, packages) if scheduler else None,
        image_shape=shape,
        num_classes=classes,
        mean=spec.mean,
        std=spec.std,
        seed=config["seed"],
    )
    return task


def _with_own(node: Mapping[str, Any], spec: Spec, packages: Sequence[str]) -> Mapping[str, Any]:
    """The node of a task with the loss and metrics of the user's own that it names, made for the data."""
    own: dict[str, Any] = {}
    count = {"num_classes": len(spec.classes), "num_labels": len(spec.classes)}
    if spec.labels == NUMBERS:
        count["num_outputs"] = len(spec.classes)
    loss = node.get("loss")
    if isinstance(loss, Mapping) and "_target_" in loss:
        own["loss"] = build(loss, "loss", packages=packages, **count)
    if isinstance(metrics := node.get("metrics"), Mapping):
        kind = {"task": METRIC_KINDS[spec.labels]} if spec.labels in METRIC_KINDS else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that they keep all predictions, which evaluation does as well
            own["metrics"] = {
                name: build(metric, "metric", packages=packages, **count, **kind)
                if isinstance(metric, Mapping) and "_target_" in metric
                else metric
                for name, metric in metrics.items()
            }
    return {**node, **own}


def _optimizer(node: Mapping[str, Any], packages: Sequence[str]) -> Any:
    """What makes the optimizer, with the groups of its parameters where the node has them."""
    groups, plain = apart(node, "groups")
    factory = _factory(plain, "optimizer", packages)
    return GroupedOptimizer.wrap(factory, ParameterGroups(**groups)) if groups else factory


def _scheduler(node: Mapping[str, Any], packages: Sequence[str]) -> Schedule:
    """What makes the scheduler, with when it is stepped."""
    interval, plain = apart(node, "interval")
    return Schedule.wrap(_factory(plain, "scheduler", packages), interval)


def apart(node: Mapping[str, Any], option: str) -> tuple[Any, dict[str, Any]]:
    """An option of ours beside those of a library's class, None where it is left, and the node without it."""
    return node.get(option), {name: value for name, value in node.items() if name != option}


def _factory(node: Mapping[str, Any], slot: str, packages: Sequence[str]) -> Any:
    """What makes the optimizer or scheduler of parameters, also where ``_partial_`` is missing."""
    return build({**node, "_partial_": True}, slot, packages=packages)


def options_since(node: Mapping[str, Any], slot: str, packages: Sequence[str]) -> dict[str, Any]:
    """What the configuration of an older run lacks of a class of ours, or one that is made as ours are."""
    made = locate(str(node["_target_"]), slot, packages)
    make: object = made.__init__ if isinstance(made, type) else made  # type: ignore[misc]
    if getattr(make, "__module__", "").partition(".")[0] != "pellucid":
        return {}
    return {name: value for name, value in ADDED.items() if name not in node}


def assemble(config: Mapping[str, Any], overrides: Sequence[str] = ()) -> tuple[ImageData, Task]:
    """Data and task: that which fits their labels, where the user's ``overrides`` name none.

    Images are prepared as those that its weights were made of, where these say how, and enlarged where they
    are too small for the net; to another size unless the user has set it.
    """
    file, stem = _file_of_weights(config), config["model"].get("stem")
    data = make_data(config)
    config = {**config, "task": fitting_task(config, data.spec.labels, overrides)}
    data.conform(_spec_of_weights(config, data, file))
    if file is not None:
        config = come_back(config, file.tensors)
    try:
        task = make_task(config, data.spec)
    except ImageTooSmallError as error:
        if not data.size_is_open:
            raise
        before = min(data.spec.image_shape[1:])
        data.conform(data.spec.at_size(error.smallest))
        log.info(
            "Images are enlarged from %d to %d pixels a side, the smallest that this model takes.",
            before,
            error.smallest,
        )
        task = make_task(config, data.spec)
    if file is not None:
        classes = data.spec.classes if isinstance(task, Classification) else ()
        load_weights(task.net, file, classes=classes)
        if stem == "auto" and getattr(task.net, "stem", "") == "small":
            log.info("The net's stem is for small images, as that of %s is.", file.given)
        elif stem == "auto" and max(data.spec.image_shape[1:]) <= MAX_SIDE and hides_stem(task.net):
            log.info(
                "%s: its weights do not show whether the net had a stem for small images, as nets that are "
                "trained on them get one; this one has the published. Set model.stem=small if it had.",
                file.given,
            )
    if config["model"].get("stem") == "auto" and getattr(task.net, "stem", "") == "small":
        log.info(
            "The net's stem is made for small images, of %d × %d pixels. As it was published: "
            "model.stem=standard",
            *data.spec.image_shape[1:],
        )
    return data, task


def _file_of_weights(config: Mapping[str, Any]) -> StateFile | None:
    """The file that the net starts from, by ``weights`` or, of the nets that have it, ``model.weights``.

    Raises UserError.
    """
    path, net = config.get("weights"), _transfer_class(config)
    path = None if path == "none" else path
    of_model = net.weights_file(**_options(config, net, "arch", "weights")) if net else None
    if path and of_model:
        raise UserError(f"weights={path} and model.weights={of_model} are one option. Leave one of them out.")
    if path:
        return StateFile.read(str(path))
    return StateFile.read(of_model, "model.weights") if of_model else None


def _transfer_class(config: Mapping[str, Any]) -> type[TransferClassifier] | None:
    net = locate(str(config["model"]["_target_"]), "model", config["packages"])
    return net if isinstance(net, type) and issubclass(net, TransferClassifier) else None


def _options(config: Mapping[str, Any], net: type, *names: str) -> dict[str, Any]:
    """Options of the net, where they are not set its defaults."""
    parameters, node = parameters_of(net), config["model"]
    return {name: node.get(name, parameters[name].default) for name in names}


def _spec_of_weights(config: Mapping[str, Any], data: ImageData, file: StateFile | None) -> Spec:
    """The data's spec, with what the weights that the net starts from ask of images."""
    spec = data.spec
    channels = spec.image_shape[0]
    asked, net = preprocessing_of(file, channels), _transfer_class(config)
    if asked is None and net is not None:
        options = _options(config, net, "arch", "weights")
        asked = net.preprocessing(
            **options | ({"weights": str(file.path)} if file else {}), channels=channels
        )
    if asked is None:
        return spec
    if data.size_is_open and asked.size != spec.image_shape[1]:
        log.info("Images are brought to %d pixels a side, as were %s.", asked.size, asked.source)
        spec = spec.at_size(asked.size)
    if spec.image_shape[0] in (1, 3):  # of others the weights were not trained with any
        spec = replace(spec, mean=asked.mean, std=asked.std, statistics=asked.source)
    return replace(spec, resample=asked.resample, crop=asked.crop)


def make_explainers(config: Mapping[str, Any]) -> dict[str, Explainer]:
    """The explainers that the configuration describes, by name."""
    packages = config["packages"]
    explainers: dict[str, Explainer] = {
        name: build(node, "explainer", packages=packages, **options_since(node, "explainer", packages))
        for name, node in (config.get("explainer") or {}).items()
    }
    for name, explainer in explainers.items():
        if lacking := [part for part in ("title", "signed") if not hasattr(explainer, part)]:
            raise UserError(f"explainer.{name}: its class says no {' and '.join(lacking)}. Write them in it.")
    return explainers


def come_back(config: Mapping[str, Any], tensors: Mapping[str, Tensor] = {}) -> Mapping[str, Any]:
    """The configuration of a net that gets its weights from a file, ``tensors``: not those that it started
    from.
    """
    node = config["model"]
    started = {config.get("weights"), node.get("weights")} - {None, "none"}
    if node.get("stem") == "auto" and started:  # random weights would choose anew
        net = _transfer_class(config)
        stem = net.stem_of(**_options(config, net, "arch"), tensors=tensors) if net else "standard"
        node = {**node, "stem": stem}
    return {**config, "model": without_start(node, config["packages"])}


def restore_task(checkpoint: Mapping[str, Any], packages: Sequence[str] = ()) -> tuple[Task, Spec]:
    """The task of a checkpoint, from what is inside it alone; ``packages``: those that the user has named."""
    config, spec = checkpoint["pellucid"]["config"], Spec.from_dict(checkpoint["pellucid"]["spec"])
    task = make_task(come_back({**config, "packages": packages}, checkpoint["state_dict"]), spec)
    try:
        task.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        raise UserError(f"The checkpoint's weights do not fit its own net: {error}") from error
    return task, spec
