"""Exported form of a net, with what verifies it; that of an ONNX model."""

from __future__ import annotations

import copy
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pellucid.commands.export.finish import finish_of
from pellucid.commands.export.onnx_file import Graph, to_onnx
from pellucid.commands.export.onnx_session import Session
from pellucid.commands.export.usage import (
    PROGRAM,
    facts_of_graph,
    facts_of_net,
    use_of_onnx,
)
from pellucid.commands.export.verify import Agreement
from pellucid.engine.loaded_run import LoadedRun
from pellucid.errors import UserError, encodable
from pellucid.task.classification import Classification


class Exported(ABC):
    """Exported form of a net: the files, and the outputs of both for the same pixels."""

    by: str  # what computes it, for messages
    use: Sequence[str]  # the lines of Python that load it

    def __init__(self, run: LoadedRun, temperature: float | None) -> None:
        self.run, self.temperature = run, temperature
        self.classifies = isinstance(run.task, Classification)
        self.last = finish_of(run.task, run.spec.classes, temperature)

    def graph_of(self, *, inside: bool) -> Graph:
        """The graph of a copy of the net, which stays on the CPU, to the last step of its task."""
        net = copy.deepcopy(self.run.net)
        return Graph(
            net=net,
            spec=self.run.spec,
            inside=inside,
            classifies=self.classifies,
            last=self.last,
            temperature=self.temperature,
        )

    def facts_of_run(self) -> dict[str, Any]:
        """Provenance and constants of the net and its task, in plain containers."""
        facts = facts_of_net(self.run, classifies=self.classifies, last=self.last)
        return facts if self.temperature is None else {**facts, "temperature": self.temperature}

    def load_predictor(self) -> None:
        """Put the net where it is to run, in float32 whatever the precision of its run was."""
        trainer = {**self.run.config["trainer"], "precision": "32-true"}
        single = replace(self.run, config={**self.run.config, "trainer": trainer})
        self.predictor = replace(single.predictor(), precision=_in_float32)

    @abstractmethod
    def outputs(self, pixels_BCHW: Tensor) -> Sequence[Tensor]:
        """All outputs of the file for uint8 pixels."""

    @abstractmethod
    def net_outputs(self, pixels_BCHW: Tensor) -> Sequence[Tensor]:
        """The same outputs by the net itself."""

    @abstractmethod
    def check(self, agreement: Agreement, images: str) -> None:
        """Raise UserError where the file is not the net."""

    @abstractmethod
    def contents(self, agreement: Agreement, images: str) -> dict[Path, bytes]:
        """What is written, by its paths."""


class Computed(Exported):
    """Exported form that computes what ``graph`` does: it may differ from its net by rounding alone."""

    kind: str  # for messages
    graph: Graph

    def net_outputs(self, pixels_BCHW: Tensor) -> Sequence[Tensor]:
        return self.graph.finish(self.predictor.run(self.predictor.inputs(pixels_BCHW)).cpu())

    def check(self, agreement: Agreement, images: str) -> None:
        if not agreement.holds:
            raise UserError(
                f"The {self.kind}, computed by {self.by}, differs from its net by "
                f"{max(agreement.differences):.2g} on {images}; up to {max(agreement.allowed):.2g} would be "
                "rounding. Nothing was written. format=state_dict works."
            )


class Onnx(Computed):
    """ONNX model, which needs nothing of this package, with its facts as JSON and a program that asks it."""

    kind = "ONNX model"

    def __init__(
        self,
        run: LoadedRun,
        path: Path,
        *,
        inside: bool,
        opset: int | None,
        temperature: float | None = None,
    ) -> None:
        super().__init__(run, temperature)
        self.path = path
        self.graph = self.graph_of(inside=inside)
        self.facts = {**self.facts_of_run(), **facts_of_graph(self.graph, run.spec)}
        self.content = to_onnx(self.graph, facts=self.facts, opset=opset)
        self.session = Session(self.content, self.graph.name)
        self.by = f"onnxruntime {self.session.version}"
        self.use = use_of_onnx(str(path), self.graph, run.spec)
        self.load_predictor()

    def outputs(self, pixels_BCHW: Tensor) -> Sequence[Tensor]:
        return self.session.run(pixels_BCHW if self.graph.inside else self.predictor.inputs(pixels_BCHW))

    def contents(self, agreement: Agreement, images: str) -> dict[Path, bytes]:
        checked = {"by": self.by, "on": images, **agreement.facts(self.graph.outputs)}
        value_range = list(self.run.spec.values) or None
        about = {"file": self.path.name, **self.facts, "value_range": value_range, "checked": checked}
        return {
            self.path: self.content,
            self.path.with_suffix(".json"): json_of({**about, "program": PROGRAM.name}),
            self.path.with_name(PROGRAM.name): PROGRAM.read_bytes(),
        }


def json_of(facts: Mapping[str, Any]) -> bytes:
    """Content of the JSON file beside an exported one."""
    return encodable(json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode()


def _in_float32() -> AbstractContextManager[Any]:
    """Without the shortened products that GPUs take for it."""
    flags: AbstractContextManager[Any] = torch.backends.cudnn.flags(
        enabled=True, deterministic=True, allow_tf32=False
    )
    return flags
