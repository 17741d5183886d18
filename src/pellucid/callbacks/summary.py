"""At the start: the net's size in a line, its layers as a table in the log and in TensorBoard's text."""

from __future__ import annotations

import io
import logging

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from rich.console import Console
from rich.table import Table
from torch import nn

from pellucid.errors import UserError, counted
from pellucid.inside.summary import Layer, summarize
from pellucid.system.console import FILE_ONLY, MAX_COLUMNS, console

log = logging.getLogger(__name__)


class Summary(Callback):
    """``depth``: how many levels of the net to show, from 1."""

    def __init__(self, *, depth: int = 2, image_shape: tuple[int, int, int]) -> None:
        if depth < 1:
            raise UserError(f"callbacks.summary.depth={depth}: expected at least 1.")
        self.depth, self.image_shape = depth, image_shape

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        assert isinstance(pl_module.net, nn.Module)
        layers = summarize(pl_module.net, self.image_shape, self.depth)
        title = f"{type(pl_module.net).__name__} for images of " + _shape(self.image_shape)
        log.info("%s: %s", title, _size(layers[-1]))
        log.info(summary_text(layers, title), extra=FILE_ONLY)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_text("model/summary", _markdown(layers, title), 0)


HEADER = ("layer", "kind", "output", "parameters", "trained", "FLOPs")


def _cells(layer: Layer) -> tuple[str, ...]:
    output = _shape(layer.output) if layer.output else ""
    trained = f"{layer.trainable:,}" if layer.parameters else ""
    parameters = f"{layer.parameters:,}" if layer.parameters else ""
    return layer.name, layer.kind, output, parameters, trained, _short(layer.flops)


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(str(size) for size in shape)


def _short(count: int) -> str:
    """A count in at most five characters: 12.3M."""
    value = float(count)
    for unit in ("", "K", "M", "G"):
        if value < 1000:
            return "" if count == 0 else f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.3g}T"


def _size(total: Layer) -> str:
    """``1.2M parameters, 5K of them trained; 3.1G FLOPs an image``."""
    count = counted(total.parameters, "parameter")
    trained = "all" if total.trainable == total.parameters else f"{total.trainable:,} of them"
    parts = [f"{count}, {trained} trained" if total.parameters else count]
    parts += [f"{_short(total.flops)} FLOPs an image"] if total.flops else []
    return "; ".join(parts)


def summary_text(layers: list[Layer], title: str) -> str:
    """Layers, and the whole net in the last row; as wide as their texts are."""
    file = io.StringIO()
    Console(file=file, width=MAX_COLUMNS, force_jupyter=False).print(_rich_table(layers, title))
    return "\n".join(line.rstrip() for line in file.getvalue().rstrip().splitlines())


def _rich_table(layers: list[Layer], title: str) -> Table:
    table = console.table(title, HEADER, left=("layer", "kind"))
    for layer in layers[:-1]:
        table.add_row(*_cells(layer))
    table.add_section()
    table.add_row(*_cells(layers[-1]), style="bold")
    return table


def _markdown(layers: list[Layer], title: str) -> str:
    rows = [HEADER, ("---",) * len(HEADER), *(_cells(layer) for layer in layers)]
    return f"**{title}**\n\n" + "\n".join("|" + "|".join(row) + "|" for row in rows)
