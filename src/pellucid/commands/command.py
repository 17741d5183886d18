"""What every command shares: check the line, compose, run; errors without a traceback, exit codes.

Nothing here imports torch: ``--help`` and a mistyped option answer at once.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from pellucid.config.command_line import CommandLine, check, check_readable, split, with_params
from pellucid.config.compose import VERSION_BASE, container
from pellucid.config.help import help_text
from pellucid.config.revisit import changed_data, split_data
from pellucid.config.trust import own_packages
from pellucid.errors import UserError
from pellucid.run.folder import Run, check_new_folder
from pellucid.run.resume import resumed_config
from pellucid.sweep.folder import SweepFolder, begin, frozen_line
from pellucid.system.console import lines_of, steady_streams
from pellucid.system.files import check_writable, disk_error
from pellucid.system.interrupt import exit_code, install

# These come back to a run, run=<folder or checkpoint>,
OF_A_RUN = {"evaluate", "predict", "explain", "embed", "units", "export"}
OF_RUNS = {*OF_A_RUN, "compare", "report"}
WITH_DATA = {"evaluate", "compare", "embed", "units", "report"}  # and these other data, data=… data.root=…
Work = Callable[..., Any]  # (config, folder), and resume=True where it can


def run_command(work: Work, *, conf: Path, name: str) -> None:
    """Run ``work(config, folder)`` for this process's command line; ends the process by its exit code.

    2: the user's mistake, told in one paragraph. 130 and 143: interrupted. 1: a bug, with its traceback.
    """
    install()
    steady_streams()
    try:
        if name == "train" and "PELLUCID_RUN" in os.environ:  # a further process of a ddp run
            folder, config = json.loads(os.environ["PELLUCID_RUN"])
            _find_packages(config["packages"])
            _call(_resuming(work), config, Path(folder))  # from the checkpoint, if there is one
            return
        line, more = split(sys.argv[1:]), dict[str, Any]()
        if {"--help", "-h"} & set(line.options):
            with suppress(BrokenPipeError):  # into head, say
                print(help_text(line, conf, name), flush=True)
            return
        if line.multirun and line.show_only and "--hydra-help" not in line.options:
            raise UserError("This shows one run's configuration: leave -m and lists of values out.")
        if not line.show_only:
            check_readable(line)
            training = name == "train" and line.value("resume") is None
            _find_packages(own_packages(line, conf, training=training))
            if line.value("resume") is not None:
                _resume(work, line, conf)
                return
            if name != "train" and line.value("hydra.run.dir") is not None:
                raise UserError("hydra.run.dir: of a training. What a command writes goes to out=<folder>.")
            if name == "report":
                line = _of_run_or_sweep(line)
            if name in WITH_DATA:
                line, of_data = split_data(line)
                more = {"data": partial(changed_data, line=of_data, conf=conf)}
            if line.multirun:
                line, conf = _begin_sweep(line, conf, name)
            else:
                check(line, conf=conf, name=name)
            if given := line.value("out"):
                check_writable(Path(given).expanduser(), f"out={given}", "out=<folder>")
            if name == "train" and not line.multirun:
                _check_places(line)
                # Hydra would write the configuration before the folder is ours, and not whole or not at all.
                line = replace(line, overrides=[*line.overrides, "hydra.output_subdir=null"])
            elif name in OF_A_RUN or (name == "report" and line.value("run") is not None):
                _check_source(line.value("run"))
        sys.argv[1:] = line.argv

        @hydra.main(config_path=str(conf), config_name=name, **VERSION_BASE)
        def job(config: DictConfig) -> None:
            folder = Path(HydraConfig.get().runtime.output_dir)
            with ending():
                if name in OF_RUNS:
                    more["packages"] = own_packages(line, conf)
                elif name == "train":
                    hydras_own: Any = HydraConfig.instance().cfg
                    Run.begin(folder, config, OmegaConf.masked_copy(hydras_own, "hydra"))
                values = {**container(config), **more}
            _call(work, values, folder)

        with ending():
            job()
    except (UserError, OSError) as error:
        _fail(error)
    except KeyboardInterrupt as interrupt:
        print("Interrupted.", file=sys.stderr)
        raise SystemExit(exit_code(interrupt)) from None


def _find_packages(packages: list[str]) -> None:
    """Those of the user's may lie in the current folder, from which nothing else is ever imported."""
    if packages:
        sys.path.append(str(Path.cwd()))


def _begin_sweep(line: CommandLine, conf: Path, name: str) -> tuple[CommandLine, Path]:
    """The sweep's line and configuration files, those of its beginning where it is continued."""
    if name != "train":
        raise UserError("This command takes one run; leave -m out.")
    line, conf = frozen_line(line, conf)
    line = with_params(line, conf)
    check(line, conf=conf, name=name)
    _check_places(line)
    return begin(line, conf)


def _check_source(given: str) -> None:
    """Raise UserError unless that is a run folder or a file, which may be a checkpoint."""
    if not Path(given).expanduser().is_file():
        Run.open(given)


def _of_run_or_sweep(line: CommandLine) -> CommandLine:
    """The line with ``sweep=<folder>`` as the job's folder: for Hydra the word names a group."""
    given = line.value("sweep")
    if (given is None) == (line.value("run") is None):
        raise UserError(
            "Of what? One must be given: run=outputs/<model>_<data>/<run> or sweep=outputs/sweeps/<name>"
        )
    if given is None:
        return line
    folder = str(SweepFolder.open(given).folder).replace("'", "\\'")
    others = [text for text in line.overrides if not text.startswith("sweep=")]
    return replace(line, overrides=[*others, f"hydra.run.dir='{folder}'"])


@contextmanager
def ending() -> Iterator[None]:
    """A user's mistake, or what a disk refuses, ends the process here, as Hydra would print its traceback."""
    try:
        yield
    except (UserError, OSError) as error:
        _fail(error)


def _resume(work: Work, line: CommandLine, conf: Path) -> None:
    if line.multirun:
        raise UserError("resume= continues one run; leave -m out.")
    run = Run.open(line.value("resume"))
    config = resumed_config(run, line, conf)
    if config is not None:
        _call(_resuming(work), config, run.folder)


def _resuming(work: Work) -> Work:
    return partial(work, resume=True)


def _call(work: Work, config: dict[str, Any], folder: Path) -> None:
    try:
        with ending():
            work(config, folder)
    except KeyboardInterrupt:  # before the training took over
        run = Run(folder)
        if run.log.parent.joinpath(".hydra").is_dir() and not run.metrics():
            run.record({"status": "interrupted"})
        raise


def _fail(error: UserError | OSError) -> None:
    """End with the mistake in a paragraph; other errors of the system are ours, and go on."""
    told = error if isinstance(error, UserError) else disk_error(error)
    if told is None:
        raise error
    print(lines_of(f"error: {told}".replace("\n", "\n       ")), file=sys.stderr)
    raise SystemExit(2) from None


def _check_places(line: CommandLine) -> None:
    """Refuse a folder that cannot be written, or that holds a run, before anything is made."""
    if any(override.key_or_group == "hydra.output_subdir" for override in line.parsed()):
        raise UserError("hydra.output_subdir: a run is found again by its .hydra folder; leave it.")
    if not line.multirun:
        given = line.value("hydra.run.dir")
        check_new_folder(Path(given) if given else Path("outputs") / "new")
    if os.environ.get("WORLD_SIZE", "1") != "1" and "LOCAL_RANK" in os.environ:
        raise UserError(
            "This process was started as one of several (by torchrun?). pellucid starts its own: "
            "python train.py trainer=ddp trainer.devices=2."
        )
