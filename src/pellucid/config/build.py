"""The one door from configuration to objects: what each slot may hold is asked before it is built.

A configuration may come from a stranger, with a run folder or a checkpoint. So a target is looked up only
among the modules of its slot, and constructed only where it is of that slot's kind; ``functions`` says which
functions are called.
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
from types import FunctionType
from typing import Any

from pellucid.config.functions import (
    OF_NETS,
    PLACES,
    STARTED,
    TIMM,
    check_arguments,
    checked,
    is_builder,
    names_of_builder,
    of_user,
    returns_other,
)
from pellucid.config.signature import read_signature
from pellucid.errors import (
    UserError,
    did_you_mean,
    encodable,
    first_line,
    missing_package,
    remember_secret,
)

NETS = ("pellucid.model", "torch.nn.modules", "torchvision.models", "torchvision.ops")
METRICS = ("aggregation", "classification", "regression", "segmentation")  # others download what they need
# By slot: the kind of what stands there, and the modules that define such classes. Nothing else is imported
# for a target, unless the user has named its package.
SLOTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "model": ("torch.nn.Module", NETS),
    "task": ("pellucid.task.base.Task", ("pellucid.task",)),
    "data": ("pellucid.data.base.ImageData", ("pellucid.data",)),
    "loss": ("torch.nn.Module", ("torch.nn.modules.loss",)),  # with metrics, of a task, the user's own
    "metric": ("torchmetrics.Metric", ("torchmetrics.classification", "torchmetrics.regression")),
    "optimizer": (
        "torch.optim.Optimizer",
        ("torch.optim", "pellucid.optimizer", "timm.optim", "schedulefree"),
    ),
    "scheduler": ("torch.optim.lr_scheduler.LRScheduler", ("torch.optim", "pellucid.scheduler")),
    "average": ("pellucid.average.base.Average", ("pellucid.average",)),
    "callbacks": ("lightning.pytorch.Callback", ("pellucid.callbacks", "lightning.pytorch.callbacks")),
    "logger": ("lightning.pytorch.loggers.Logger", ("pellucid.logger", "lightning.pytorch.loggers")),
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
# Of the user's own packages more may stand in a slot, which its builder then makes of the slot's kind.
OWN_KINDS = {"data": ("pellucid.data.own.Source", "a Dataset, a LightningDataModule or an ImageData")}
NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
TRAINER = ("strategy", "profiler")  # its parts that are objects
FROM_ENVIRONMENT = re.compile(r"\$\{oc\.env:([^,{}]+)(?:,([^{}]*))?\}")


def build(node: Mapping[str, Any], slot: str, /, *, packages: Sequence[str] = (), **offered: Any) -> Any:
    """Instantiate a ``_target_`` mapping: the object, of its slot's kind; a factory of it if ``_partial_``.

    ``offered`` are arguments that the class or function gets if it names them and the node does not. Of
    ``packages``, which the user has named, any class of that kind and function that gives one is allowed.
    Raises UserError for a target that is not allowed, not there, or does not take the arguments.
    """
    target = str(node["_target_"])
    cls = locate(target, slot, packages)
    arguments = {
        key: _argument(value, _slot_within(slot, key), packages)
        for key, value in node.items()
        if key not in ("_target_", "_partial_")
    }
    parameters = parameters_of(cls)
    arguments = taken(cls, offered) | arguments
    make: Any = cls
    if isinstance(cls, FunctionType):
        check_arguments(target, cls, arguments, named=cls.__module__.split(".")[0] in packages)
        kind, kind_name = _kind_of(slot, cls, packages)
        make = checked(cls, f"{slot}: {target}", kind, kind_name)
    factory = partial(make, **arguments)
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
        if isinstance(error, TypeError) and isinstance(cls, type) and _of_contract(error, cls):
            raise UserError(f"{target}: {error}. It takes: {', '.join(parameters)}.") from error
        if needed := missing_package(error, packages):
            raise UserError(f"{target}{needed}") from error
        if target.split(".")[0] in packages:  # a user's own class: its other errors keep their traceback
            raise
        hint = ""
        if arguments.get("weights") and "num_classes" in str(error):  # torchvision's are for theirs alone
            hint = f" For a new head on these weights: model=resnet_finetune model.arch={cls.__name__}."
        elif arguments.get("weights") and isinstance(error, KeyError):  # torchvision looks names up
            hint = f" Of a file: model=resnet_finetune model.arch={cls.__name__} model.weights=<file>."
        raise UserError(f"{target} refused its options: {first_line(error).rstrip('.')}.{hint}") from error


def taken(maker: type | FunctionType, offered: Mapping[str, Any]) -> dict[str, Any]:
    """What is offered to a class or function and named by it; to timm's builders the images' channels too."""
    parameters = parameters_of(maker)
    if isinstance(maker, FunctionType) and "image_shape" in offered and "in_chans" in names_of_builder(maker):
        offered = {**offered, "in_chans": offered["image_shape"][0]}
    return {key: value for key, value in offered.items() if key in parameters}


def parameters_of(cls: type | FunctionType) -> dict[str, inspect.Parameter]:
    """The named parameters of a class or function.

    Also those by ``**kwargs``: which a class's bases take, and what a function hands on by its text.
    """
    if isinstance(cls, FunctionType):
        return _parameters_of_function(cls)
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


def _parameters_of_function(function: FunctionType) -> dict[str, inspect.Parameter]:
    every = inspect.signature(function).parameters
    parameters = {name: parameter for name, parameter in every.items() if parameter.kind in NAMED}
    if all(parameter.kind is not inspect.Parameter.VAR_KEYWORD for parameter in every.values()):
        return parameters
    signature = read_signature(f"{function.__module__}.{function.__name__}")
    handed_on = (*(signature.annotations if signature else ()), *names_of_builder(function))
    return parameters | {
        name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY)
        for name in handed_on
        if name not in parameters
    }


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


def locate(target: str, slot: str, packages: Sequence[str] = ()) -> type | FunctionType:
    """The class or function of that dotted name, fit for its slot. Raises UserError; nothing was made.

    Only where it was defined in a module of the slot or in an allowed package: a name such as
    ``torch.serialization.os.system`` goes through torch but is not torch's. Which functions: ``functions``.
    """
    kind, modules = SLOTS[slot]
    module, _, name = target.rpartition(".")
    package = target.split(".")[0]
    of_libraries = {root.split(".")[0] for root in modules} | sys.stdlib_module_names
    own = "mypackage" if package in of_libraries else package
    refused = UserError(
        f"{slot}: {target} is not allowed there. Expected {_kind_name(kind)} of {', '.join(modules)}, or of "
        f"a package of your own that you name on the command line: packages=[{own}]."
    )
    of_timm = slot in OF_NETS and (module in TIMM or _within(module, TIMM[1]))
    if not all(part.isidentifier() for part in target.split(".")) or not (
        package in packages
        or of_timm
        or any(_within(module, root) or _within(root, module) for root in modules)
    ):
        raise refused
    if package in packages and package in sys.stdlib_module_names:
        raise UserError(f"packages=[{package}]: Python's own library has nothing to train. Leave it out.")
    made = _import(module, name, slot)
    defined_in = str(getattr(made, "__module__", ""))
    of_known = any(_within(defined_in, root) for root in modules)
    if isinstance(made, FunctionType):
        if of_user(made, packages) or of_known or defined_in.startswith("timm."):
            _check_function(made, target, slot, packages)
            return made
        if package in packages and defined_in.split(".")[0] != package:
            raise UserError(
                f"{slot}: {target} is a function of {defined_in}, which {module} has only imported, so it is "
                f"not called. Use one that {package} defines itself."
            )
        raise refused
    if package in packages and not isinstance(made, type):
        raise UserError(
            f"{slot}: {target} is a {type(made).__name__}, expected a class or a function, def {name}(…)."
        )
    of_package = defined_in.split(".")[0] in packages
    if not inspect.isclass(made) or not (of_package or of_known):
        raise refused
    own_kind, own_name = _kind_of(slot, made, packages)
    if not issubclass(made, own_kind) and not (of_package and slot == "argument"):
        if slot in OWN_KINDS and of_user(made, packages):
            raise UserError(f"{slot}: {target} is no {own_name.removeprefix('a ')}. Expected {own_name}.")
        raise refused
    return made


def _import(module: str, name: str, slot: str) -> Any:
    target, package = f"{module}.{name}", module.split(".")[0]
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        hint = ""
        if needed := missing_package(error, [package]):
            raise UserError(f"{slot}: {target}{needed}") from None
        if isinstance(error, ModuleNotFoundError) and error.name == package:
            hint = f" Expected {package} installed, or in the folder that the command is run from."
        elif isinstance(error, AttributeError):
            hint = did_you_mean(name, (n for n in dir(sys.modules.get(module)) if n[0] != "_"))
        raise UserError(f"{slot}: {target} was not found: {error}.{hint}") from None


def _check_function(function: FunctionType, target: str, slot: str, packages: Sequence[str]) -> None:
    """Raise UserError where a function may not be called for that slot."""
    kind, kind_name = _kind_of(slot, function, packages)
    own = f"packages=[mypackage] {slot}._target_=mypackage."
    if slot not in PLACES:
        raise UserError(
            f"{slot}: {target} is a function, expected a class: {kind_name}. Use a class of your own "
            f"that calls it: {own}My{slot.title()}."
        )
    if not of_user(function, packages) and not (slot in OF_NETS and is_builder(function)):
        none = "none that torchvision or timm lists as a builder of classifiers"
        raise UserError(
            f"{slot}: {target} is a function{f', and {none}' if slot in OF_NETS else ' of a library'}, so "
            f"it is not called. Use a function or class of your own that calls it: {own}build."
        )
    if of_user(function, packages) and returns_other(function, kind):
        raise UserError(
            f"{slot}: {target} is annotated to return something else, so it is not called; expected "
            f"{kind_name}."
        )


def without_start(node: Mapping[str, Any], packages: Sequence[str] = ()) -> dict[str, Any]:
    """The node of a net that gets its weights from a checkpoint: without those that it started from.

    Functions within it fetch none either, as nobody but the checkpoint's author may have asked for them.
    """
    started: Mapping[str, Any] = {"weights": "none"}
    if not STARTED.keys().isdisjoint(node) and _is_function(node, "model", packages):
        started = STARTED
    if node.get("stem") == "auto" and node.get("weights") not in (None, "none"):
        started = {**started, "stem": "standard"}  # random weights would choose anew
    inner = {key: _unstarted(value, packages) for key, value in node.items()}
    return {**inner, **{name: value for name, value in started.items() if name in node}}


def _unstarted(value: Any, packages: Sequence[str]) -> Any:
    if isinstance(value, list):
        return [_unstarted(item, packages) for item in value]
    if not isinstance(value, Mapping):
        return value
    inner = {key: _unstarted(item, packages) for key, item in value.items()}
    if "_target_" not in value or STARTED.keys().isdisjoint(value):
        return inner
    is_function = _is_function(value, "argument", packages)
    return inner | {name: STARTED[name] for name in STARTED.keys() & value.keys() if is_function}


def _is_function(node: Mapping[str, Any], slot: str, packages: Sequence[str]) -> bool:
    return isinstance(locate(str(node["_target_"]), slot, packages), FunctionType)


def is_of_nets(target: str) -> bool:
    """Whether a dotted name is of a module of nets, data or what trains them: no logger or callback."""
    slots = set(SLOTS) - {"callbacks", "logger", *TRAINER}
    return any(_within(target, module) for module in TIMM) or any(
        _within(target, module) for slot in slots for module in SLOTS[slot][1]
    )


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _kind_of(slot: str, made: object, packages: Sequence[str]) -> tuple[type, str]:
    """The kind of what may stand in a slot, and its name."""
    if slot in OWN_KINDS and of_user(made, packages):
        kind, name = OWN_KINDS[slot]
        return _kind(kind), name
    return _kind(SLOTS[slot][0]), _kind_name(SLOTS[slot][0])


def _kind(kind: str) -> type:
    module, _, name = kind.rpartition(".")
    cls: type = getattr(importlib.import_module(module), name)
    return cls


def _kind_name(kind: str) -> str:
    name = kind.rpartition(".")[2]
    return (
        f"an nn.{name}" if kind.startswith("torch.nn.") else f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"
    )


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
