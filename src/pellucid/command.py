"""What every command shares: check the line, compose, run; errors without a traceback, exit codes.

Nothing here imports torch: ``--help`` and a mistyped option answer at once.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from pellucid.config.command_line import CommandLine, check, check_readable, split
from pellucid.config.compose import VERSION_BASE, container
from pellucid.config.resume import resumed_config
from pellucid.errors import UserError
from pellucid.run import Run, check_new_folder

Work = Callable[..., Any]  # (config, folder), and resume=True where it can


def run_command(work: Work, *, conf: Path, name: str) -> None:
    """Run ``work(config, folder)`` for this process's command line; ends the process by its exit code.

    2: the user's mistake, told in one paragraph. 130 and 143: interrupted. 1: a bug, with its traceback.
    """
    signal.signal(signal.SIGTERM, _terminated)
    try:
        if name == "train" and "PELLUCID_RUN" in os.environ:  # a further process of a ddp run
            run = Run.open(os.environ["PELLUCID_RUN"])
            _call(_resuming(work), run.config(), run.folder)  # from the checkpoint, if there is one
            return
        line = split(sys.argv[1:])
        if not line.show_only:
            check_readable(line)
            if line.value("resume") is not None:
                _resume(work, line, conf)
                return
            check(line, conf=conf, name=name)
            if name == "train":
                _check_places(line)
            elif line.multirun:
                raise UserError("This command takes one run; leave -m out.")
            else:
                Run.open(line.value("run"))
        sys.argv[1:] = line.argv

        @hydra.main(config_path=str(conf), config_name=name, **VERSION_BASE)
        def job(config: DictConfig) -> None:
            folder = Path(HydraConfig.get().runtime.output_dir)
            _call(work, container(config), folder)

        job()
    except UserError as error:
        _fail(error)
    except KeyboardInterrupt as interrupt:
        print("Interrupted.", file=sys.stderr)
        raise SystemExit(143 if interrupt.args else 130) from None


def _terminated(number: int, frame: Any) -> None:
    raise KeyboardInterrupt(number)


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
    """Run the work; a user's mistake ends the process here, as Hydra would print its traceback."""
    try:
        work(config, folder)
    except UserError as error:
        _fail(error)
    except KeyboardInterrupt:  # before the training took over
        run = Run(folder)
        if run.log.parent.joinpath(".hydra").is_dir() and not run.metrics():
            run.record({"status": "interrupted"})
        raise


def _fail(error: UserError) -> None:
    print(f"error: {error}".replace("\n", "\nerror: "), file=sys.stderr)
    raise SystemExit(2) from None


def _check_places(line: CommandLine) -> None:
    """Refuse a folder that cannot be written, or that holds a run, before anything is made."""
    if any(override.key_or_group == "hydra.output_subdir" for override in line.parsed()):
        raise UserError("hydra.output_subdir: a run is found again by its .hydra folder; leave it.")
    given = line.value("hydra.sweep.dir" if line.multirun else "hydra.run.dir")
    check_new_folder(Path(given) if given else Path("outputs") / "new")
    if os.environ.get("WORLD_SIZE", "1") != "1" and "LOCAL_RANK" in os.environ:
        raise UserError(
            "This process was started as one of several (by torchrun?). pellucid starts its own: "
            "python train.py trainer=ddp trainer.devices=2."
        )
