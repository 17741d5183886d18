"""Composition by Hydra, the same on 1.3 and 1.4."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

# Hydra 1.3 wants to be told which version's defaults to use; 1.4 warns about being told.
VERSION_BASE: dict[str, Any] = {"version_base": "1.3"} if hydra.__version__.startswith("1.3") else {}
_register: Any = getattr(OmegaConf, "register_new_resolver" if VERSION_BASE else "register_resolver")

# Two runs that start in the same second get two folders.
_register("unique", lambda: secrets.token_hex(3), use_cache=True, replace=True)


def compose(conf: Path, name: str, overrides: list[str]) -> DictConfig:
    """The configuration ``name`` of the folder ``conf``, Hydra's own part with it."""
    instance = GlobalHydra.instance()
    if instance.is_initialized():
        instance.clear()
    with hydra.initialize_config_dir(config_dir=str(conf), **VERSION_BASE):
        return hydra.compose(name, overrides, return_hydra_config=True)


def container(config: DictConfig) -> dict[str, Any]:
    """The configuration as plain containers, without Hydra's part, interpolations resolved."""
    part = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    return OmegaConf.to_container(part, resolve=True)  # type: ignore[return-value]
