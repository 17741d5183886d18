"""ONNX export of a net, with what belongs before and after it, as a file that needs nothing of this package.

Axes: B images, C channels, H × W pixels, K classes.
"""

from __future__ import annotations

import importlib.util
import io
import json
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from copy import deepcopy
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from pellucid.commands.export.finish import Finish
from pellucid.commands.export.onnx_session import reason, refused
from pellucid.errors import UserError, encodable
from pellucid.spec import Spec

NEEDED = ("onnx", "onnxscript", "onnxruntime")
T = TypeVar("T")
MAX_BYTES = 2_000_000_000  # of weights: a file of this format ends at 2 GiB


class Graph(nn.Module):
    """Net with its preprocessing and softmax, in float32.

    ``inside``: it takes uint8 pixels and normalises them; else it takes normalised images. A classifier gives
    logits and confidence, their softmax, both at ``temperature``; another net what it gives, or what ``last``
    makes of it.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        *,
        net: nn.Module,
        spec: Spec,
        inside: bool,
        classifies: bool,
        last: Finish | None = None,
        temperature: float | None = None,
    ) -> None:
        super().__init__()
        self.net, self.inside, self.classifies, self.last = net, inside, classifies, last
        self.image_shape, self.temperature = spec.image_shape, temperature
        mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (spec.mean, spec.std))
        self.register_buffer("scale", 1 / (255 * std))  # as Spec.normalise, to the bit
        self.register_buffer("shift", mean / std)
        self.eval()

    @property
    def name(self) -> str:
        return type(self.net).__name__

    @property
    def input(self) -> str:
        return "pixels" if self.inside else "images"

    @property
    def outputs(self) -> list[str]:
        if self.last is not None:
            return list(self.last.outputs)
        return ["logits", "confidence"] if self.classifies else ["reconstruction"]

    def forward(self, images_BCHW: Tensor) -> tuple[Tensor, ...]:
        if self.inside:
            images_BCHW = images_BCHW.float() * self.scale - self.shift
        return self.finish(self.net(images_BCHW))

    def finish(self, output: Tensor) -> tuple[Tensor, ...]:
        """All that is given, from what the net gives."""
        if self.last is not None:
            given: tuple[Tensor, ...] = self.last(output)
            return given
        if not self.classifies:
            return (output,)
        logits_BK = output if self.temperature is None else output / self.temperature
        return logits_BK, logits_BK.softmax(dim=1)


def check_packages(format: str) -> None:
    """Raise UserError where what ONNX needs is not installed."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"format={format} needs {', '.join(NEEDED)}; not installed: {', '.join(missing)}. "
            "Install them by pip install 'pellucid[export]', or use format=state_dict, which needs no more."
        )


def to_onnx(graph: Graph, *, facts: Mapping[str, Any], opset: int | None) -> bytes:
    """Content of the file: a checked model whose batches may have any size, with ``facts`` as its metadata.

    Texts are kept as they are, everything else as JSON. Raises UserError for a net that has no such form.
    """
    size = sum(value.nbytes for value in graph.state_dict().values() if isinstance(value, Tensor))
    if size > MAX_BYTES:
        raise refused(graph.name, f"its weights take {size / 1e9:.1f} GB, and one file holds 2 GB")
    model = _exported(graph, opset)
    describe(model, facts)
    return bytes(model.SerializeToString())


def _exported(graph: Graph, opset: int | None) -> Any:
    """By ``torch.export``, or by tracing, as the former of torch 2.6 fails on batch norm."""
    failure: Exception | None = None
    for export in (_export, _trace):
        try:
            with quiet(), torch.no_grad():
                return export(graph, opset)
        except Exception as error:  # whatever the net's own code raises, among others
            failure = failure or error
    assert failure is not None
    raise refused(graph.name, reason(failure)) from failure


def _export(graph: Graph, opset: int | None) -> Any:
    program = torch.onnx.export(
        graph,
        (example_of(graph),),
        dynamo=True,
        verbose=False,
        input_names=[graph.input],
        output_names=graph.outputs,
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        opset_version=opset,
    )
    assert program is not None
    return _checked(program.model_proto, opset)


def _trace(graph: Graph, opset: int | None) -> Any:
    import onnx

    content = io.BytesIO()
    export = partial(
        torch.onnx.export,
        args=(example_of(graph),),
        f=content,  # type: ignore[arg-type]
        dynamo=False,
        input_names=[graph.input],
        output_names=graph.outputs,
        dynamic_axes={name: {0: "batch"} for name in (graph.input, *graph.outputs)},
        opset_version=opset,
    )
    traced(graph, export)
    return _checked(onnx.load_from_string(content.getvalue()), opset)


def traced(graph: Graph, trace: Callable[[Graph], T]) -> T:
    """What ``trace`` gives of a copy, where it holds for all images: code may ask for sizes, not for values.

    Raises the tracer's doubt where it may not hold.
    """
    doubt = torch.jit.TracerWarning  # type: ignore[attr-defined]
    copy = deepcopy(graph)  # Swin of transformers keeps sizes of the trace, as tensors
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", doubt)
        content = trace(copy)
    doubts = [warning.message for warning in told if issubclass(warning.category, doubt)]
    if doubts:
        try:
            exported_program(graph)  # takes sizes for granted, but fails where values decide
        except Exception:
            raise RuntimeError(str(doubts[0])) from None
    return content


def exported_program(graph: Graph) -> torch.export.ExportedProgram:
    """The program that ``torch.export`` makes of the net, for batches of any size."""
    shapes = ({0: torch.export.Dim("batch")},)
    return torch.export.export(graph, (example_of(graph),), dynamic_shapes=shapes, strict=False)


def example_of(graph: Graph) -> Tensor:
    """A batch of images by which the net's operations are found."""
    dtype = torch.uint8 if graph.inside else torch.float32
    return torch.zeros(2, *graph.image_shape, dtype=dtype)  # 2: of one image the axis would be fixed


def _checked(model: Any, opset: int | None) -> Any:
    """The model. Raises the checker's error, or UserError for batches of one size only or another opset."""
    import onnx

    onnx.checker.check_model(model, full_check=True)
    if not model.graph.input[0].type.tensor_type.shape.dim[0].dim_param:
        raise UserError(
            "its code fixes the size of a batch, as len(images) or a number made of it does; images.shape[0] "
            "leaves it open"
        )
    (version,) = (entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if opset is not None and version != opset:
        raise UserError(
            f"torch {torch.__version__} and onnx {onnx.__version__} have no form of it in opset {opset}, but "
            f"in {version}"
        )
    return model


def describe(model: Any, facts: Mapping[str, Any]) -> None:
    """Put the facts in, and take out where the code lay on this machine."""
    graph = model.graph
    functions = (node for function in model.functions for node in function.node)
    for proto in (
        *graph.node,
        *graph.input,
        *graph.output,
        *graph.value_info,
        *graph.initializer,
        *functions,
    ):
        del proto.metadata_props[:]
        proto.doc_string = ""
    for key, value in facts.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        model.metadata_props.add(key=key, value=encodable(text))


@contextmanager
def quiet() -> Iterator[None]:
    """Without the exporters' remarks on themselves: warnings, logs, and what they print, C++ among it."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            _no_output(),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@contextmanager
def _no_output() -> Iterator[None]:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    copies = [os.dup(number) for number in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for number in (1, 2):
            os.dup2(nowhere, number)
        yield
    finally:
        for number, copied in zip((1, 2), copies, strict=True):
            os.dup2(copied, number)
            os.close(copied)
        os.close(nowhere)
