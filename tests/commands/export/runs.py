"""The command export on small runs, and graphs to export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.commands.export.export import export
from pellucid.commands.export.onnx_file import Graph
from pellucid.spec import Spec


def run_export(run: Path, **given: Any) -> Path:
    options = {"format": "onnx", "preprocessing": "inside", "checkpoint": "best", "images": None}
    return export(str(run), **{**options, "opset": None, "accelerator": "cpu", "out": None, **given})


def graph_of(net: nn.Module, shape: tuple[int, int, int], *, inside: bool = True) -> Graph:
    spec = Spec(
        shape, tuple("0123456789"), (0.4, 0.5, 0.6)[: shape[0]], (0.2, 0.3, 0.25)[: shape[0]], "a test"
    )
    return Graph(net=net, spec=spec, inside=inside, classifies=True)


def random_pixels(count: int, *shape: int) -> Tensor:
    return torch.randint(0, 256, (count, *shape), generator=torch.manual_seed(0), dtype=torch.uint8)


def failing(graph: Graph, opset: int | None) -> None:
    raise RuntimeError("no batch norm")
