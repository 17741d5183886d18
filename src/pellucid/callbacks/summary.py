"""At the start: the configuration as a tree, and the net's layers as a table, also in TensorBoard's text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from rich.table import Table
from rich.text import Text
from rich.tree import Tree
from torch import nn

from pellucid.errors import UserError
from pellucid.inside.summary import Layer, summarize
from pellucid.system.console import console, is_quiet


class Summary(Callback):
    """``depth``: how many levels of the net to show, from 1. ``config``: the run's, shown beside it."""

    def __init__(
        self,
        *,
        depth: int = 2,
        image_shape: tuple[int, int, int],
        config: Mapping[str, Any] | None = None,
    ) -> None:
        if depth < 1:
            raise UserError(f"callbacks.summary.depth={depth}: expected at least 1.")
        self.depth, self.image_shape, self.config = depth, image_shape, config

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        assert isinstance(pl_module.net, nn.Module)
        layers = summarize(pl_module.net, self.image_shape, self.depth)
        title = f"{type(pl_module.net).__name__} for images of " + _shape(self.image_shape)
        if not is_quiet():
            if self.config is not None:
                console.print(_rich_tree(self.config))
            console.print(summary_table(layers, title))
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_text("model/summary", _markdown(layers, title), 0)


LISTED = ("callbacks", "explainer", "logger")  # of these the names; the rest stands in .hydra/config.yaml
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


def summary_table(layers: list[Layer], title: str) -> Table:
    """Layers, and the whole net in the last row."""
    table = console.table(title, HEADER, left=("layer", "kind"))
    for layer in layers[:-1]:
        table.add_row(*_cells(layer))
    table.add_section()
    table.add_row(*_cells(layers[-1]), style="bold")
    return table


def _markdown(layers: list[Layer], title: str) -> str:
    rows = [HEADER, ("---",) * len(HEADER), *(_cells(layer) for layer in layers)]
    return f"**{title}**\n\n" + "\n".join("|" + "|".join(row) + "|" for row in rows)


def _rich_tree(config: Mapping[str, Any]) -> Tree:
    tree = Tree(Text("configuration", style="bold"))

    def grow(branch: Tree, node: Mapping[str, Any]) -> None:
        for key, value in node.items():
            if key in LISTED and value:
                branch.add(Text.assemble((key, "dim"), "  ", ", ".join(value)))
            elif isinstance(value, Mapping) and value:
                grow(branch.add(str(key)), value)
            elif key != "_partial_":
                branch.add(Text.assemble(("class" if key == "_target_" else key, "dim"), "  ", _shown(value)))

    grow(tree, config)
    return tree


def _shown(value: Any) -> str:
    return "none" if value in (None, {}, []) else str(value)
