"""Usage notes of an exported net: what it is and how it is asked, without this package.

``decode`` in ``data/photos.py`` and ``data/pictures.py`` read a file as is said here, and as the program
``onnx_predict.py`` does, which is copied beside the model, beside those of torch as ``torch_predict.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pellucid.commands.export.finish import Finish
from pellucid.commands.export.onnx_file import Graph
from pellucid.engine.loaded_run import LoadedRun
from pellucid.model.transfer import LibraryNet
from pellucid.run.folder import FORMAT
from pellucid.spec import CROP, PAD, SQUASH, Spec

PROGRAM = Path(__file__).with_name("onnx_predict.py")
TORCH_PROGRAM = "torch_predict.py"  # the same one beside a program of torch
OUTPUTS = {
    "logits": "float32 (batch, classes): scores before softmax",
    "confidence": "float32 (batch, classes): their softmax",
    "reconstruction": "float32, of the input's shape: the images drawn again, in [0, 1]",
}


def facts_of_net(trained: LoadedRun, *, classifies: bool, last: Finish | None = None) -> dict[str, Any]:
    """Provenance and constants of the net, in plain containers."""
    spec = trained.spec
    return {
        "pellucid_format": FORMAT,
        "run": "/".join(trained.folder.parts[-2:]),
        "checkpoint": trained.checkpoint.name,
        "epoch": trained.epoch,
        "task": last.task if last else "classification" if classifies else "reconstruction",
        "net": str(trained.config["model"]["_target_"]),
        "trained_in_precision": str(trained.config["trainer"].get("precision")),
        "classes": list(spec.classes),
        "image_shape": list(spec.image_shape),
        "mean": list(spec.mean),
        "std": list(spec.std),
        "statistics": spec.statistics,
        "resample": spec.resample,
        "crop": spec.crop,
        "fit_mode": spec.fit_mode,
        **(last.facts if last else {}),
    }


def facts_of_graph(graph: Graph, spec: Spec) -> dict[str, Any]:
    """Inputs and outputs of the model, and how an image file becomes its input."""
    shape = ", ".join(map(str, spec.image_shape))
    values = "uint8" if graph.inside else "float32"
    return {
        "preprocessing": "inside" if graph.inside else "beside",
        "input": f"{graph.input}: {values} (batch, {shape})",
        "input_range": "0 to 255" if graph.inside else "(value / 255 - mean) / std, value from 0 to 255",
        "outputs": outputs_of(graph),
        "reading": reading(spec, inside=graph.inside),
    }


def outputs_of(graph: Graph) -> dict[str, str]:
    """What each output is; of scores that are divided by a temperature, that they are."""
    named = dict(graph.last.outputs) if graph.last else {name: OUTPUTS[name] for name in graph.outputs}
    temperature = graph.temperature
    if temperature is None or "logits" not in named:
        return named
    return {**named, "logits": f"{named['logits']}, divided by the temperature {temperature:.6g}"}


def reading(spec: Spec, *, inside: bool) -> list[str]:
    """How an image file becomes the model's input, in steps."""
    channels = spec.image_shape[0]
    colours = {
        1: "grey = round(0.299 red + 0.587 green + 0.114 blue)",
        2: "grey and transparency of a photo",
        3: "RGB",
        4: "RGB and transparency of a photo",
    }
    colour = colours.get(channels, f"{channels}")
    values = (
        "uint8, the model normalises them" if inside else "float32, (value / 255 - mean) / std by channel"
    )
    return [
        "turn the image upright by its EXIF orientation",
        f"grey of more than 8 bits: {_range(spec)}; clipped, NaN the lowest, scaled to 0 to 255",
        "lay transparency on white; then RGB" if channels in (1, 3) else "keep transparency",
        _fitting(spec),
        f"channels: {colour}; of .npy those on the array's first or last axis, of a TIFF file "
        "of as many pages of grey a page each",
        f"axes: image, channel, row from the top, column; values: {values}",
    ]


def _fitting(spec: Spec) -> str:
    """How an image is brought to the size."""
    _, height, width = spec.image_shape
    size, how = f"{width} x {height} pixels", f"{spec.resample} with antialiasing"
    if spec.fit_mode == SQUASH:
        return f"resize it to {size}, without its proportions, {how} (Pillow: resize)"
    if spec.fit_mode == PAD:
        return f"resize it until it lies within {size}, {how}, at the centre of the mean colour"
    if spec.fit_mode == CROP:
        high, wide = round(height / spec.crop), round(width / spec.crop)
        covered = f"its shorter side has {high}" if high == wide else f"it covers {wide} x {high}"
        smaller = f"a smaller one as it is, enlarged where it has less than {size}"
        centre = f"crop the centre of {size} (torchvision: Resize, CenterCrop)"
        return f"resize it until {covered} pixels ({smaller}), {how}, and {centre}"
    return f"crop the {_part(spec)} at the centre and scale it to {size}, {how} (Pillow: ImageOps.fit)"


def _part(spec: Spec) -> str:
    _, height, width = spec.image_shape
    part = "square" if height == width else f"part of {width}:{height}"
    return f"largest {part}" if spec.crop == 1 else f"{part}, {spec.crop:g} of the largest,"


def _range(spec: Spec) -> str:
    if len(spec.values) > 2:
        return "of each channel two of value_range are black and white"
    if spec.values:
        return "{:g} is black, {:g} white".format(*spec.values)
    return "0 is black, white is 1 for floats, 4095 where a TIFF says 12 bits, else 65535"


def use_of_onnx(file: str, graph: Graph, spec: Spec) -> list[str]:
    """Lines of Python that load the model and ask it."""
    names = ", ".join(graph.outputs) + ("," if len(graph.outputs) == 1 else "")
    read = ["classes"] if graph.classifies else ["classes", "thresholds"] if "probability" in names else []
    lines = [
        "import json, onnxruntime" if read else "import onnxruntime",
        f"session = onnxruntime.InferenceSession({file!r})",
        f"{names} = session.run(None, {{{graph.input!r}: {graph.input}}})  # {_taken(graph, spec)}",
    ]
    lines += [f"{key} = json.loads(session.get_modelmeta().custom_metadata_map[{key!r}])" for key in read]
    return lines


def use_of_program(file: str, graph: Graph, spec: Spec) -> list[str]:
    """Lines of Python that load a program of torch and ask it."""
    load = "torch.jit.load({!r})" if file.endswith(".torchscript") else "torch.export.load({!r}).module()"
    names = ", ".join(graph.outputs) + ("," if len(graph.outputs) == 1 else "")
    return [
        "import torch",
        f"net = {load.format(file)}",
        f"{names} = net({graph.input})  # {_taken(graph, spec)}",
    ]


def _taken(graph: Graph, spec: Spec) -> str:
    """What the model takes; of one whose scores are divided, by what."""
    kind, shape = "uint8" if graph.inside else "float32", ", ".join(map(str, spec.image_shape))
    divided = "" if graph.temperature is None else f"; logits: divided by {graph.temperature:.6g}"
    return f"{kind} (batch, {shape}){divided}"


def use_of_temperature(temperature: float | None) -> list[str]:
    """The line of Python that makes calibrated scores of a net's own."""
    if temperature is None:
        return []
    return [f"scores = net(images) / {temperature!r}  # before softmax or sigmoid: calibrated"]


def use_of_library(file: Path, library: LibraryNet) -> list[str]:
    """Lines of Python that build the library's own net anew."""
    module, _, name = library.builder.rpartition(".")
    arguments = ", ".join(f"{key}={value!r}" for key, value in library.arguments.items())
    safe = file.suffix == ".safetensors"
    load = f"load_file({str(file)!r})" if safe else f"torch.load({str(file)!r}, weights_only=True)"
    return [
        f"import torch; from {module} import {name}",
        *(["from safetensors.torch import load_file"] if safe else []),
        f"net = {name}({arguments})",
        *(f"net.set_submodule({place!r}, torch.nn.{layer})" for place, layer in library.changes.items()),
        f"net.load_state_dict({load})",
        "net = net.eval()",
    ]
