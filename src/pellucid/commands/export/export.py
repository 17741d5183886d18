"""A trained net as a file for other programs, compared with the net on real images before it is written."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pellucid.commands.export import onnx_file, state_dict
from pellucid.commands.export.exported import Exported, Onnx
from pellucid.commands.export.program import Program
from pellucid.commands.export.quantized import Quantized
from pellucid.commands.export.state_dict import StateDict
from pellucid.commands.export.verify import BATCH_SIZE, Agreement, choose_sample, verify
from pellucid.config.command import PathText, Unless
from pellucid.data.pictures import check_folders, find_pictures
from pellucid.engine.loaded_run import restore
from pellucid.errors import UserError, did_you_mean
from pellucid.system.files import write_atomically

log = logging.getLogger(__name__)

FORMATS = {  # what is behind the checkpoint's name
    "onnx": ".onnx",
    "onnx_int8": "_int8.onnx",
    "state_dict": ".pt",
    "safetensors": ".safetensors",
    "torch_export": ".pt2",
    "torchscript": ".torchscript",
}
PREPROCESSING = ("inside", "beside")
SINGLE = ("32", "32-true")  # precisions of a run that computed as the file does


def export(
    run: PathText,
    *,
    format: Literal["onnx", "onnx_int8", "state_dict", "safetensors", "torch_export", "torchscript"] = "onnx",
    preprocessing: Annotated[
        Literal["inside", "beside"],
        Unless("format", "state_dict", "format=state_dict holds weights alone"),
        Unless("format", "safetensors", "format=safetensors holds weights alone"),
    ] = "inside",
    checkpoint: PathText = "best",
    calibrate: bool = True,
    images: PathText | None = None,
    opset: Annotated[
        int | None,
        Unless("format", "state_dict", "format=state_dict holds weights alone"),
        Unless("format", "safetensors", "format=safetensors holds weights alone"),
        Unless("format", "torch_export", "it is of ONNX"),
        Unless("format", "torchscript", "it is of ONNX"),
    ] = None,
    accelerator: str = "cpu",
    packages: Sequence[str] = (),
    out: PathText | None = None,
) -> Path:
    """A run's net as a file for other programs, written once it is verified; the file's path.

    ``format``: ``onnx``; ``onnx_int8``, quantized to 8 bits, with the accuracy that costs; ``state_dict`` or
    ``safetensors``, weights by the names of the net's library; ``torch_export`` or ``torchscript``, programs
    of torch. ``run``: a run folder or a checkpoint. ``preprocessing``: inside (the model takes uint8 pixels)
    or beside (it takes normalised images). ``calibrate``: models and programs divide their scores by the
    temperature that is kept with the run, if one is; beside weights it is written. ``images`` to compare on,
    in place of the run's test images: a file, a folder or a pattern. ``accelerator``: where the net computes
    what the file is compared with. Files go to ``export/`` of the run folder, or to ``out``. Raises
    UserError, and then nothing was written.
    """
    _check_options(format, preprocessing, opset)
    files = find_pictures(images) if images else []
    check_folders(files)
    trained = restore(run, checkpoint=checkpoint, accelerator=accelerator, packages=packages)
    folder = trained.output_folder(out, "export")
    path = folder / f"{trained.checkpoint.stem}{FORMATS[format]}"
    inside = preprocessing == "inside"
    temperature = trained.temperature() if calibrate else None
    given = {"temperature": None if temperature is None else temperature.temperature}
    exported: Exported
    if format in ("onnx", "onnx_int8"):
        exported = (Onnx if format == "onnx" else Quantized)(
            trained, path, inside=inside, opset=opset, **given
        )
    elif format in ("state_dict", "safetensors"):
        exported = StateDict(trained, path, **given)
    else:
        exported = Program(trained, path, format=format, inside=inside, **given)
    sample = choose_sample(trained, files, str(images))
    agreement = verify(sample, exported.outputs, exported.net_outputs, classifies=exported.classifies)
    exported.check(agreement, sample.description)
    _write(exported.contents(agreement, sample.description))
    _log(exported, agreement, sample.description)
    return path


def _check_options(format: str, preprocessing: str, opset: int | None) -> None:
    options = {"format": (format, tuple(FORMATS)), "preprocessing": (preprocessing, PREPROCESSING)}
    for name, (value, choices) in options.items():
        if value not in choices:
            hint = did_you_mean(str(value), choices)
            raise UserError(f"{name}={value}: expected {', '.join(choices[:-1])} or {choices[-1]}.{hint}")
    if opset is not None and (not isinstance(opset, int) or isinstance(opset, bool)):
        raise UserError(f"opset={opset}: expected a whole number such as 20, or null for the exporter's own.")
    if format in ("onnx", "onnx_int8"):
        onnx_file.check_packages(format)
    state_dict.check_packages(format)


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


def _log(exported: Exported, agreement: Agreement, images: str) -> None:
    """How the file was verified, and how it is used."""
    same = "bitwise the same values"
    if any(agreement.differences):
        difference, largest = agreement.differences[0], agreement.largest[0]
        same = f"largest difference {difference:.1e}, in values up to {largest:.3g}"
        same += ", and the same class for each" if exported.classifies and not agreement.other_class else ""
    log.info("Checked with %s on %s, in batches of 1, 3 and %d: %s.", exported.by, images, BATCH_SIZE, same)
    if isinstance(exported, Quantized):
        log.log(logging.WARNING if exported.is_worse else logging.INFO, exported.told)
    elif agreement.other_class:
        log.warning(
            "%d of %d images get another class: of two that are as likely as each other, up to rounding.",
            agreement.other_class,
            agreement.images,
        )
    precision = str(exported.run.config["trainer"].get("precision"))
    if precision not in SINGLE:
        log.info("The run computed in %s; the file is float32, and was compared in float32.", precision)
    log.info(
        "\n".join(["To use it:", *(f"  {line}" for line in exported.use)])
    )  # an argument would be one line


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"
