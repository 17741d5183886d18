"""The one door from configuration to objects: what each slot may hold is asked before it is built.

A configuration may come from a stranger, with a run folder or a checkpoint. So a target is looked up only
among the modules of its slot, and constructed only where it is of that slot's kind.
"""

from __future__ import annotations

import importlib
import inspect
import math
import os
import re
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from pellucid.errors import UserError, encodable, first_line, remember_secret

NETS = ("pellucid.model", "torch.nn.modules", "torchvision.models", "torchvision.ops")
METRICS = ("aggregation", "classification", "regression", "segmentation")  # others download what they need
# By slot: the kind of what stands there, and the modules that define such classes. Nothing else is imported
# for a target, unless the user has named its package.
SLOTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "model": ("torch.nn.Module", NETS),
    "task": ("pellucid.task.base.Task", ("pellucid.task",)),
    "data": ("pellucid.data.base.ImageData", ("pellucid.data",)),
    "optimizer": ("torch.optim.Optimizer", ("torch.optim",)),
    "scheduler": ("torch.optim.lr_scheduler.LRScheduler", ("torch.optim",)),
    "callbacks": ("lightning.pytorch.Callback", ("pellucid.callbacks", "lightning.pytorch.callbacks")),
    "logger": ("lightning.pytorch.loggers.Logger", ("lightning.pytorch.loggers",)),
    "explainer": ("pellucid.explainer.base.Explainer", ("pellucid.explainer",)),
    "trainer": ("lightning.pytorch.Trainer", ("lightning.pytorch.trainer",)),
    "sampler": ("optuna.samplers.BaseSampler", ("optuna.samplers",)),
    "pruner": ("optuna.pruners.BasePruner", ("optuna.pruners",)),
    # Among the arguments of the others: layers, losses, metrics, transforms; and for the trainer its parts.
    "argument": (
        "torch.nn.Module",
        (*NETS, "torchvision.transforms", *(f"torchmetrics.{part}" for part in METRICS)),
    ),
    "strategy": ("lightning.pytorch.strategies.Strategy", ("lightning.pytorch.strategies",)),
    "profiler": ("lightning.pytorch.profilers.Profiler", ("lightning.pytorch.profilers",)),
}
NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
TRAINER = ("strategy", "profiler")  # its parts that are objects
FROM_ENVIRONMENT = re.compile(r"\$\{oc\.env:([^,{}]+)(?:,([^{}]*))?\}")


def build(node: Mapping[str, Any], slot: str, /, *, packages: Sequence[str] = (), **offered: Any) -> Any:
    """Instantiate a ``_target_`` mapping: the object, of its slot's kind; a factory of it if ``_partial_``.

    ``offered`` are arguments that the class gets if it names them and the node does not. Of ``packages``,
    which the user has named, any class of that kind is allowed.
    Raises UserError for a class that is not allowed, not there, or does not take the arguments.
    """
    target = str(node["_target_"])
    cls = locate(target, slot, packages)
    arguments = {
        key: _argument(value, _slot_within(slot, key), packages)
        for key, value in node.items()
        if key not in ("_target_", "_partial_")
    }
    parameters = parameters_of(cls)
    arguments = {key: value for key, value in offered.items() if key in parameters} | arguments
    factory = partial(cls, **arguments)
    try:
        if node.get("_partial_"):
            inspect.signature(cls).bind_partial(**arguments)
            return factory
        inspect.signature(cls).bind(**arguments)
    except TypeError as error:
        raise UserError(f"{target}: {error}. It takes: {', '.join(parameters)}.") from None
    try:
        return factory()
    except UserError:
        raise
    except Exception as error:  # a stranger's options may make a class raise anything
        if isinstance(error, TypeError) and _of_contract(error, cls):
            raise UserError(f"{target}: {error}. It takes: {', '.join(parameters)}.") from error
        if target.split(".")[0] in packages:  # a user's own class: its other errors keep their traceback
            raise
        raise UserError(f"{target} refused its options: {first_line(error).rstrip('.')}.") from error


def parameters_of(cls: type) -> dict[str, inspect.Parameter]:
    """The named parameters of a class, also those by ``**kwargs``, which its bases take."""
    parameters: dict[str, inspect.Parameter] = {}
    makers = [cls, *(base.__init__ for base in cls.__mro__[1:] if "__init__" in vars(base))]  # type: ignore[misc]
    for maker in makers:
        params = inspect.signature(maker).parameters
        parameters = {
            name: p for name, p in params.items() if p.kind in NAMED and name != "self"
        } | parameters
        if all(parameter.kind is not inspect.Parameter.VAR_KEYWORD for parameter in params.values()):
            break
    return parameters


def _of_contract(error: TypeError, cls: type) -> bool:
    """Whether a class was given what it or those that it is made of do not take, or is not whole."""
    text, names = str(error), {base.__name__ for base in cls.__mro__}
    return "instantiate abstract class" in text or text.partition(".__init__() ")[0] in names


def _argument(value: Any, slot: str, packages: Sequence[str]) -> Any:
    if isinstance(value, Mapping) and "_target_" in value:
        return build(value, slot, packages=packages)
    if isinstance(value, list):
        return [_argument(item, slot, packages) for item in value]
    return from_environment(value)


def _slot_within(slot: str, key: str) -> str:
    if slot == "trainer":
        return key if key in TRAINER else "argument"
    return slot if slot in ("sampler", "pruner") else "argument"  # which may wrap another one


def locate(target: str, slot: str, packages: Sequence[str] = ()) -> type:
    """The class of that dotted name, fit for its slot. Raises UserError; nothing was constructed.

    Only classes, and only where the class was defined in a module of the slot or in an allowed package: a
    name such as ``torch.serialization.os.system`` goes through torch but is not torch's.
    """
    kind, modules = SLOTS[slot]
    module, _, name = target.rpartition(".")
    package = target.split(".")[0]
    refused = UserError(
        f"{slot}: {target} is not allowed there. Expected {_kind_name(kind)} of {', '.join(modules)}, or of "
        "a package of your own that you name on the command line: packages=[mypackage]."
    )
    if not all(part.isidentifier() for part in target.split(".")) or not (
        package in packages or any(_within(module, root) or _within(root, module) for root in modules)
    ):
        raise refused
    if package in packages and package in sys.stdlib_module_names:
        raise UserError(f"packages=[{package}]: Python's own library has nothing to train. Leave it out.")
    try:
        cls = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        hint = ""
        if isinstance(error, ModuleNotFoundError) and error.name == package:
            hint = f" Expected {package} installed, or in the folder that the command is run from."
        raise UserError(f"{slot}: {target} was not found: {error}.{hint}") from None
    defined_in = getattr(cls, "__module__", "")
    of_user = defined_in.split(".")[0] in packages
    allowed = of_user or any(_within(defined_in, root) for root in modules)
    if inspect.isfunction(cls) and allowed:
        remedy = f"model=resnet_finetune model.arch={name} model.weights=none model.trainable=all, or "
        raise UserError(
            f"{slot}: {target} is a function, expected a class. Use "
            f"{remedy if module.startswith('torchvision.models') else ''}a class of your own that calls it: "
            f"packages=[mypackage] {slot}._target_=mypackage.My{slot.title()}."
        )
    if not inspect.isclass(cls) or not allowed:
        raise refused
    if not issubclass(cls, _kind(kind)) and not (of_user and slot == "argument"):
        raise refused
    return cls


def is_of_nets(target: str) -> bool:
    """Whether a dotted name is of a module of nets, data or what trains them: no logger or callback."""
    slots = set(SLOTS) - {"callbacks", "logger", *TRAINER}
    return any(_within(target, module) for slot in slots for module in SLOTS[slot][1])


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _kind(kind: str) -> type:
    module, _, name = kind.rpartition(".")
    cls: type = getattr(importlib.import_module(module), name)
    return cls


def _kind_name(kind: str) -> str:
    name = kind.rpartition(".")[2]
    return f"an nn.{name}" if kind.startswith("torch.nn.") else f"a {name}"


def from_environment(value: Any) -> Any:
    """The value with each ``${oc.env:NAME}`` of a text replaced. Raises UserError for one that is not set.

    Until then texts from the environment, which may be secrets, stay as they were written, wherever a
    configuration is kept or shown.
    """
    if isinstance(value, Mapping):
        return {key: from_environment(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_environment(item) for item in value]
    return FROM_ENVIRONMENT.sub(_variable, value) if isinstance(value, str) else value


def _variable(match: re.Match[str]) -> str:
    name, default = match.groups()
    value = os.environ.get(name, default)
    if value is None:
        raise UserError(f"${{oc.env:{name}}}: the environment variable {name} is not set. Set it.")
    remember_secret(value, f"${{oc.env:{name}}}")
    return value


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted keys; lists as text, as HPARAMS and tables want them."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value if isinstance(value, int) else _encodable(value)
    return flat


def _encodable(value: Any) -> Any:
    return value if isinstance(value, float) and math.isfinite(value) else encodable(str(value))
