"""Composition by Hydra, the same on 1.3 and 1.4."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import hydra
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.basecontainer import BaseContainer
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

from pellucid.config.command import Command
from pellucid.errors import UserError, first_line
from pellucid.system.files import check_yaml

# Hydra 1.3 wants to be told which version's defaults to use; 1.4 warns about being told.
VERSION_BASE: dict[str, Any] = {"version_base": "1.3"} if hydra.__version__.startswith("1.3") else {}
_register: Any = getattr(OmegaConf, "register_new_resolver" if VERSION_BASE else "register_resolver")

_NONE = object()

# Two runs that start in the same second get two folders, unless they are told apart by their names.
_register("unique", lambda name=None: name or secrets.token_hex(3), use_cache=True, replace=True)


class _UserChoices(SearchPathPlugin):
    """The user's folder of configuration files, before ours: of two files of a name theirs is meant."""

    folder: ClassVar[Path | None] = None

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        if self.folder is not None:
            search_path.prepend("user", str(self.folder.absolute()), anchor="main")


@contextmanager
def with_choices_of(folder: Path | None) -> Iterator[None]:
    """Within, Hydra composes with that folder's configuration files, where there is one, before ours."""
    Plugins.instance().register(_UserChoices)
    before, _UserChoices.folder = _UserChoices.folder, folder
    try:
        yield
    finally:
        _UserChoices.folder = before


def compose(conf: Path, name: str, overrides: list[str], *, added: Path | None = None) -> DictConfig:
    """The configuration ``name`` of the folder ``conf``, Hydra's own part with it, read-only.

    ``added`` is the user's folder of such files. It is remembered for as long as no file changes.
    """
    config = _compose(conf, name, tuple(overrides), added, _state(conf) + (_state(added) if added else ()))
    OmegaConf.clear_cache(config)  # of ${now:} and ${unique:}, which are others each time
    return config


def _state(folder: Path) -> tuple[tuple[str, int], ...]:
    return tuple((str(path), path.lstat().st_mtime_ns) for path in sorted(folder.rglob("*.yaml")))


@functools.lru_cache(maxsize=64)
def _compose(
    conf: Path, name: str, overrides: tuple[str, ...], added: Path | None, state: object
) -> DictConfig:
    instance = GlobalHydra.instance()
    if instance.is_initialized():
        instance.clear()
    with with_choices_of(added), hydra.initialize_config_dir(config_dir=str(conf), **VERSION_BASE):
        try:
            config = hydra.compose(name, list(overrides), return_hydra_config=True)
        except MarkedYAMLError as error:  # whose first line is what was being read
            mark = error.problem_mark
            where = f"{mark.name}, line {mark.line + 1}: " if mark else ""
            raise UserError(f"{where}this is no YAML, {error.problem}.") from error
    command = Command(conf, name)
    with open_dict(config):
        for key in [str(key) for key in config if key != "hydra" and (conf / str(key)).is_dir()]:
            if not command.takes(key):
                del config[key]
    OmegaConf.set_readonly(config, True)
    return config


def in_quotes(text: str) -> str:
    """A text as it stands in an override, whatever signs are in it."""
    return QuotedString(text=text, quote=Quote.single).with_quotes()


def load(path: Path) -> Any:
    """The content of a YAML file of anybody's, interpolations as they are. Raises OSError and ValueError."""
    check_yaml(path)
    try:
        return OmegaConf.load(path)
    except (OmegaConfBaseException, YAMLError) as error:
        raise ValueError(first_line(error)) from error


def container(config: DictConfig) -> dict[str, Any]:
    """A composed configuration as plain containers, without Hydra's part, interpolations resolved.

    Texts from the environment stay as they were written, ``${oc.env:TOKEN}``: they may be secrets, and what
    is returned is kept in checkpoints and pages. ``from_environment`` gives them, where an object is built.
    """
    part = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    real: Any = OmegaConf.to_container(part, resolve=True)
    if "oc.env" not in str(OmegaConf.to_container(part)):
        return real  # type: ignore[no-any-return]
    resolvers = BaseContainer._resolvers
    of_environment = resolvers["oc.env"]
    try:
        _register("oc.env", _as_written, replace=True)
        return _keep_written(real, OmegaConf.to_container(part, resolve=True))  # type: ignore[no-any-return]
    finally:
        resolvers["oc.env"] = of_environment


def options(config: DictConfig) -> dict[str, Any]:
    """A composed configuration without Hydra's part and without the name of a command's function."""
    return {key: value for key, value in container(config).items() if key != "_target_"}


def _as_written(name: str, default: Any = _NONE) -> str:
    return f"${{oc.env:{name}}}" if default is _NONE else f"${{oc.env:{name},{default}}}"


def _keep_written(real: Any, written: Any) -> Any:
    """``real`` with the texts that come from the environment as they were written."""
    if isinstance(real, dict):
        return {key: _keep_written(value, written[key]) for key, value in real.items()}
    if isinstance(real, list):
        return [_keep_written(*pair) for pair in zip(real, written, strict=True)]
    return written if isinstance(real, str) and "${oc.env:" in str(written) else real
