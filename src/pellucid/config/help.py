"""What ``--help`` says; Hydra's own way to it copies the whole configuration once a group."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from pellucid.config.command_line import CommandLine, config_groups


def help_text(line: CommandLine, conf: Path, name: str) -> str:
    """The command's ``hydra.help`` filled in, with the choices of each group that a line may name."""
    help_: Any = OmegaConf.to_container(OmegaConf.load(conf / f"{name}.yaml").hydra.help)
    groups = sorted(config_groups(line, conf).items())
    choices = "\n".join(f"{group}: {', '.join(sorted(names))}" for group, names in groups if group != "hydra")
    text: str = help_["template"]
    return text.replace("${hydra:help.header}", help_["header"]).replace("$APP_CONFIG_GROUPS", f"{choices}\n")
