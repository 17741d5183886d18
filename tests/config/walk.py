"""Every class and builder that a target can name, and what comes of it: ``python -m tests.config.walk``.

Prints which may stand in which place, by the module that defines them, and builds each that a
stranger's files may ask for, of hostile options, while the interpreter watches for files and processes.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import pkgutil
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import Any, cast

import torch
from omegaconf import OmegaConf

from pellucid.config.build import SLOTS, build, locate, parameters_of, without_start
from pellucid.config.check import LOGGERS
from pellucid.config.functions import is_builder
from pellucid.config.trust import _is_harmless
from pellucid.errors import UserError
from tests.helpers import CONF

PACKAGES = ("pellucid", "torch", "torchvision", "torchmetrics", "lightning", "optuna")
BUILDERS = "timm.models"  # where timm is installed
STARTS = ("subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.spawn", "socket.", "pty.")
WRITES = tuple(f"os.{verb}" for verb in ("mkdir", "rename", "remove", "rmdir", "link", "symlink", "chmod"))
OWN: dict[str, dict[str, Any]] = {
    str(node["_target_"]): {key: value for key, value in node.items() if key not in ("_target_", "_partial_")}
    for room in ("model", "data", "callbacks", "explainer", "logger")
    for path in (CONF / room).glob("*.yaml")
    for loaded in [cast(dict[str, Any], OmegaConf.to_container(OmegaConf.load(path)))]
    for node in (loaded, *loaded.values())
    if isinstance(node, dict) and "_target_" in node
}
for options in OWN.values():
    if "augment_options" in options:  # which are those of conf/augment
        options["augment_options"] = {}
OWN["pellucid.model.torchvision.TorchvisionClassifier"]["weights"] = "none"  # the default is to download them
FIRST: dict[str, FunctionType] = {}
ASKED = ("callbacks", "logger")  # where a file alone may name harmless ones only


def modules() -> Iterator[str]:
    """The names of all modules of the packages; nothing is imported for it but the packages."""
    for name in PACKAGES:
        package = importlib.import_module(name)
        yield name
        yield from _below(name, list(package.__path__))
    if find_spec("timm"):
        yield "timm"
        yield BUILDERS
        yield from _below(BUILDERS, list(importlib.import_module(BUILDERS).__path__))


def _below(name: str, paths: list[str]) -> Iterator[str]:
    for found in pkgutil.iter_modules(paths):
        yield f"{name}.{found.name}"
        if found.ispkg:
            yield from _below(f"{name}.{found.name}", [str(Path(path) / found.name) for path in paths])


def _may_import(module: str) -> bool:
    return any(
        f"{module}.".startswith(f"{known}.") or f"{known}.".startswith(f"{module}.")
        for known in (BUILDERS, *(known for _, places in SLOTS.values() for known in places))
    )


def reachable() -> Iterator[tuple[str, str]]:
    """Place and dotted name of all that the door lets in, by whatever name."""
    for module in modules():
        if not _may_import(module):
            before = set(sys.modules)
            for place in SLOTS:
                with suppress(UserError):
                    locate(f"{module}.Anything", place)
                    raise AssertionError(f"{module} was let in as {place}")
            assert set(sys.modules) == before, f"{module} was imported"
            continue
        with suppress(ImportError):
            for name, value in vars(importlib.import_module(module)).copy().items():
                if not inspect.isclass(value) and not _is_sample(value):
                    continue
                for place in SLOTS:
                    with suppress(UserError):
                        locate(f"{module}.{name}", place)
                        yield place, f"{module}.{name}"


def _is_sample(value: object) -> bool:
    """Of functions all, but of timm's more than a thousand builders the first of each module."""
    if not isinstance(value, FunctionType):
        return False
    module = value.__module__
    if not module.startswith("timm.models.") or not is_builder(value):
        return True
    return FIRST.setdefault(module, value) is value


def hostile(cls: type | FunctionType, folder: Path) -> Iterator[dict[str, Any]]:
    """Options as a stranger may write them, for every argument at once."""
    names = [
        name
        for name, parameter in inspect.signature(cls).parameters.items()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if isinstance(cls, FunctionType):  # by **kwargs
        names += [name for name in parameters_of(cls) if name not in names]
    path = str(folder / "written")
    for value in (path, 2, True, [path], [2, 2], {"a": path}):
        yield dict.fromkeys(names, value)
    own = OWN.get(f"{cls.__module__}.{cls.__qualname__}", {})  # what works, and a path in place of each
    yield own
    yield from ({**own, name: path} for name in names)


def watched(events: list[str]) -> None:
    """From now on note what a stranger must not bring about."""

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event == "open" and (
            (isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"))
            or (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        )
        # /dev/null is where the interpreter itself and libraries send what they do not want to see.
        if event.startswith((*STARTS, *WRITES)) or (writes and str(arguments[0]) != os.devnull):
            events.append(f"{event} {arguments!r:.120}")

    sys.addaudithook(note)


def main() -> None:
    warnings.simplefilter("ignore")
    found: dict[str, dict[type | FunctionType, str]] = {place: {} for place in SLOTS}
    for place, target in reachable():
        module, _, name = target.rpartition(".")
        found[place].setdefault(getattr(sys.modules[module], name), target)
    for package in LOGGERS.values():  # whose own imports ask the machine what it is
        with suppress(ImportError):
            importlib.import_module(package)
    events: list[str] = []
    done: list[str] = []
    built: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        watched(events)
        for place, classes in found.items():
            for cls, target in classes.items():
                if place in ("strategy", "profiler") or (place == "argument" and cls in found["model"]):
                    continue  # a file alone may not name the first; the second were built above
                for options in hostile(cls, Path(folder)):
                    if place in ASKED and not _is_harmless(target, options):
                        continue
                    _try(place, target, options, built)
                    if events:
                        done += [f"{place} {target}({options}): {event}" for event in events]
                        events.clear()
        left = [str(path) for path in Path(folder).rglob("*")]
    places = {
        place: dict(sorted(Counter(cls.__module__ for cls in classes).items()))
        for place, classes in found.items()
    }
    json.dump({"places": places, "built": built, "done": done, "left": left}, sys.stdout)


def _try(place: str, target: str, options: Mapping[str, Any], built: Counter[str]) -> None:
    quiet = {"logger": False, "enable_checkpointing": False} if place == "trainer" else {}
    offered: dict[str, Any] = (
        {"save_dir": "run", "image_shape": (1, 8, 8), "num_classes": 2} if place != "trainer" else {}
    )
    node = {"_target_": target, **options, **quiet}
    if place in ("model", "argument"):  # as of all that a run's files name
        node = without_start(node if place == "model" else {"argument": node})
        node = node.get("argument", node)
    if place in ("optimizer", "scheduler"):
        node["_partial_"] = True
    with suppress(UserError), torch.device("meta"):  # without the numbers of its weights
        build(node, place, **({} if place == "trainer" else offered))
        built[place] += 1


if __name__ == "__main__":
    main()
