"""Functions as targets: which of them a configuration may have called, and with what.

A configuration may come from a stranger, and a call does whatever the function does: what it has given is
known too late. So a function is called only where one of these holds:

- it is defined in a module of a package that the user has named, ``packages=[mypkg]``, stands where
  ``PLACES`` says, and no annotation says that it returns something of another kind;
- as a net, or as one among the arguments of another: ``torchvision.models.list_models`` or
  ``timm.list_models`` lists it as a builder of classifiers, or it is ``torchvision.models.get_model`` or
  ``timm.create_model`` with a name that they list. Of timm's none of the arguments that have it read files or
  ask other servers (``OF_FILES``), unless the user has named timm.

So there are no methods, no builtins, no partials, nothing that a module has only imported from another
package, and of the libraries that come with this package (``LIBRARIES``) nothing but those builders, also
where ``packages`` names one: ``torch.hub.load`` stays closed. What a function gave is checked to be of its
place's kind; a net that gets its weights from a checkpoint is built without those that it started from.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import cache, wraps
from types import FunctionType, UnionType
from typing import Any, TypeVar

from pellucid.errors import UserError, did_you_mean

PLACES = (
    *("model", "data", "loss", "metric", "optimizer", "scheduler", "callbacks", "logger"),
    "argument",
)
OF_NETS = ("model", "argument")
TIMM = ("timm", "timm.models")  # where its functions are looked up, and in modules of the second
LIBRARIES = {
    "datasets",
    "filelock",
    "huggingface_hub",
    "hydra",
    "lightning",
    "lightning_fabric",
    "lightning_utilities",
    "matplotlib",
    "numpy",
    "omegaconf",
    "optuna",
    "pandas",
    "pellucid",
    "PIL",
    "pip",
    "pytorch_lightning",
    "rich",
    "scipy",
    "setuptools",
    "sklearn",
    "tensorboard",
    "timm",
    "torch",
    "torchmetrics",
    "torchvision",
    "yaml",
}
BY_NAME = {  # of those that look a builder up: the argument that names it
    ("torchvision.models._api", "get_model"): "name",
    ("timm.models._factory", "create_model"): "model_name",
}
OF_FILES = ("pretrained_", "checkpoint", "cache_dir", "kwargs_filter")  # in names of timm's arguments
STARTED = {"weights": None, "pretrained": False, "checkpoint_path": None}  # from nowhere
Made = TypeVar("Made")


def is_builder(function: FunctionType) -> bool:
    """Whether torchvision or timm says that it builds classifiers."""
    library, name = function.__module__.split(".")[0], function.__name__
    if library not in ("torchvision", "timm"):
        return False
    if (function.__module__, name) in BY_NAME:
        module = importlib.import_module("torchvision.models" if library == "torchvision" else "timm")
        return getattr(module, name, None) is function
    models = importlib.import_module(f"{library}.models")
    if name not in _listed(library):
        return False
    lookup = models.get_model_builder if library == "torchvision" else models.model_entrypoint
    return lookup(name) is function


@cache
def _listed(library: str) -> list[str]:
    models = importlib.import_module(f"{library}.models")
    names: list[str] = models.list_models(module=models) if library == "torchvision" else models.list_models()
    return names


def of_user(function: object, packages: Sequence[str]) -> bool:
    """Whether a package that the user has named defines it, and neither a library nor Python's own."""
    package = str(getattr(function, "__module__", "")).split(".")[0]
    return package in packages and package not in LIBRARIES | sys.stdlib_module_names


def returns_other(function: FunctionType, kind: type) -> bool:
    """Whether its annotation says that it returns nothing of the kind."""
    try:
        annotation = typing.get_type_hints(function).get("return", Any)
    except Exception:  # names that are known to type checkers alone
        return False
    return not _may_be(annotation, kind)


def _may_be(annotation: Any, kind: type) -> bool:
    if isinstance(annotation, TypeVar):
        annotation = annotation.__bound__ or Any
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _may_be(typing.get_args(annotation)[0], kind)
    if origin in (typing.Union, UnionType):
        return any(_may_be(part, kind) for part in typing.get_args(annotation))
    cls = origin or annotation
    return annotation is Any or not isinstance(cls, type) or issubclass(cls, kind) or issubclass(kind, cls)


def check_arguments(target: str, function: FunctionType, arguments: Mapping[str, Any], named: bool) -> None:
    """Raise UserError for arguments of a library's builder that could make more of it.

    ``named``: the user has named its package.
    """
    library = function.__module__.split(".")[0]
    option = BY_NAME.get((function.__module__, function.__name__))
    if library == "timm" and not named:
        for name in arguments:
            if name.startswith(OF_FILES):
                raise UserError(
                    f"{target}: {name} could have it read any file or ask any server. If that is yours, name "
                    "the package: packages=[timm]."
                )
    if option is None or (library == "timm" and named):
        return
    name = str(arguments.get(option, ""))
    base = name.partition(".")[0]  # timm's weights have a name behind it: resnet18.a1_in1k
    if base not in (names := _listed(library)) or not re.fullmatch(r"[\w.-]+", name):
        raise UserError(
            f"{target}: {option}={name}: {library} has no such classifier.{did_you_mean(base, names)}"
        )


def names_of_builder(function: FunctionType) -> tuple[str, ...]:
    """Names that it takes by ``**kwargs`` and hands on to its net; none of other functions."""
    if not is_builder(function):
        return ()
    return ("num_classes", "in_chans") if function.__module__.startswith("timm.") else ("num_classes",)


def checked(function: Callable[..., Made], target: str, kind: type, expected: str) -> Callable[..., Made]:
    """The function, which raises UserError where it has given nothing of the kind."""

    @wraps(function)
    def call(*args: Any, **options: Any) -> Made:
        made = function(*args, **options)
        if isinstance(made, kind):
            return made
        if inspect.iscoroutine(made):
            made.close()
        name = type(made).__name__
        given = "None" if made is None else f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
        raise UserError(f"{target} returned {given}, expected {expected}. Let it return one.")

    return call
