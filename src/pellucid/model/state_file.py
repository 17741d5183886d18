"""Files of weights of anybody's, read for their tensors alone: runs, checkpoints, exports, state dicts.

Nothing in a file is executed, see ``tensor_pickle``.
"""

from __future__ import annotations

import importlib.util
import json
import pickle
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pellucid.errors import UserError, first_line
from pellucid.model.tensor_pickle import load_tensors
from pellucid.model.transfer import Preprocessing, by_channel
from pellucid.spec import Spec
from pellucid.system.files import check_stored, read_json

IN_FOLDER = ("checkpoints/best.ckpt", "checkpoints/last.ckpt", "model.safetensors", "pytorch_model.bin")
MODULE_PARTS = ("_parameters", "_buffers", "_modules")  # of a net that was pickled as a whole
# Parts of checkpoints that are not the net, though they may hold tensors of its names.
BESIDE = {"optimizer", "optimizer_states", "callbacks", "loops", "hyper_parameters"}
BESIDE |= {"datamodule_hyper_parameters", "lr_schedulers"}
# Of an exported net.
FACTS = ("image_shape", "classes", "mean", "std", "statistics", "resample", "crop", "fit_mode")
MAX_DEPTH = 32  # of containers in one another
# Of torch.export's files: the numbers of its schema, which it does not change.
DTYPES = {4: torch.int32, 5: torch.int64, 6: torch.float16, 7: torch.float32, 8: torch.float64}
DTYPES |= {1: torch.uint8, 12: torch.bool, 13: torch.bfloat16}


@dataclass(frozen=True)
class StateFile:
    """The tensors of a file by dotted name, and the spec of the data that ours were trained on, if it says.

    ``given``: the option that named it, ``weights=<path>``, for messages.
    """

    path: Path
    given: str
    tensors: Mapping[str, Tensor] = field(repr=False)
    spec: Spec | None = None

    @classmethod
    def read(cls, source: str | Path, option: str = "weights") -> StateFile:
        """The file, or that of a run's or a net's folder. Raises UserError for one that cannot be read."""
        given, path = f"{option}={source}", Path(source).expanduser()
        if path.is_dir():
            path = _file_of_folder(path, given)
        _check_kind(path, given)
        try:
            content, spec = _content(path, given)
            tensors = dict(_named_tensors(content))
        except UserError:
            raise
        except Exception as error:  # torch raises many kinds for a file that is not its own
            reason = first_line(error).partition(". ")[0].rstrip(".")
            raise UserError(
                f"{given}: damaged, or not a file of tensors, so it was not read; nothing in it was executed "
                f"({reason}). Save it by torch.save(net.state_dict(), path)."
            ) from error
        if not tensors:
            raise UserError(
                f"{given}: expected tensors by name, found none. Save them by "
                "torch.save(net.state_dict(), path)."
            )
        return cls(path, given, tensors, spec or _spec_beside(path))


def preprocessing_of(file: StateFile | None, channels: int) -> Preprocessing | None:
    """How images were prepared that a file's weights were made of; None where it does not say, or they have
    other channels, but for grey and colour.
    """
    spec = file.spec if file else None
    before = spec.image_shape[0] if spec else 0
    if spec is None or len(spec.mean) != before or (before != channels and {before, channels} != {1, 3}):
        return None
    source = "those that the net's weights were trained on"
    mean, std = (by_channel(values, channels) for values in (spec.mean, spec.std))
    return Preprocessing(mean, std, spec.image_shape[1], spec.resample, spec.crop, source)


def _file_of_folder(folder: Path, given: str) -> Path:
    for name in IN_FOLDER:
        if (folder / name).is_file():
            return folder / name
    raise UserError(
        f"{given}: this folder has no weights. Expected the folder of a run, with "
        f"{' or '.join(IN_FOLDER[:2])}, one with {' or '.join(IN_FOLDER[2:])}, or a file."
    )


def _check_kind(path: Path, given: str) -> None:
    """Raise UserError for what holds no weights that could be read, by what it is on disk."""
    if not path.is_file():
        raise UserError(
            f"{given}: there is no such file or folder. Expected a run folder, a checkpoint or a state dict "
            "(torch.save(net.state_dict(), path))."
        )
    if path.stat().st_size == 0:
        raise UserError(f"{given}: the file is empty (0 bytes). Copy it again.")
    for suffix, kind in ((".onnx", "an ONNX model"), (".torchscript", "a TorchScript program")):
        if path.suffix == suffix:
            raise UserError(
                f"{given}: {kind}, whose weights have no names of a net. Give the run or the checkpoint that "
                "it was exported from, or export that by format=state_dict."
            )


def _content(path: Path, given: str) -> tuple[Any, Spec | None]:
    """The file's content, of containers and tensors, and what it says of its data."""
    if path.suffix == ".safetensors":
        return _safetensors(path, given)
    if not zipfile.is_zipfile(path):  # the older kind of torch, or no file of its own
        return _of_older_kind(path), None
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if any(name.rpartition("/")[2].lower() == "constants.pkl" for name in names):
            raise ValueError("it is a TorchScript program")
        check_stored(path)
        if found := [name for name in names if name.endswith("model_weights_config.json")]:
            return _exported_program(archive, found[0]), None
        if "serialized_state_dict.pt" in names:  # of torch.export up to torch 2.7
            with archive.open("serialized_state_dict.pt") as file:
                return torch.load(file, map_location="cpu", weights_only=True), None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:  # objects of other classes are in it; its tensors can be had all the same
        content = load_tensors(path)
    return content, _spec_within(content)


def _of_older_kind(path: Path) -> Any:
    with path.open("rb") as file:
        start = file.read(2)
    if start == b"PK":
        raise ValueError("the end of the file is missing")
    if start[:1] != pickle.PROTO:
        raise ValueError("it does not begin as a file of torch.save does")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other protocols of pickle, which torch then refuses or reads
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError("it holds objects that are no tensors, in the older kind of file") from error


def _safetensors(path: Path, given: str) -> tuple[dict[str, Tensor], Spec | None]:
    if importlib.util.find_spec("safetensors") is None:
        raise UserError(
            f"{given}: this needs the package safetensors, which is not installed. Install it by "
            "pip install 'pellucid[export]'."
        )
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        about = (file.metadata() or {}).get("about", "null")
        return {name: file.get_tensor(name) for name in file.keys()}, _spec_of(json.loads(about))  # noqa: SIM118


def _exported_program(archive: zipfile.ZipFile, config: str) -> dict[str, Tensor]:
    """The weights of a file of ``torch.export.save``. Its program is not built, as that would evaluate it."""
    folder = config.rpartition("/")[0]
    tensors = {}
    for name, entry in json.loads(archive.read(config))["config"].items():
        about = entry["tensor_meta"]
        dtype = DTYPES.get(about["dtype"])
        if entry["use_pickle"] or dtype is None:
            continue
        content = torch.frombuffer(bytearray(archive.read(f"{folder}/{entry['path_name']}")), dtype=dtype)
        sizes, strides = ([size["as_int"] for size in about[key]] for key in ("sizes", "strides"))
        tensors[name] = content.as_strided(sizes, strides, about["storage_offset"]["as_int"])
    return tensors


def _named_tensors(content: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    """All tensors within mappings, by dotted name; without what compilation puts into names."""
    if isinstance(content, Tensor):
        if prefix:
            yield prefix.rstrip(".").replace("_orig_mod.", ""), content
    elif isinstance(content, Mapping) and depth < MAX_DEPTH:
        for key, value in content.items():
            if not (depth == 0 and key in BESIDE):
                name = "" if key in MODULE_PARTS else f"{key}."
                yield from _named_tensors(value, prefix + name, depth + 1)


def _spec_within(content: Any) -> Spec | None:
    """That of a checkpoint of ours, or of an export of the first versions."""
    if not isinstance(content, Mapping):
        return None
    ours = content.get("pellucid")
    spec = ours.get("spec") if isinstance(ours, Mapping) else None
    return _spec_of(spec or content.get("about"))


def _spec_beside(path: Path) -> Spec | None:
    """That of an export of ours, in the JSON beside it."""
    try:
        return _spec_of(read_json(path.with_name(f"{path.name}.json")))
    except (OSError, ValueError):
        return None


def _spec_of(facts: Any) -> Spec | None:
    try:
        spec = Spec.from_dict({key: facts[key] for key in FACTS if key in facts})
        spec.check()
    except (TypeError, ValueError, AttributeError):
        return None
    return spec
