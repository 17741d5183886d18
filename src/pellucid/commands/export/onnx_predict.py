"""Predictions of an exported model for image files: ``python onnx_predict.py best.onnx photo.jpg …``.

It needs numpy and Pillow; for ONNX onnxruntime, for a program of torch (``best.pt2``, ``best.torchscript``)
torch. How the model takes images stands in the JSON file beside it, which was exported with it. Of each file
a line: class and confidence; of an autoencoder the mean squared error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
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


def read(file: str, facts: dict[str, Any]) -> np.ndarray:
    """The image upright, cropped and scaled, uint8 (1, channels, size, size)."""
    channels, size, _ = facts["image_shape"]
    with Image.open(file) as opened:
        opened.draft("RGB", (2 * size, 2 * size))  # JPEGs: decoded at the nearest scale above
        low, high = facts["value_range"] or _limits(opened)  # black and white of grey of more than 8 bits
        turn = UPRIGHT.get(opened.getexif().get(ORIENTATION, 1))
        image = opened.copy() if turn is None else opened.transpose(turn)
    if image.mode[0] in "IF":
        grey = np.nan_to_num(np.asarray(image, "float64"), nan=low).clip(low, high)
        image = Image.fromarray(((grey - low) * 255 / (high - low)).astype("uint8"))
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    image = Image.alpha_composite(white, image).convert("RGB")
    resample = Image.Resampling[facts.get("resample", "bilinear").upper()]
    image = ImageOps.fit(image, (size, size), resample, (1 - facts.get("crop", 1)) / 2)
    pixels: np.ndarray = np.asarray(image).transpose(2, 0, 1)
    if channels != 3:
        grey = np.tensordot(np.array([0.299, 0.587, 0.114]), pixels, 1).round()
        pixels = np.repeat(grey[None], channels, axis=0)
    return pixels[None].astype("uint8")


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
        else:
            print(((found["reconstruction"] - pixels / 255) ** 2).mean())


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(f"usage: python {sys.argv[0]} <model> <image> …")
    main(sys.argv[1], sys.argv[2:])
