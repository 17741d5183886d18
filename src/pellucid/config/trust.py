"""What is believed of a configuration that came with files: anybody may have written it.

Nets, data and the like are built from it only where they are of the kind of their place (``build``). Here is
what is asked beside: whose packages may be imported, and which loggers and callbacks run without being named.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from pellucid.config.build import is_of_nets
from pellucid.config.check import targets
from pellucid.config.command_line import CommandLine
from pellucid.config.compose import load
from pellucid.config.line_check import compose_line
from pellucid.errors import UserError, first_line
from pellucid.system.files import read_text

OWN = "pellucid.callbacks."
# Of Lightning's, those that write nothing but into the run's folder, and start nothing.
HARMLESS = {
    "lightning.pytorch.callbacks.": {
        *("BackboneFinetuning", "DeviceStatsMonitor", "EarlyStopping", "GradientAccumulationScheduler"),
        *("LearningRateMonitor", "ModelSummary", "RichModelSummary", "RichProgressBar", "Timer"),
        *("StochasticWeightAveraging", "TQDMProgressBar", "WeightAveraging"),
    },
    "lightning.pytorch.loggers.": {"CSVLogger", "TensorBoardLogger"},
    **{f"pellucid.logger.{name.lower()}.": {name} for name in ("Wandb", "MLflow", "Comet", "Trackio")},
}
# Options of loggers by which nothing leaves this machine, unless the user's environment says so.
STAYING = {"offline": True, "tracking_uri": None, "space_id": None}
CHOSEN = "${hydra:runtime.choices.model}_${hydra:runtime.choices.data}"
OF_BEFORE = {
    f"hydra.run.dir=outputs/{CHOSEN}/${{now:%Y-%m-%d}}_${{now:%H-%M-%S}}_${{unique:}}",  # runs had no names
    *("hydra.run", "hydra.run.dir", "hydra.run.dir=.", "hydra.output_subdir", "hydra.output_subdir=None"),
    *("defaults.override hydra/job_logging", "defaults.override hydra/job_logging=none"),
}
TARGETS = ("model", "data", "task", "optimizer", "trainer")  # which every run has
MAPPINGS = ("callbacks", "logger", "explainer")  # of things by any name
VALUES: dict[str, tuple[type, ...]] = {  # with what a configuration holds beside
    "seed": (int,),
    "name": (str, type(None)),
    "keep_every": (int,),
    "figures": (str, list),
    "share": (float, int, type(None)),
    "compile": (bool,),
    "report": (bool,),
    "weights": (str, type(None)),
    "device_images": (float, int),
}


def config_problem(config: Any) -> str:
    """The first problem of a run's configuration, in a sentence; the empty text where there is none."""
    if not isinstance(config, Mapping):
        return f"expected options by name, got {config!r:.60}."
    if not _is_plain(config):
        return "expected texts, numbers, lists and mappings."
    for group in TARGETS:
        if not _is_target(config.get(group)):
            return f"{group}: expected a mapping with a _target_."
    if "scheduler" not in config or (config["scheduler"] and not _is_target(config["scheduler"])):
        return "scheduler: expected null or a mapping with a _target_."
    if config.get("average") and not _is_target(config["average"]):
        return "average: expected null or a mapping with a _target_."
    for group in MAPPINGS:
        nodes = config.get(group) or {}
        if not isinstance(nodes, Mapping) or not all(_is_target(node) for node in nodes.values()):
            return f"{group}: expected mappings with a _target_, by name."
    if "seed" not in config or (isinstance(config["seed"], int) and config["seed"] < 0):
        return "seed: expected a whole number, 0 or more."
    for name, kinds in VALUES.items():
        value = config.get(name, kinds[0]())
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            return f"{name}: expected {kinds[0].__name__}, got {value!r:.60}."
    return ""


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_is_plain(key) and _is_plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return isinstance(value, str | bool | float | None) or (isinstance(value, int) and abs(value) < 2**63)


def _is_target(node: Any) -> bool:
    return isinstance(node, Mapping) and isinstance(node.get("_target_"), str)


def own_packages(line: CommandLine, conf: Path, *, training: bool = False) -> list[str]:
    """The packages that the user has named: on the line, or else in the configuration of trainings.

    ``training``: of the one that the line, with its experiment, begins. Raises UserError for what is no list
    of names.
    """
    packages = line.value("packages")
    if packages is None and training:
        with suppress(UserError):  # which the check of the line tells
            packages = OmegaConf.to_container(compose_line(line, conf)).get("packages")  # type: ignore[union-attr]
    if packages is None:
        packages = _loaded(conf / "train.yaml").get("packages")
    if not isinstance(packages, list) or not all(isinstance(name, str) for name in packages):
        raise UserError(f"packages: expected a list of names, [mypkg], got {packages!r}.")
    return packages


def packages_option(packages: list[str]) -> str:
    """The option that names them again, with a space before it; nothing where there are none."""
    return f" packages=[{','.join(packages)}]" if packages else ""


def check_writers(config: Mapping[str, Any], line: CommandLine, conf: Path) -> None:
    """Raise UserError for a logger or callback that may write elsewhere, or start something, unasked.

    Asked for are those that the line names, or a file of the user's own configuration.
    """
    requested = {str(o.value()) for o in line.parsed() if o.key_or_group.endswith("._target_")}
    for files in (conf, Path(line.config_dir or conf)):
        requested |= _targets_of(files / "callbacks") | _targets_of(files / "logger")
    groups = {group: config[group] or {} for group in ("callbacks", "logger", "trainer")}
    for where, node in targets(groups):
        target = str(node["_target_"])
        allowed = target in requested or target.split(".")[0] in config["packages"]
        if where == "trainer" or allowed or (where.count(".") == 1 and _is_harmless(target, node)):
            continue
        options = ", ".join(f"{key}={value}" for key, value in node.items() if key != "_target_")
        raise UserError(
            f"{where}: the run's files ask for {target}({options}), which may write outside of the run's "
            f"folder. If that is yours, name it: +{where}._target_={target}"
        )


def check_kept_files(conf: Path, source: Path, packages: list[str]) -> None:
    """Raise UserError for configuration files kept with a sweep that ask for more than the user's own do.

    ``source`` is the folder that they were copied from; files that are the same there are the user's. What
    others may not do is to say anything of Hydra, which can start programs, or to name what is built unasked.
    """
    links = [path for path in (conf, *conf.rglob("*")) if path.is_symlink()]
    if links:  # which lead past this check, and were not made by a sweep
        raise UserError(f"{links[0]} is a link. Put what it leads to in its place.")
    for path in sorted(conf.rglob("*.yaml")):
        same = source / path.relative_to(conf)
        if same.is_file() and same.read_bytes() == path.read_bytes():
            continue
        loaded = _loaded(path)
        options = _of_hydra(loaded)
        if same.is_file():
            with suppress(UserError):  # broken since: it says nothing
                options -= _of_hydra(_loaded(same))
        options = {text for text in options if not (_is_of_space(text) or _is_of_before(text))}
        problems = [f"what it says of Hydra ({text})" for text in sorted(options)]
        problems += [
            f"{where}: {node['_target_']}"
            for where, node in targets(loaded)
            if node["_target_"] != "???"  # which the user has to name
            and str(node["_target_"]).split(".")[0] not in packages
            and not _is_harmless(str(node["_target_"]), node)
            and not is_of_nets(str(node["_target_"]))
        ]
        if problems:
            raise UserError(
                f"{path} is not the same as yours, and {problems[0]} could do more than train. If the file "
                f"is right, make yours the same: {same}."
            )


def _loaded(path: Path) -> Any:
    """A configuration file, with the comment that says where it belongs."""
    try:
        lines = [line for line in read_text(path).splitlines() if line.lstrip().startswith("#")]
        packages = [line for line in lines if "@package" in line]
        return {"package": packages, **(OmegaConf.to_container(load(path)) or {})}  # type: ignore[dict-item]
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} cannot be read: {first_line(error)}.") from error


def _of_hydra(node: Any, prefix: str = "") -> set[str]:
    """All that is said of Hydra in a configuration file, wherever it stands."""
    if isinstance(node, Mapping):
        return {text for key, value in node.items() for text in _of_hydra(value, f"{prefix}{key}.")} | {
            f"{prefix}{key}" for key in node if "hydra" in f"{prefix}{key}".lower()
        }
    if isinstance(node, list):
        return {text for item in node for text in _of_hydra(item, prefix)}
    option = f"{prefix.rstrip('.')}={node}"
    return {option} if "hydra" in option.lower() else set()


def _is_of_space(text: str) -> bool:
    """Whether it belongs to the values that a sweep searches, and those are of nothing else than training."""
    space = "hydra.sweeper.params"
    rest = text.removeprefix(f"{space}.").lower()
    odd = any(word in rest for word in ("hydra", "_target_", "storage", "packages", "callbacks", "logger"))
    return text in ("hydra", "hydra.sweeper", space) or (text.startswith(f"{space}.") and not odd)


def _is_of_before(text: str) -> bool:
    """Whether files of format 2 said it when each had a text for its help: it moves and starts nothing."""
    return text == "hydra.help" or text.startswith("hydra.help.") or text in OF_BEFORE


def _is_harmless(target: str, node: Mapping[str, Any]) -> bool:
    """Whether it stays in the run's folder: by what it is, and of a logger by where it is told to write."""
    if target.startswith(OWN):
        return True
    for prefix, names in HARMLESS.items():
        if target.startswith(prefix) and target.rpartition(".")[2] in names:
            options = {key: value for key, value in node.items() if key != "_target_"}
            return ".logger" not in prefix or all(
                not key.endswith("_dir")
                and STAYING.get(key, value) is value
                and all(map(_is_name, value if key == "tags" and isinstance(value, list) else [value]))
                for key, value in options.items()
            )
    return False


def _is_name(value: Any) -> bool:
    """Whether it leads to no other folder."""
    if isinstance(value, str):
        return value.strip() not in (".", "..") and not set(value) & set("/\\$~")
    return value is None or isinstance(value, int | float)


def _targets_of(folder: Path) -> set[str]:
    """Those that the files of a folder of configuration name, but the harmless, whose options count."""
    files = [_loaded(path) for path in folder.glob("*.yaml")]
    named_targets = {str(node["_target_"]) for file in files for _, node in targets(file)}
    return named_targets - {f"{prefix}{name}" for prefix, names in HARMLESS.items() for name in names}
