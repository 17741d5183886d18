"""Exported forms of a net: an ONNX model and a plain state dict, with what verifies each."""

from __future__ import annotations

import copy
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.commands.export.onnx_file import Graph, to_onnx
from pellucid.commands.export.onnx_session import Session
from pellucid.commands.export.usage import (
    PROGRAM,
    facts_of_graph,
    facts_of_net,
    use_of_onnx,
    use_of_state_dict,
)
from pellucid.commands.export.verify import Agreement
from pellucid.config.build import build, locate, taken
from pellucid.engine.build import come_back, options_since
from pellucid.engine.loaded_run import LoadedRun
from pellucid.errors import UserError, encodable
from pellucid.task.classification import Classification


class Exported(ABC):
    """Exported form of a net: the files, and the outputs of both for the same pixels."""

    by: str  # what computes it, for messages
    use: Sequence[str]  # the lines of Python that load it

    def __init__(self, run: LoadedRun) -> None:
        self.run = run
        self.classifies = isinstance(run.task, Classification)

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


class Onnx(Exported):
    """ONNX model, which needs nothing of this package, with its facts as JSON and a program that asks it."""

    def __init__(self, run: LoadedRun, path: Path, *, inside: bool, opset: int | None) -> None:
        super().__init__(run)
        net = copy.deepcopy(run.net)  # which stays on the CPU
        self.path = path
        self.graph = Graph(net=net, spec=run.spec, inside=inside, classifies=self.classifies)
        self.facts = {**facts_of_net(run, classifies=self.classifies), **facts_of_graph(self.graph, run.spec)}
        self.content = to_onnx(self.graph, facts=self.facts, opset=opset)
        self.session = Session(self.content, self.graph.name)
        self.by = f"onnxruntime {self.session.version}"
        self.use = use_of_onnx(str(path), self.graph, run.spec)
        self.load_predictor()

    def outputs(self, pixels_BCHW: Tensor) -> Sequence[Tensor]:
        return self.session.run(pixels_BCHW if self.graph.inside else self.predictor.inputs(pixels_BCHW))

    def net_outputs(self, pixels_BCHW: Tensor) -> Sequence[Tensor]:
        return self.graph.finish(self.predictor.run(self.predictor.inputs(pixels_BCHW)).cpu())

    def check(self, agreement: Agreement, images: str) -> None:
        if not agreement.holds:
            raise UserError(
                f"The ONNX model, computed by {self.by}, differs from its net by "
                f"{max(agreement.differences):.2g} on {images}; up to {max(agreement.allowed):.2g} would be "
                "rounding. Nothing was written. format=state_dict works."
            )

    def contents(self, agreement: Agreement, images: str) -> dict[Path, bytes]:
        names = self.graph.outputs
        checked = {
            "by": self.by,
            "on": images,
            "largest_difference": dict(zip(names, agreement.differences, strict=True)),
            "largest_value": dict(zip(names, agreement.largest, strict=True)),
        }
        value_range = list(self.run.spec.values) or None
        about = {"file": self.path.name, **self.facts, "value_range": value_range, "checked": checked}
        beside = json.dumps({**about, "program": PROGRAM.name}, indent=2, ensure_ascii=False) + "\n"
        return {
            self.path: self.content,
            self.path.with_suffix(".json"): encodable(beside).encode(),
            self.path.with_name(PROGRAM.name): PROGRAM.read_bytes(),
        }


class StateDict(Exported):
    """State dict, with the class and arguments of the net that takes it."""

    by = "a net built anew from it"

    def __init__(self, run: LoadedRun, path: Path) -> None:
        super().__init__(run)
        self.path = path
        self.target, arguments = _built_by(run)
        self.use = use_of_state_dict(path, self.target)
        content = io.BytesIO()
        state = {name: _on_cpu(value) for name, value in run.net.state_dict().items()}
        about = facts_of_net(run, classifies=self.classifies)
        torch.save(
            {"state_dict": state, "target": self.target, "arguments": arguments, "about": about}, content
        )
        self.content = content.getvalue()
        self.load_predictor()
        self.fresh = _built_anew(self.content, run).to(self.predictor.device)

    @torch.no_grad()
    def outputs(self, pixels_BCHW: Tensor) -> Sequence[Tensor]:
        with self.predictor.precision():
            output = self.fresh(self.predictor.inputs(pixels_BCHW))
            return [self.run.task.read(output).cpu()]

    def net_outputs(self, pixels_BCHW: Tensor) -> Sequence[Tensor]:
        return [self.predictor.run(self.predictor.inputs(pixels_BCHW)).cpu()]

    def check(self, agreement: Agreement, images: str) -> None:
        if agreement.differences != (0.0,):
            raise UserError(
                f"A {self.target} built anew with these weights differs from the run's net by "
                f"{max(agreement.differences):.2g} on {images}: it keeps something that its state dict does "
                "not hold. Nothing was written."
            )

    def contents(self, agreement: Agreement, images: str) -> dict[Path, bytes]:
        return {self.path: self.content}


def _built_by(run: LoadedRun) -> tuple[str, dict[str, Any]]:
    """The net's class or function and every argument that it was restored with."""
    packages = run.config["packages"]
    arguments = {**come_back(run.config)["model"]}
    target = str(arguments.pop("_target_"))
    shape, classes = run.spec.image_shape, len(run.spec.classes)
    since = options_since(run.config["model"], "model", packages)
    offered = {**since, "image_shape": shape, "num_classes": classes}
    return target, {**taken(locate(target, "model", packages), offered), **arguments}


def _built_anew(content: bytes, run: LoadedRun) -> nn.Module:
    """The net of a file, from what is in it alone."""
    saved = torch.load(io.BytesIO(content), weights_only=True)
    node = {"_target_": saved["target"], **saved["arguments"]}
    fresh: nn.Module = build(node, "model", packages=run.config["packages"])
    fresh.load_state_dict(saved["state_dict"])
    return fresh.eval()


def _on_cpu(value: Any) -> Any:
    """A tensor; the extra state of a module may be anything plain, and stays as it is."""
    return value.cpu() if isinstance(value, Tensor) else value


def _in_float32() -> AbstractContextManager[Any]:
    """Without the shortened products that GPUs take for it."""
    flags: AbstractContextManager[Any] = torch.backends.cudnn.flags(
        enabled=True, deterministic=True, allow_tf32=False
    )
    return flags
