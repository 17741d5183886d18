"""Exported program of torch, by ``torch.export`` or as TorchScript: it runs without the net's code."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pellucid.commands.export.exported import Computed, json_of
from pellucid.commands.export.onnx_file import Graph, example_of, exported_program, quiet, traced
from pellucid.commands.export.onnx_session import reason
from pellucid.commands.export.usage import (
    PROGRAM,
    TORCH_PROGRAM,
    facts_of_graph,
    use_of_program,
)
from pellucid.commands.export.verify import Agreement
from pellucid.engine.loaded_run import LoadedRun
from pellucid.errors import UserError


class Program(Computed):
    """Program of torch for batches of any size, with its facts as JSON and a program that asks it."""

    kind = "program"

    def __init__(
        self, run: LoadedRun, path: Path, *, format: str, inside: bool, temperature: float | None = None
    ) -> None:
        super().__init__(run, temperature)
        self.path, self.format = path, format
        self.graph = self.graph_of(inside=inside)
        self.by = f"torch {torch.__version__}, from the file"
        self.use = use_of_program(str(path), self.graph, run.spec)
        try:
            with quiet(), torch.no_grad():
                self.content = _scripted(self.graph) if self._is_script else _exported(self.graph)
                self.program = self._loaded()
        except Exception as error:  # whatever the net's own code raises, among others
            raise self._refused(reason(error)) from error
        self.load_predictor()

    @property
    def _is_script(self) -> bool:
        return self.format == "torchscript"

    def _refused(self, why: str) -> UserError:
        other = "torch_export" if self._is_script else "torchscript"
        return UserError(
            f"{self.graph.name} cannot be exported by format={self.format}: {why}. format={other} may do, "
            "format=state_dict works."
        )

    def _loaded(self) -> Any:
        content = io.BytesIO(self.content)
        if self._is_script:
            return torch.jit.load(content)  # type: ignore[no-untyped-call]
        return torch.export.load(content).module()

    @torch.no_grad()
    def outputs(self, pixels_BCHW: Tensor) -> Sequence[Tensor]:
        images_BCHW = pixels_BCHW if self.graph.inside else self.predictor.inputs(pixels_BCHW)
        try:
            outputs: Sequence[Tensor] = self.program(images_BCHW.cpu())
        except (RuntimeError, AssertionError) as error:
            raise self._refused(f"it fails on a batch of {len(images_BCHW)}: {reason(error)}") from error
        return outputs

    def contents(self, agreement: Agreement, images: str) -> dict[Path, bytes]:
        facts = {
            "file": self.path.name,
            **self.facts_of_run(),
            **facts_of_graph(self.graph, self.run.spec),
            "value_range": list(self.run.spec.values) or None,
            "checked": {"by": self.by, "on": images, **agreement.facts(self.graph.outputs)},
            "program": TORCH_PROGRAM,
            "use": use_of_program(self.path.name, self.graph, self.run.spec),
        }
        return {
            self.path: self.content,
            self.path.with_name(f"{self.path.name}.json"): json_of(facts),
            self.path.with_name(TORCH_PROGRAM): PROGRAM.read_bytes(),
        }


def _exported(graph: Graph) -> bytes:
    content = io.BytesIO()
    torch.export.save(exported_program(graph), content)
    return content.getvalue()


def _scripted(graph: Graph) -> bytes:
    content = io.BytesIO()
    trace = partial(torch.jit.trace, example_inputs=example_of(graph), check_trace=False)
    torch.jit.save(traced(graph, trace), content)
    return content.getvalue()
