"""The one door from configuration to objects: only classes of known packages are built."""

from __future__ import annotations

import importlib
import inspect
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from pellucid.errors import UserError, first_line

# What classes raise for options that they cannot work with, where they do not check them.
OPTION_ERRORS = (ValueError, TypeError, ArithmeticError, LookupError, ImportError, RuntimeError)
PACKAGES = ("pellucid", "torch", "torchvision", "torchmetrics", "lightning")


def build(node: Mapping[str, Any], /, *, packages: Sequence[str] = (), **offered: Any) -> Any:
    """The object that a ``_target_`` mapping describes; with ``_partial_: true`` its factory.

    ``offered`` are arguments that the class gets if it names them. ``packages`` are allowed beside
    ours, torch, torchvision, torchmetrics and lightning.
    Raises UserError for a class that is not allowed, not there, or does not take the arguments.
    """
    target = str(node["_target_"])
    cls = locate(target, packages)
    arguments = {
        key: _build_nested(value, packages)
        for key, value in node.items()
        if key not in ("_target_", "_partial_")
    }
    parameters = inspect.signature(cls).parameters
    arguments |= {key: value for key, value in offered.items() if key in parameters}
    factory = partial(cls, **arguments)
    try:
        if node.get("_partial_"):
            inspect.signature(cls).bind_partial(**arguments)
            return factory
        inspect.signature(cls).bind(**arguments)
    except TypeError as error:
        raise UserError(f"{target}: {error}. It takes: {', '.join(parameters)}.") from None
    if target.split(".")[0] not in PACKAGES:  # a user's own class: its errors keep their traceback
        return factory()
    try:
        return factory()
    except UserError:
        raise
    except OPTION_ERRORS as error:
        raise UserError(f"{target} refused its options: {first_line(error)}.") from error


def _build_nested(value: Any, packages: Sequence[str]) -> Any:
    if isinstance(value, Mapping) and "_target_" in value:
        return build(value, packages=packages)
    if isinstance(value, list):
        return [_build_nested(item, packages) for item in value]
    return value


def locate(target: str, packages: Sequence[str]) -> type:
    """The class of that dotted name.

    Only classes, and only where the class was defined in an allowed package: a name such as
    ``torch.serialization.os.system`` goes through torch but is not torch's.
    """
    allowed = (*PACKAGES, *packages)
    refused = UserError(
        f"_target_: {target} is not a class of {', '.join(allowed)}. "
        "To use a class of your own package, name the package: packages=[mypackage]."
    )
    module, _, name = target.rpartition(".")
    package = target.split(".")[0]
    if package not in allowed:
        raise refused
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        hint = ""
        if isinstance(error, ModuleNotFoundError) and error.name == package:
            hint = f" Expected {package} installed, or in the folder that the command is run from."
        raise UserError(f"_target_: {target} was not found: {error}.{hint}") from None
    if not inspect.isclass(found) or found.__module__.split(".")[0] not in allowed:
        raise refused
    return found


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted keys; lists as text, as HPARAMS and tables want them."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value if isinstance(value, int | str) else _plain(value)
    return flat


def _plain(value: Any) -> Any:
    return value if isinstance(value, float) and math.isfinite(value) else str(value)
