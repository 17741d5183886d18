"""A trained net as a file for other programs, compared with the net on real images before it is written."""

from __future__ import annotations

import copy
import io
import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from pellucid.commands.export.agreement import AT_ONCE, Agreement, choose, compare
from pellucid.commands.export.onnx_file import Graph, Session, check_packages, to_onnx
from pellucid.commands.export.recipe import (
    PROGRAM,
    facts_of_graph,
    facts_of_net,
    use_of_onnx,
    use_of_state_dict,
)
from pellucid.config.build import build, locate, parameters_of
from pellucid.config.command import PathText, Unless
from pellucid.data.pictures import check_folders, find_pictures
from pellucid.engine.build import ADDED
from pellucid.engine.loaded_run import LoadedRun, restore
from pellucid.errors import UserError, did_you_mean, encodable
from pellucid.system.files import write_atomically
from pellucid.task.classification import Classification

log = logging.getLogger(__name__)

FORMATS = {"onnx": ".onnx", "state_dict": ".pt"}
PREPROCESSING = ("inside", "beside")
SINGLE = ("32", "32-true")  # precisions of a run that computed as the file does


def export(
    run: PathText,
    *,
    format: Literal["onnx", "state_dict"] = "onnx",
    preprocessing: Annotated[
        Literal["inside", "beside"], Unless("format", "state_dict", "format=state_dict holds weights alone")
    ] = "inside",
    checkpoint: PathText = "best",
    images: PathText | None = None,
    opset: Annotated[
        int | None, Unless("format", "state_dict", "format=state_dict holds weights alone")
    ] = None,
    accelerator: str = "cpu",
    packages: Sequence[str] = (),
    out: PathText | None = None,
) -> Path:
    """Write a run's net as an ONNX model or as a plain state dict; the file's path.

    ``run``: a run folder or a checkpoint. ``preprocessing``: inside (the model takes uint8 pixels) or beside
    (it takes normalised images). ``images`` to compare on, in place of the run's test images: a file, a
    folder or a pattern. ``accelerator``: where the net computes what the file is compared with. Files go to
    ``export/`` of the run folder, or to ``out``. Raises UserError, and then nothing was written.
    """
    _check_options(format, preprocessing, opset)
    files = find_pictures(images) if images else []
    check_folders(files)
    trained = restore(run, checkpoint=checkpoint, accelerator=accelerator, packages=packages)
    folder = trained.place(out, "export")
    path = folder / f"{trained.checkpoint.stem}{FORMATS[format]}"
    made: _File
    if format == "onnx":
        made = _Onnx(trained, path, inside=preprocessing == "inside", opset=opset)
    else:
        made = _StateDict(trained, path)
    sample = choose(trained, files, str(images))
    found = compare(sample, made.given, made.expected, classifies=made.classifies)
    made.check(found, sample.told)
    _write(made.contents(found, sample.told))
    _tell(made, found, sample.told)
    return path


def _check_options(format: str, preprocessing: str, opset: int | None) -> None:
    options = {"format": (format, tuple(FORMATS)), "preprocessing": (preprocessing, PREPROCESSING)}
    for name, (value, known) in options.items():
        if value not in known:
            hint = did_you_mean(str(value), known)
            raise UserError(f"{name}={value}: expected {' or '.join(known)}.{hint}")
    if opset is not None and (not isinstance(opset, int) or isinstance(opset, bool)):
        raise UserError(f"opset={opset}: expected a whole number such as 20, or null for the exporter's own.")
    if format == "onnx":
        check_packages()


class _File(ABC):
    """A form of the net: what is written, and what answers as it and as the net do."""

    by: str  # what computes it, for what is told
    use: Sequence[str]  # the lines of Python that load it

    def __init__(self, trained: LoadedRun) -> None:
        self.trained = trained
        self.classifies = isinstance(trained.task, Classification)

    def place(self) -> None:
        """Put the net where it is to run, in float32 whatever the precision of its run was."""
        trainer = {**self.trained.config["trainer"], "precision": "32-true"}
        single = replace(self.trained, config={**self.trained.config, "trainer": trainer})
        self.predictor = replace(single.predictor(), precision=_in_float32)

    @abstractmethod
    def given(self, pixels_BCHW: Tensor) -> Sequence[Tensor]:
        """All that the file gives for uint8 pixels."""

    @abstractmethod
    def expected(self, pixels_BCHW: Tensor) -> Sequence[Tensor]:
        """The same by the net."""

    @abstractmethod
    def check(self, found: Agreement, on: str) -> None:
        """Raise UserError where the file is not the net."""

    @abstractmethod
    def contents(self, found: Agreement, on: str) -> dict[Path, bytes]:
        """What is written, by its paths."""


class _Onnx(_File):
    """A model that needs nothing of this package, and beside it what is to be known of it."""

    def __init__(self, trained: LoadedRun, path: Path, *, inside: bool, opset: int | None) -> None:
        super().__init__(trained)
        net = copy.deepcopy(trained.net)  # which stays on the CPU
        self.path = path
        self.graph = Graph(net=net, spec=trained.spec, inside=inside, classifies=self.classifies)
        self.facts = {**facts_of_net(trained), **facts_of_graph(self.graph, trained.spec)}
        self.content = to_onnx(self.graph, facts=self.facts, opset=opset)
        self.session = Session(self.content, self.graph.name)
        self.by = f"onnxruntime {self.session.version}"
        self.use = use_of_onnx(str(path), self.graph, trained.spec)
        self.place()

    def given(self, pixels_BCHW: Tensor) -> Sequence[Tensor]:
        return self.session.run(pixels_BCHW if self.graph.inside else self.predictor.inputs(pixels_BCHW))

    def expected(self, pixels_BCHW: Tensor) -> Sequence[Tensor]:
        return self.graph.finish(self.predictor.run(self.predictor.inputs(pixels_BCHW)).cpu())

    def check(self, found: Agreement, on: str) -> None:
        if not found.holds:
            raise UserError(
                f"The ONNX model, computed by {self.by}, differs from its net by "
                f"{max(found.differences):.2g} on {on}; up to {max(found.allowed):.2g} would be rounding. "
                "Nothing was written. format=state_dict works."
            )

    def contents(self, found: Agreement, on: str) -> dict[Path, bytes]:
        names = self.graph.outputs
        checked = {
            "by": self.by,
            "on": on,
            "largest_difference": dict(zip(names, found.differences, strict=True)),
            "largest_value": dict(zip(names, found.largest, strict=True)),
        }
        value_range = list(self.trained.spec.values) or None
        told = {"file": self.path.name, **self.facts, "value_range": value_range, "checked": checked}
        beside = json.dumps({**told, "program": PROGRAM.name}, indent=2, ensure_ascii=False) + "\n"
        return {
            self.path: self.content,
            self.path.with_suffix(".json"): encodable(beside).encode(),
            self.path.with_name(PROGRAM.name): PROGRAM.read_bytes(),
        }


class _StateDict(_File):
    """Weights, and all that a net is built with that takes them."""

    by = "a net built anew from it"

    def __init__(self, trained: LoadedRun, path: Path) -> None:
        super().__init__(trained)
        self.path = path
        self.target, arguments = _built_by(trained)
        self.use = use_of_state_dict(path, self.target)
        content = io.BytesIO()
        state = {name: _on_cpu(value) for name, value in trained.net.state_dict().items()}
        about = facts_of_net(trained)
        torch.save(
            {"state_dict": state, "target": self.target, "arguments": arguments, "about": about}, content
        )
        self.content = content.getvalue()
        self.place()
        self.fresh = _built_anew(self.content, trained).to(self.predictor.device)

    @torch.no_grad()
    def given(self, pixels_BCHW: Tensor) -> Sequence[Tensor]:
        with self.predictor.precision():
            return [self.fresh(self.predictor.inputs(pixels_BCHW)).cpu()]

    def expected(self, pixels_BCHW: Tensor) -> Sequence[Tensor]:
        return [self.predictor.run(self.predictor.inputs(pixels_BCHW)).cpu()]

    def check(self, found: Agreement, on: str) -> None:
        if found.differences != (0.0,):
            raise UserError(
                f"A {self.target} built anew with these weights differs from the run's net by "
                f"{max(found.differences):.2g} on {on}: it keeps something that its state dict does not "
                "hold. Nothing was written."
            )

    def contents(self, found: Agreement, on: str) -> dict[Path, bytes]:
        return {self.path: self.content}


def _built_by(trained: LoadedRun) -> tuple[str, dict[str, Any]]:
    """The net's class and every argument that it was restored with."""
    arguments = {**trained.config["model"]}
    target = str(arguments.pop("_target_"))
    if "weights" in arguments:
        arguments["weights"] = "none"  # those that it started from are not needed
    parameters = parameters_of(locate(target, "model", trained.config["packages"]))
    shape, classes = trained.spec.image_shape, len(trained.spec.classes)
    offered = {**ADDED, "image_shape": shape, "num_classes": classes}
    return target, {**{name: value for name, value in offered.items() if name in parameters}, **arguments}


def _built_anew(content: bytes, trained: LoadedRun) -> nn.Module:
    """The net of a file, from what is in it alone."""
    kept = torch.load(io.BytesIO(content), weights_only=True)
    node = {"_target_": kept["target"], **kept["arguments"]}
    fresh: nn.Module = build(node, "model", packages=trained.config["packages"])
    fresh.load_state_dict(kept["state_dict"])
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


def _write(contents: Mapping[Path, bytes]) -> None:
    for path, content in contents.items():
        try:
            write_atomically(path, content)
        except OSError as error:
            raise UserError(
                f"{path} could not be written ({error.strerror or error}). Make room on that disk, or choose "
                "another folder by out=<folder>."
            ) from error
        log.info("Written: %s (%s)", path, _size(len(content)))


def _tell(made: _File, found: Agreement, on: str) -> None:
    """How the file was checked, and how it is used."""
    same = "bitwise the same values"
    if any(found.differences):
        same = f"largest difference {found.differences[0]:.1e}, in values up to {found.largest[0]:.1f}"
        same += ", and the same class for each" if made.classifies and not found.other_class else ""
    log.info("Checked with %s on %s, in batches of 1, 3 and %d: %s.", made.by, on, AT_ONCE, same)
    if found.other_class:
        log.warning(
            "%d of %d images get another class: of two that are as likely as each other, up to rounding.",
            found.other_class,
            found.images,
        )
    precision = str(made.trained.config["trainer"].get("precision"))
    if precision not in SINGLE:
        log.info("The run computed in %s; the file is float32, and was compared in float32.", precision)
    log.info("To use it:\n%s", "\n".join(f"  {line}" for line in made.use))


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"
