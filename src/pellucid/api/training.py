"""A training from Python, by the overrides of a command line; its curves grow in a notebook's cell."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from pellucid.api.run import Run
from pellucid.commands.command import find_packages
from pellucid.commands.shell import conf_folder
from pellucid.config.command_line import CommandLine, check_readable, split
from pellucid.config.compose import container
from pellucid.config.line_check import check, compose_line, with_additions
from pellucid.config.trust import own_packages
from pellucid.draw.curves import draw_curves
from pellucid.draw.figures import Figures
from pellucid.errors import UserError
from pellucid.run import folder as run_folder
from pellucid.run.resume import resumed_config, with_weights_of_run
from pellucid.system.console import captured
from pellucid.view.curves import curves

SHARE = 0.05  # of the time that drawing curves in a cell may take


def train(*overrides: str, quiet: bool = False) -> Run:
    """Train by the overrides of ``pellucid train``, ``train("model=cnn", "data=digits")``; the run.

    Its folder is that of the command, and ``resume=<run>`` goes on with one. In a notebook curves grow in the
    cell; ``quiet``: nothing is shown, all is in its ``train.log``. Raises UserError for a mistake; a training
    that is interrupted raises KeyboardInterrupt and can be resumed.
    """
    if wrong := [override for override in overrides if not isinstance(override, str)]:
        raise UserError(f'train(…) takes texts, train("model=cnn", "data=digits"), got {wrong[0]!r:.60}.')
    conf = conf_folder()
    line = split(list(overrides)).with_user_files(conf)
    if line.multirun or line.show_only or set(line.options) - {"--config-dir", line.config_dir}:
        raise UserError(
            "train(…) takes overrides, group=choice and group.key=value. For sweeps type pellucid train -m …"
        )
    check_readable(line)
    resumed = line.value("resume")
    packages = own_packages(line, conf, training=resumed is None)
    find_packages(packages)
    if resumed is not None:
        run = run_folder.Run.open(resumed)
        config = resumed_config(run, line, conf)
        if config is not None:
            _train(config, run.folder, resume=True, quiet=quiet)
        return Run.load(run.folder, packages=packages)
    line = with_weights_of_run(line)
    check(line, conf=conf, name="train")
    folder, config = _begin(with_additions(line, conf), conf)
    _train(config, folder, quiet=quiet)
    return Run.load(folder, packages=packages)


def _begin(line: CommandLine, conf: Path) -> tuple[Path, dict[str, Any]]:
    """A new run folder with the configuration that the line composes, and that."""
    composed: Any = compose_line(line, conf, "train")
    HydraConfig.instance().set_config(composed)  # what its own part refers to
    folder = Path(composed.hydra.run.dir).absolute()
    config = container(composed)
    if config["trainer"].get("devices", 1) not in (1, "1", "auto", [0]):
        raise UserError("trainer.devices: from Python a run has one device; type pellucid train for several.")
    run_folder.Run.begin(
        folder,
        OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"]),
        OmegaConf.masked_copy(composed, "hydra"),
    )
    return folder, config


def _train(config: Mapping[str, Any], folder: Path, *, resume: bool = False, quiet: bool) -> None:
    from pellucid.commands import train as training  # torch, only when the line was found right

    live = LiveCurves() if in_notebook() and not quiet else None
    try:
        with captured() if quiet else nullcontext():
            training.train(config, folder, resume=resume, watch=live)
    except SystemExit:  # a signal's
        raise KeyboardInterrupt from None
    finally:
        if live is not None:
            live.finish()


def in_notebook() -> bool:
    """Whether what is shown goes to the cell of a notebook."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return type(shell).__name__ == "ZMQInteractiveShell"


class LiveCurves:
    """Curves of all metrics in the cell, drawn anew after an epoch while that takes SHARE of the time."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._rows: Sequence[Mapping[str, float]] = ()
        self._start, self._spent = time.perf_counter(), 0.0

    def __call__(self, rows: Sequence[Mapping[str, float]]) -> None:
        now, self._rows = time.perf_counter(), rows
        if self._handle is not None and self._spent > SHARE * (now - self._start):
            return
        self._show()
        self._spent += time.perf_counter() - now

    def finish(self) -> None:
        """Draw those of all epochs."""
        if self._rows:
            self._show()

    def _show(self) -> None:
        from IPython.display import display

        rows = [dict(row) for row in self._rows]
        figures = Figures.drawn({"curves": draw_curves(curves(rows).metrics, title=f"Epoch {len(rows)}")})
        if self._handle is None:
            self._handle = display(figures, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(figures)
