"""Predictions of an exported model for image files: ``python onnx_predict.py best.onnx photo.jpg …``.

It needs numpy and Pillow; for ONNX onnxruntime, for a program of torch (``best.pt2``, ``best.torchscript``)
torch. How the model takes images stands in the JSON file beside it, which was exported with it. Of each file
a line: class and confidence; labels with their probabilities; numbers; of an autoencoder the mean squared
error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

Turn = Image.Transpose
UPRIGHT = {  # by the EXIF orientation
    2: Turn.FLIP_LEFT_RIGHT,
    3: Turn.ROTATE_180,
    4: Turn.FLIP_TOP_BOTTOM,
    5: Turn.TRANSPOSE,
    6: Turn.ROTATE_270,
    7: Turn.TRANSVERSE,
    8: Turn.ROTATE_90,
}
ORIENTATION, BITS = 0x0112, 258  # tags
MAX_ASPECT = 3  # of a photo to the part that the net sees; beyond it the middle is kept


def read(file: str, facts: dict[str, Any]) -> np.ndarray:
    """The image upright, cropped and scaled, uint8 (1, channels, height, width)."""
    channels = facts["image_shape"][0]
    if file.lower().endswith(".npy"):
        return _stacked(_planes(np.load(file, allow_pickle=False), channels), facts)
    with Image.open(file) as opened:
        pages = getattr(opened, "n_frames", 1) if opened.format == "TIFF" else 1
        if channels > 1 and pages == channels and opened.mode[0] in "1LIF":
            return _stacked([_page(opened, page) for page in range(pages)], facts)
        high, wide = _covered(facts)
        opened.draft("RGB", (2 * wide, 2 * high))  # JPEGs: decoded at the nearest scale above
        limits = _limits(opened)
        turn = UPRIGHT.get(opened.getexif().get(ORIENTATION, 1))
        image = opened.copy() if turn is None else opened.transpose(turn)
    if image.mode[0] in "IF":
        image = _eight_bits(np.asarray(image), 0, facts, limits)
    image = image.convert("RGBA")
    if channels in (1, 3):
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    pixels: np.ndarray = np.asarray(_resized(image, facts).convert("LA" if channels == 2 else image.mode))
    pixels = pixels.transpose(2, 0, 1)
    if channels == 1:
        pixels = np.tensordot(np.array([0.299, 0.587, 0.114]), pixels, 1).round()[None]
    if len(pixels) != channels:
        raise ValueError(f"{file}: {len(pixels)} channels, expected {channels}")
    return _cut(pixels.astype("uint8"), facts)[None]


def _planes(array: np.ndarray, channels: int) -> np.ndarray:
    """An array (H, W), (H, W, C) or (C, H, W) as (C, H, W)."""
    if array.ndim == 2:
        return np.repeat(array[None], channels, axis=0) if channels in (1, 3) else array[None]
    fits = [axis for axis in (0, 2) if array.shape[axis] == channels]
    return np.moveaxis(array, fits[0] if len(fits) == 1 or array.shape[0] < array.shape[2] else fits[-1], 0)


def _page(image: Image.Image, page: int) -> np.ndarray:
    image.seek(page)
    return np.asarray(image if image.mode[0] in "IF" else image.convert("L"))


def _stacked(planes: Sequence[np.ndarray] | np.ndarray, facts: dict[str, Any]) -> np.ndarray:
    """The channels, each as grey, cropped and scaled."""
    images = [_eight_bits(plane, channel, facts, None) for channel, plane in enumerate(planes)]
    return _cut(np.stack([np.asarray(_resized(image, facts)) for image in images]), facts)[None]


def _eight_bits(
    plane: np.ndarray, channel: int, facts: dict[str, Any], limits: tuple[int, int] | None
) -> Image.Image:
    """A channel as grey of 8 bits: black and white are those of ``value_range``, else of its type."""
    if plane.dtype in ("uint8", "bool"):
        return Image.fromarray(plane.astype("uint8") * (255 if plane.dtype == "bool" else 1))
    ranges = facts["value_range"] or limits or (0, 1 if plane.dtype.kind == "f" else 65535)
    low, high = ranges[2 * channel :][:2] if len(ranges) > 2 else ranges
    grey = np.nan_to_num(plane.astype("float64"), nan=low).clip(low, high)
    return Image.fromarray(((grey - low) * 255 / (high - low)).astype("uint8"))


def _covered(facts: dict[str, Any]) -> tuple[int, int]:
    """The height and width of which the net sees the centre."""
    _, height, width = facts["image_shape"]
    return round(height / facts.get("crop", 1)), round(width / facts.get("crop", 1))


def _resized(image: Image.Image, facts: dict[str, Any]) -> Image.Image:
    """The image at the size that ``_cut`` brings to the net's."""
    _, height, width = facts["image_shape"]
    resample = Image.Resampling[facts.get("resample", "bilinear").upper()]
    mode = facts.get("fit_mode", "centre")
    if mode == "centre":
        return ImageOps.fit(image, (width, height), resample, (1 - facts.get("crop", 1)) / 2)
    if mode == "squash":
        return image.resize((width, height), resample)
    if mode == "pad":
        scale = min(height / image.height, width / image.width)
        wide, high = (max(1, round(scale * side)) for side in image.size)
        return image.resize((min(width, wide), min(height, high)), resample)
    high, wide = _covered(facts)
    scale = min(image.height / height, image.width / width)
    if scale * height < high or scale * width < wide:  # it is not enlarged to be cut
        high, wide = round(height * max(1.0, scale)), round(width * max(1.0, scale))
    left = above = 0.0
    if high * image.width >= wide * image.height:
        size = high * image.width // image.height
        if size > MAX_ASPECT * wide:
            left = (image.width - MAX_ASPECT * wide * image.height / high) / 2
        wide = min(size, MAX_ASPECT * wide)
    else:
        size = wide * image.height // image.width
        if size > MAX_ASPECT * high:
            above = (image.height - MAX_ASPECT * high * image.width / wide) / 2
        high = min(size, MAX_ASPECT * high)
    return image.resize((wide, high), resample, (left, above, image.width - left, image.height - above))


def _cut(pixels: np.ndarray, facts: dict[str, Any]) -> np.ndarray:
    """The centre of (channels, height, width), or all of it on the mean colour."""
    _, height, width = facts["image_shape"]
    _, high, wide = pixels.shape
    if facts.get("fit_mode") == "crop":
        above, left = round((high - height) / 2), round((wide - width) / 2)
        return pixels[:, above : above + height, left : left + width]
    if facts.get("fit_mode") == "pad":
        above, left = (height - high) // 2, (width - wide) // 2
        ground = np.empty((len(pixels), height, width), "uint8")
        ground[:] = np.array([round(255 * value) for value in facts["mean"]])[:, None, None]
        ground[:, above : above + high, left : left + wide] = pixels
        return ground
    return pixels


def _limits(image: Image.Image) -> tuple[int, int]:
    if image.mode == "F":
        return 0, 1
    return 0, 4095 if getattr(image, "tag_v2", {}).get(BITS) == (12,) else 65535


def load(model: str, names: list[str]) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """What the model gives for its input, by the names of its outputs."""
    if model.endswith(".onnx"):
        import onnxruntime

        session = onnxruntime.InferenceSession(model)
        (taken,) = session.get_inputs()
        return lambda images: dict(zip(names, session.run(names, {taken.name: images}), strict=True))
    import torch

    library: Any = torch
    is_script = model.endswith(".torchscript")
    net = library.jit.load(model) if is_script else library.export.load(model).module()

    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        with torch.no_grad():
            outputs = net(torch.from_numpy(images))
        return {name: output.numpy() for name, output in zip(names, outputs, strict=True)}

    return run


def prepare(pixels: np.ndarray, facts: dict[str, Any]) -> np.ndarray:
    """The model's input of uint8 pixels."""
    if facts["preprocessing"] == "inside":
        return pixels
    mean, std = np.array([facts["mean"], facts["std"]])[:, :, None, None]
    images: np.ndarray = ((pixels / 255 - mean) / std).astype("float32")
    return images


def main(model: str, files: list[str]) -> None:
    beside = Path(model).with_suffix(".json") if model.endswith(".onnx") else Path(f"{model}.json")
    facts = json.loads(beside.read_text(encoding="utf-8"))
    predict = load(model, list(facts["outputs"]))
    for file in files:
        pixels = read(file, facts)
        found = predict(prepare(pixels, facts))
        if facts["task"] == "classification":
            print(facts["classes"][found["logits"][0].argmax()], found["confidence"][0].max())
        elif facts["task"] == "multilabel":
            triples = zip(facts["labels"], found["probability"][0], facts["thresholds"], strict=True)
            has = [f"{label} {share:.4f}" for label, share, threshold in triples if share >= threshold]
            print(", ".join(has) or "none")
        elif facts["task"] == "regression":
            pairs = zip(facts["numbers"], found["numbers"][0], strict=True)
            print(", ".join(f"{name} {number:.6g}" for name, number in pairs))
        else:
            print(((found["reconstruction"] - pixels / 255) ** 2).mean())


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(f"usage: python {sys.argv[0]} <model> <image> …")
    main(sys.argv[1], sys.argv[2:])
