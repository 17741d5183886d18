"""The check of a command line as a whole, before anything heavy is imported.

Every problem of one line is found and reported together: unknown groups, choices and keys (also those
added with ``+``), wrong types, missing values; each with the nearest valid name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException
from yaml import YAMLError

from pellucid.config.ablation import ablation_problems
from pellucid.config.check import check_targets, kind_problem, range_problems
from pellucid.config.choices import Choices
from pellucid.config.command import Command
from pellucid.config.command_line import CommandLine, check_readable
from pellucid.config.compose import compose, container, options
from pellucid.config.keys import (
    class_problems,
    is_missing,
    is_reference,
    key_problems,
    keys_of,
    mapping_problems,
    required_problems,
)
from pellucid.config.optimization import optimization_problems
from pellucid.config.space import option_problems, read_space, searched, space_problems
from pellucid.config.sweep_values import each_value, single_value, sweep_values
from pellucid.config.trainer import trainer_problems
from pellucid.data.augment.options import line_problems, moot_options
from pellucid.errors import UserError, did_you_mean, first_line
from pellucid.system.figure_formats import format_problem

COMPOSING = (HydraException, OmegaConfBaseException, ValueError)  # what Hydra raises for a user's mistake


def check(line: CommandLine, *, conf: Path, name: str) -> None:
    """Raise one UserError that lists every problem of the command line."""
    check_readable(line)
    if problems := _LineCheck(line, conf, name).problems():
        raise UserError("\n".join(dict.fromkeys(problems)))


def compose_line(line: CommandLine, conf: Path, name: str = "train") -> DictConfig:
    """The configuration of a right line, with Hydra's own part; of a sweep, its first run's.

    Raises UserError for any other, of which ``check`` tells more.
    """
    checker = _LineCheck(line, conf, name)
    if line.config_dir and not Path(line.config_dir).is_dir():  # of which Hydra warns alone
        raise UserError(f"--config-dir={line.config_dir}: there is no such folder.")
    try:
        return checker.compose(
            [
                single_value(
                    override,
                    sweep_values(override, checker.choices.groups)[0],
                    force=not checker.choices.is_of(override),
                )
                for override in line.parsed()
            ]
        )
    except (*COMPOSING, IndexError, YAMLError) as error:
        raise UserError(first_line(error)) from error


def with_params(line: CommandLine, conf: Path) -> CommandLine:
    """The line with the space that a YAML file gives in ``hydra.sweeper.params``; the line's own counts."""
    checker = _LineCheck(line, conf, "train")
    try:
        params = checker.compose(checker.first_choices(line.parsed())).hydra.sweeper.params or {}
    except (*COMPOSING, IndexError):  # the check will tell
        return line
    written = {override.key_or_group for override in line.parsed()}
    added = [f"{key}={text}" for key, text in params.items() if key.lstrip("+") not in written]
    return replace(line, overrides=[*added, *line.overrides])


def with_additions(line: CommandLine, conf: Path, name: str = "train") -> CommandLine:
    """The line as Hydra takes it: with its sign at options that are not in the configuration.

    ``+`` where no choice of the line has the option, so that it is kept as if it had been written so; ``++``
    where some have, as of ``optimizer=adam,sgd optimizer.weight_decay=0``. A wrong line stays as it is.
    """
    checker = _LineCheck(line, conf, name)
    try:
        parsed = line.parsed()
        chosen = [override for override in parsed if checker.choices.is_of(override)]
        bases = [
            checker.compose([single_value(override, value) for override, value in values])
            for values in each_value(chosen, checker.choices.groups)
        ]
    except (*COMPOSING, IndexError, YAMLError):
        return line
    overrides = [
        text if checker.choices.is_of(override) else _signed(override, text, bases)
        for override, text in zip(parsed, line.overrides, strict=True)
    ]
    return replace(line, overrides=overrides)


def _signed(override: Override, text: str, bases: list[DictConfig]) -> str:
    key = override.key_or_group
    if override.is_delete() or override.is_force_add() or key.startswith("hydra.") or "." not in key:
        return text
    lacking = [is_missing(base, key) for base in bases]
    if not any(lacking):
        return text
    return f"{'+' if all(lacking) else '++'}{text.lstrip('+')}"


class _LineCheck:
    def __init__(self, line: CommandLine, conf: Path, name: str) -> None:
        self.line, self.conf, self.name = line, conf, name
        self.command = Command(conf, name)
        self.choices = Choices(line, self.command)

    def compose(self, overrides: list[str]) -> DictConfig:
        added = Path(self.line.config_dir) if self.line.config_dir else None
        return compose(self.conf, self.name, overrides, added=added)

    def first_choices(self, overrides: list[Override]) -> list[str]:
        """Those that choose from a group, each with its first choice."""
        return [
            single_value(override, sweep_values(override, self.choices.groups)[0])
            for override in overrides
            if self.choices.is_of(override)
        ]

    def problems(self) -> list[str]:
        problems: list[str] = []
        sound = []
        for override in self.line.parsed():
            of_choice = list(self.choices.problems(override))
            problems += of_choice
            if not of_choice:
                sound.append(override)
        try:
            base = self.compose(self.first_choices(sound))
        except COMPOSING as error:
            return [*problems, first_line(error)]
        self.known_options = options(self.compose([]))
        unknown = [(override, self._unknown(override, base)) for override in sound]
        problems += [problem for _, problem in unknown if problem]
        for values in each_value([o for o, problem in unknown if not problem], self.choices.groups):
            problems += self._problems_of(base, values)
        if self.line.multirun and self.name == "train":
            problems += self._sweep_problems(base, valid=not problems)
        return problems

    def _sweep_problems(self, base: DictConfig, *, valid: bool) -> Iterator[str]:
        space = read_space(self.line.parsed(), self.choices.groups)
        sampled = base.sweep.sampler is not None
        yield from space_problems(searched(space), sampled=sampled)
        if valid:
            sweep = container(compose_line(self.line, self.conf))["sweep"]
            yield from option_problems(sweep, space)
            if sweep.get("ablation"):
                yield from ablation_problems(searched(space), sampled=sampled)

    def _unknown(self, override: Override, base: DictConfig) -> str:
        """Why Hydra would not even compose with it; the empty text where it would."""
        key = override.key_or_group
        if self.choices.is_of(override) or not is_missing(base, key):
            return ""
        if override.is_delete():
            return f"~{key}: there is no such option.{did_you_mean(key, keys_of(container(base)))}"
        if key.startswith("hydra.") and not (override.is_add() or override.is_force_add()):
            return f"{key}: Hydra has no such option. See --hydra-help."
        return ""

    def _problems_of(self, base: DictConfig, values: list[tuple[Override, Any]]) -> Iterator[str]:
        """Problems of one combination of values."""
        try:
            composed = self.compose(
                [single_value(o, value, force=not self.choices.is_of(o)) for o, value in values]
            )
            config = options(composed)
            _resolve_hydras(composed, [override.key_or_group for override, _ in values])
        except InterpolationResolutionError as error:
            hint = did_you_mean(_referred(error), keys_of(self.known_options))
            yield f"{error.full_key}: {first_line(error)}.{hint}"
            return
        except COMPOSING as error:
            yield first_line(error)
            return
        classless = class_problems(config) if self.name == "train" else ()
        if unnamed := [*classless, *mapping_problems(config)]:
            yield from unnamed
            return
        yield from trainer_problems(config.get("trainer") or {})
        yield from range_problems(config)
        yield from optimization_problems(config)
        if self.name == "train" and (problem := _name_problem(config.get("name"))):
            yield problem
        if self.name == "train" and isinstance(seed := config.get("seed"), int) and seed < 0:
            yield f"seed: expected a whole number, 0 or more, got {seed}."
        if self.name == "train" and (problem := format_problem(config.get("figures", "png"))):
            yield problem
        wrong = {
            key: problem for key, problem in check_targets(config).items() if not is_reference(composed, key)
        }
        if self.name == "train":
            told = line_problems(config["data"].get("augment"), config.get("augment"))
            wrong |= {key: problem for key, problem in told.items() if key not in wrong}
        yield from wrong.values()
        yield from self._moot_problems(config, [override.key_or_group for override, _ in values])
        for override, value in values:
            key = override.key_or_group
            is_told = key in wrong or (key.startswith("augment.") and key.rpartition(".")[0] in wrong)
            if self.choices.is_of(override) or is_told or key.startswith("hydra."):
                continue
            if value is None and self.known_options.get(key, key) is None:  # as it is without a recipe
                continue
            problems = list(key_problems(override, value, base, config))
            yield from problems
            if not problems and (problem := self.command.value_problem(key, value)):
                yield problem
        yield from required_problems(config, {override.key_or_group for override in self.line.parsed()})
        written = {override.key_or_group.split(".")[0] for override, _ in values}
        for key, value in config.items():  # what a YAML of the user's brought in
            if key in written:
                continue
            if key not in self.known_options:
                yield f"{key}: there is no such option.{did_you_mean(key, self.known_options)}"
            elif expected := kind_problem(key, value, self.known_options[key]):
                yield f"{key}: expected {expected}, got {value!r}."

    def _moot_problems(self, config: dict[str, Any], written: list[str]) -> Iterator[str]:
        """Of the options that were written, those that others leave without effect."""
        yield from self.command.moot_problems(config, written)
        if self.name == "train" and config["data"].get("source") == "drawn":
            for option in ("data.root", "data.cache"):
                if option in written:
                    yield f"{option}: without effect, as data.source=drawn reads no files. Leave it out."
        if self.name == "train" and config.get("minutes") is not None and "trainer.max_epochs" in written:
            yield (
                "trainer.max_epochs: without effect, as minutes decides how many epochs there are. Leave one "
                "of them out; minutes=null is none."
            )
        if self.name == "train":
            yield from moot_options(config["data"].get("augment"), written)
            for option in ("task.mix_alpha", "task.mix_probability"):
                if option in written and config["task"].get("mix", "none") == "none":
                    yield f"{option}: without effect, as task.mix=none. Choose a mix, or leave it out."


def _name_problem(name: Any) -> str:
    """What a run cannot be called; the empty text where it can, or has no name."""
    if name is None or (re.fullmatch(r"[\w][\w .+-]*", str(name)) and name != "last"):
        return ""
    return f"name={name}: expected letters, digits, spaces and any of . + - _ , and not last, the newest run."


def _referred(error: InterpolationResolutionError) -> str:
    """The key that is not there."""
    match = re.search("'(.*)'", first_line(error))
    return match[1] if match else ""


def _resolve_hydras(config: DictConfig, keys: list[str]) -> None:
    """Raise OmegaConf's error where what these keys say to Hydra refers to what is not there."""
    before = HydraConfig.instance().cfg
    HydraConfig.instance().cfg = config  # type: ignore[assignment]
    try:
        for key in keys:
            if key.startswith("hydra."):
                OmegaConf.select(config, key)
    finally:
        HydraConfig.instance().cfg = before
