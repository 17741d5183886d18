"""The files that TensorBoard's projector reads: vectors, what is known of each point, and its picture."""

from __future__ import annotations

import io
import math
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pellucid.errors import encodable
from pellucid.system.files import write_atomically

COLUMNS = ("index", "file", "true", "predicted", "correct", "confidence")
MAX_POINTS = 5000  # what the page's own UMAP takes
MAX_PIXELS = 32  # of a thumbnail's side: the sprite stays far below a texture's 8192 px
SPRITE = "sprite.png"


def write_projector(
    folder: Path,
    *,
    name: str,
    vectors_ND: np.ndarray,
    columns: Mapping[str, Sequence[object]],
    thumbnails_NHWC: np.ndarray,
    same_as: Path | None,
) -> int:
    """One embedding as a TensorBoard run of its own in ``folder``; the bytes it takes on disk.

    ``vectors_ND`` are stored as float32, the very first with 16 of its 24 bits. ``columns`` (two or more)
    have N values each; blanks, tabs and line ends in them are replaced. ``thumbnails_NHWC`` are uint8 of 1 or
    3 channels, drawn on black squares of at most 32 pixels. ``same_as``: the folder of an earlier embedding
    of the same thumbnails, whose picture is linked. Raises ValueError for arrays that do not fit together,
    more than MAX_POINTS points, or vectors that are not finite.
    """
    with np.errstate(over="ignore"):  # told below
        vectors = np.asarray(vectors_ND, dtype="<f4")
    _check(name, vectors, columns, thumbnails_NHWC)
    side = min(max(thumbnails_NHWC.shape[1:3]), MAX_PIXELS)
    contents = {
        "tensors.bytes": _binary(vectors),
        "metadata.tsv": _metadata(columns),
        "projector_config.pbtxt": _config(name, vectors, side),
    }
    if same_as is None or not _link(same_as / SPRITE, folder / SPRITE):
        contents = {SPRITE: _sprite(thumbnails_NHWC, side), **contents}
    if not any(folder.glob("events.out.tfevents.*")):
        # Last of all: TensorBoard reads the configuration when it first sees the run, and never again.
        contents["events.out.tfevents.0.projector"] = _event_file()
    for file, content in contents.items():
        write_atomically(folder / file, content)
    return sum(len(content) for content in contents.values())


def _check(
    name: str, vectors: np.ndarray, columns: Mapping[str, Sequence[object]], thumbnails: np.ndarray
) -> None:
    if not name:
        raise ValueError("The embedding needs a name.")
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise ValueError(f"vectors: expected the shape (points, dimensions), got {vectors.shape}.")
    if len(vectors) > MAX_POINTS:
        raise ValueError(f"{len(vectors)} points are too many for the projector: give at most {MAX_POINTS}.")
    if not np.isfinite(vectors).all():
        raise ValueError("vectors: expected finite numbers within float32's range, got NaN or infinity.")
    if len(columns) < 2:
        raise ValueError("columns: expected 2 or more; TensorBoard takes a single one's header for a point.")
    if thumbnails.dtype != np.uint8 or thumbnails.ndim != 4 or thumbnails.shape[-1] not in (1, 3):
        raise ValueError(
            "thumbnails: expected uint8 of the shape (points, height, width, 1 or 3), "
            f"got {thumbnails.dtype} of {thumbnails.shape}."
        )
    lengths = {"thumbnails": len(thumbnails)} | {key: len(values) for key, values in columns.items()}
    for key, length in lengths.items():
        if length != len(vectors):
            raise ValueError(f"{key}: expected one for each of the {len(vectors)} points, got {length}.")


def _binary(vectors: np.ndarray) -> bytes:
    """TensorBoard takes a file for text unless it is no UTF-8, which no file with the byte 255 is.

    Without it one epoch of zeros would break the page for every run.
    """
    return b"\xff" + vectors.tobytes()[1:]


def _metadata(columns: Mapping[str, Sequence[object]]) -> bytes:
    rows = [columns, *zip(*columns.values(), strict=True)]
    text = "".join("\t".join(_cell(value) for value in row) + "\n" for row in rows)
    return encodable(text).encode()


def _cell(value: object) -> str:
    return " ".join(str(value).replace("\0", " ").split()) or "(blank)"


def _sprite(thumbnails_NHWC: np.ndarray, side: int) -> bytes:
    """Squares of ``side`` pixels in a square grid, row by row; what is left over is black."""
    count, height, width, channels = thumbnails_NHWC.shape
    longest = max(height, width)
    top, left = (longest - height) // 2, (longest - width) // 2
    across = math.ceil(math.sqrt(count))
    sheet = np.zeros((across, side, across, side, channels), dtype=np.uint8)
    square = np.zeros((longest, longest, channels), dtype=np.uint8)
    for index, thumbnail in enumerate(thumbnails_NHWC):
        square[top : top + height, left : left + width] = thumbnail
        picture = _picture(square).resize((side, side), Image.Resampling.BOX)
        sheet[index // across, :, index % across] = np.asarray(picture).reshape(side, side, channels)
    file = io.BytesIO()
    _picture(sheet.reshape(across * side, across * side, channels)).save(file, "PNG")
    return file.getvalue()


def _picture(pixels_HWC: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels_HWC[..., 0] if pixels_HWC.shape[-1] == 1 else pixels_HWC)


def _link(source: Path, target: Path) -> bool:
    """The same file under a second name, or a copy; False where there is no source."""
    if not source.is_file():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and target.samefile(source):
        return True
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    try:
        draft.hardlink_to(source)
    except OSError:  # a file system without hard links, or another one
        shutil.copyfile(source, draft)
    draft.replace(target)
    return True


def _config(name: str, vectors: np.ndarray, side: int) -> bytes:
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    config = ProjectorConfig()
    embedding = config.embeddings.add()
    embedding.tensor_name = encodable(name)
    embedding.tensor_path = "tensors.bytes"
    embedding.tensor_shape.extend(vectors.shape)
    embedding.metadata_path = "metadata.tsv"
    embedding.sprite.image_path = SPRITE
    embedding.sprite.single_image_dim.extend([side, side])
    text: str = text_format.MessageToString(config, as_utf8=True)
    return text.encode()


def _event_file() -> bytes:
    """An event file that says no more than its format: it makes the folder a run."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    file = io.BytesIO()
    RecordWriter(file).write(Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
    return file.getvalue()
