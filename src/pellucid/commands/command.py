"""The contract of a command: a function with annotated arguments and a YAML; the rest follows from them.

``conf/<name>.yaml`` names the function by ``_target_``, gives each argument a value and says in a comment
what it is; ``scripts/<name>.py`` calls ``run_command(__file__)``. Options and their kinds, paths taken to the
letter, help, the check of the line, exit codes and errors without a traceback are then there. An argument
``data`` takes ``data=…`` and ``data.…=…`` of the line, ``packages`` those of trainings where none are named.

Nothing here imports torch: ``--help`` and a mistyped option answer at once.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from pellucid.commands import json_output
from pellucid.config.choices import config_groups, remarks
from pellucid.config.command import Command
from pellucid.config.command_line import CommandLine, check_readable, split
from pellucid.config.compose import VERSION_BASE, container, options, with_choices_of
from pellucid.config.data_override import read_data, split_off
from pellucid.config.help import help_text
from pellucid.config.line_check import check, compose_line, with_additions, with_params
from pellucid.config.trust import own_packages
from pellucid.errors import UserError, typed
from pellucid.run.folder import Run, check_new_folder
from pellucid.run.resume import resumed_config, with_weights_of_run
from pellucid.sweep.folder import begin, frozen_line
from pellucid.system.console import ON_STDERR, console, lines_of, start_logging, steady_streams
from pellucid.system.files import check_writable, disk_error
from pellucid.system.interrupt import exit_code, install


def run_command(script: str, conf: Path | None = None) -> None:
    """Run the command of that script on this process's command line; ends the process by its exit code.

    ``conf``: the folder of the configuration files, where it is not the one beside or above the script.

    2: the user's mistake, told in one paragraph. 130 and 143: interrupted. 1: a bug, with its traceback.
    With ``--json`` what was found, or the mistake, is one object on standard output.
    """
    as_json = json_output.FLAG in sys.argv
    sys.argv[1:] = [text for text in sys.argv[1:] if text != json_output.FLAG]
    if as_json:
        os.environ[ON_STDERR] = "1"  # to the processes of a sweep, too
    console.stderr = as_json
    install()
    steady_streams()
    file = Path(script).resolve()
    near = (folder / "conf" for folder in file.parents if (folder / "conf").is_dir())
    command = Command(conf or next(near), file.stem)
    try:
        if command.target is None and "PELLUCID_RUN" in os.environ:  # a further process of a ddp run
            folder, config = json.loads(os.environ["PELLUCID_RUN"])
            find_packages(config["packages"])
            _train(config, Path(folder), resume=True)  # from the checkpoint, if there is one
        else:
            with ending():
                line = split(sys.argv[1:], command).with_user_files(command.conf)
                if as_json and line.show_only:
                    raise UserError("--json: of what is done; leave what only shows options out.")
                result = _run(command, line)
            if as_json:
                print(json_output.found(command.name, result), flush=True)
    except Mistake as mistake:
        if as_json:
            print(json_output.mistaken(command.name, mistake.text), flush=True)
        raise
    except TrialsFailed as failed:
        if as_json:
            print(json_output.found(command.name, failed.result), flush=True)
        raise
    except KeyboardInterrupt as interrupt:
        print("Interrupted.", file=sys.stderr)
        raise SystemExit(exit_code(interrupt)) from None


class Mistake(SystemExit):
    """The end of the process by a user's mistake, which was told; exit code 2."""

    def __init__(self, text: str) -> None:
        super().__init__(2)
        self.text = text


class TrialsFailed(SystemExit):
    """The end of a sweep of which trials failed; exit code 1."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__(1)
        self.result = result


def _run(command: Command, line: CommandLine) -> Any:
    """What the command or the training finds; None where something is only shown."""
    if {"--help", "-h"} & set(line.options):
        with suppress(BrokenPipeError):  # into head, say
            print(help_text(line, command), flush=True)
        return None
    if line.show_only:
        if line.multirun and "--hydra-help" not in line.options:
            raise UserError("This shows one run's configuration: leave -m and lists of values out.")
        return _start_hydra(with_additions(line, command.conf, command.name), command.conf, command.name)
    check_readable(line)
    training = command.target is None
    find_packages(own_packages(line, command.conf, training=training and line.value("resume") is None))
    if not training:
        return work(command, line)
    if line.value("resume") is not None:
        return _resume(line, command.conf)
    return _begin_training(line, command.conf)


def work(command: Command, line: CommandLine) -> Any:
    """Check the line, and call the command's function with its values; what it returns. Raises UserError."""
    if line.multirun:
        raise UserError("This command takes one run; leave -m out.")
    for override in line.parsed():
        if override.key_or_group.startswith(("hydra.", "hydra/")):
            raise UserError(
                f"{override.key_or_group}: of a training. What a command writes goes to out=<folder>."
            )
    apart = {}
    for name in command.apart_from(config_groups(line, command.conf)):
        line, apart[name] = split_off(line, name)
    check(line, conf=command.conf, name=command.name)
    values = options(compose_line(line, command.conf, command.name))
    for name, part in apart.items():
        values[name] = read_data(part, command.conf) if name == "data" else part.value(name)
    if "packages" in command.arguments:
        values["packages"] = own_packages(line, command.conf)
    if folder := line.value("out"):
        check_writable(Path(folder).expanduser(), f"out={folder}", "out=<folder>")
    if "run" in command.paths and values["run"] and not Path(values["run"]).expanduser().is_file():
        Run.open(values["run"])
    module, _, name = str(command.target).rpartition(".")
    function = getattr(importlib.import_module(module), name)
    start_logging(None)  # after Lightning, which sets its own level
    return function(**values)


def find_packages(packages: list[str]) -> None:
    """Those of the user's may lie in the current folder, from which nothing else is ever imported."""
    if packages:
        sys.path.append(str(Path.cwd()))


def _begin_training(line: CommandLine, conf: Path) -> Any:
    """Start a run or, with -m, a sweep; one that is continued with the files of its beginning. What a run
    found.
    """
    line = with_weights_of_run(line)
    if line.multirun:
        line, conf = frozen_line(line, conf)
        line = with_params(line, conf)
    for remark in remarks(line, conf):
        print(lines_of(remark), file=sys.stderr)
    check(line, conf=conf, name="train")
    line = with_additions(line, conf)
    _check_places(line)
    if line.multirun:
        return _sweep(*begin(line, conf))
    # Hydra would write the configuration before the folder is ours, and not whole or not at all.
    line = replace(line, overrides=[*line.overrides, "hydra.output_subdir=null"])
    return _start_hydra(line, conf, "train")


def _sweep(line: CommandLine, conf: Path) -> dict[str, Any] | None:
    """Begin or continue the sweep of a line that names its folder; what it found, where that is printed."""
    if not console.stderr:
        _start_hydra(line, conf, "train")
        return None
    failed = False
    try:
        _start_hydra(line, conf, "train")
    except SystemExit as end:
        if isinstance(end, Mistake) or end.code != 1:
            raise
        failed = True
    from pellucid.sweep.summary import open_summary  # optuna

    storage = compose_line(line, conf)["sweep"]["storage"]
    result = open_summary(Path(line.value("hydra.sweep.dir")), storage=storage).found()
    if failed:
        raise TrialsFailed(result)
    return result


def _start_hydra(line: CommandLine, conf: Path, name: str) -> Any:
    """Let Hydra show what the line asks for, or begin the training or the sweep; what a run found."""
    sys.argv[1:] = line.argv
    found = []

    @hydra.main(config_path=str(conf), config_name=name, **VERSION_BASE)
    def job(config: DictConfig) -> None:
        folder = Path(HydraConfig.get().runtime.output_dir)
        with ending():
            hydras_own: Any = HydraConfig.instance().cfg
            Run.begin(folder, config, OmegaConf.masked_copy(hydras_own, "hydra"))
            values = container(config)
        found.append(_train(values, folder))

    with ending(), with_choices_of(Path(line.config_dir) if line.config_dir else None):
        job()
    return found[-1] if found else None


def _resume(line: CommandLine, conf: Path) -> Any:
    if line.multirun:
        raise UserError("resume= continues one run; leave -m out.")
    run = Run.open(line.value("resume"))
    config = resumed_config(run, line, conf)
    if config is None:
        return {"folder": run.folder, **run.metrics()}
    return _train(config, run.folder, resume=True)


def _train(config: dict[str, Any], folder: Path, *, resume: bool = False) -> dict[str, Any]:
    """Its folder, and what its ``metrics.json`` says."""
    try:
        with ending():
            from pellucid.commands.train import train  # torch, only when the line was found right

            return {"folder": folder, **train(config, folder, resume=resume)}
    except KeyboardInterrupt:  # before the training took over
        run = Run(folder)
        if run.log.parent.joinpath(".hydra").is_dir() and not run.metrics():
            run.record({"status": "interrupted"})
        raise


@contextmanager
def ending() -> Iterator[None]:
    """A user's mistake, or what a disk refuses, ends the process here, as Hydra would print its traceback."""
    try:
        yield
    except (UserError, OSError) as error:
        _fail(error)


def _fail(error: UserError | OSError) -> NoReturn:
    """End with the mistake in a paragraph; other errors of the system are ours, and go on."""
    mistake = error if isinstance(error, UserError) else disk_error(error)
    if mistake is None:
        raise error
    print(lines_of(f"error: {mistake}".replace("\n", "\n       ")), file=sys.stderr)
    raise Mistake(str(mistake)) from None


def _check_places(line: CommandLine) -> None:
    """Refuse a folder that cannot be written, or that holds a run, before anything is made."""
    if any(override.key_or_group == "hydra.output_subdir" for override in line.parsed()):
        raise UserError("hydra.output_subdir: a run is found again by its .hydra folder; leave it.")
    if not line.multirun:
        folder = line.value("hydra.run.dir")
        check_new_folder(Path(folder) if folder else Path("outputs") / "new")
    if os.environ.get("WORLD_SIZE", "1") != "1" and "LOCAL_RANK" in os.environ:
        raise UserError(
            "This process was started as one of several (by torchrun?). pellucid starts its own: "
            f"{typed('train')} trainer=ddp trainer.devices=2."
        )
