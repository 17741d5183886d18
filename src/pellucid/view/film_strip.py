"""Images through the epochs of a training: what a frame holds, and the strip of an image.

Axes: B images, E epochs, K labels or numbers, C channels, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from pellucid.explainer.base import Explainer
from pellucid.inside.images import UNKNOWN, Images
from pellucid.inside.layers import MAX_LAYERS, Layers, convolutions_with_maps, select_layers
from pellucid.inside.pixels import to_pixels
from pellucid.inside.predictor import Predictor
from pellucid.inside.trace import has_maps, traced
from pellucid.view.explanations import attributions
from pellucid.view.reconstructions import reconstruct

OUTPUTS = ("scores", "has", "numbers")
Frame = Mapping[str, np.ndarray]  # arrays of an epoch by name, an image a row; those with a / are pictures


@dataclass(frozen=True)
class Strip:
    """One image in E epochs: ``rows`` of pictures (E, …) by their keys, and what was predicted.

    ``outputs`` are, of labels and numbers, what is predicted by name, (E, K). ``errors`` are mean squared
    errors. What a net does not give is None.
    """

    rows: Mapping[str, np.ndarray]
    predicted: Sequence[int] | None
    confidence: Sequence[float] | None
    errors: Sequence[float] | None
    right: Sequence[bool | None]
    outputs: Mapping[str, Tensor] = field(default_factory=dict)


def layers_with_strips(predictor: Predictor, layers: Layers) -> list[str]:
    """Those of the chosen layers that give maps."""
    trace = traced(predictor.net, predictor.black().to(predictor.dtype))
    names = select_layers(predictor.net, convolutions_with_maps(trace), layers, limit=MAX_LAYERS)
    return [layer for layer in names if has_maps(trace, layer)]


def reconstruction_frame(predictor: Predictor, images: Images) -> dict[str, np.ndarray]:
    """Reconstructions, uint8, and their errors."""
    reconstructed = reconstruct(predictor, predictor.inputs(images.pixels_BCHW))
    outputs_BHWC = reconstructed.outputs_BHWC
    return {
        "image/reconstruction": to_pixels(outputs_BHWC, predictor.spec.bands)
        if predictor.spec.bands
        else np.round(outputs_BHWC * 255).astype(np.uint8),
        "mse": reconstructed.errors,
    }


def class_frame(
    predictor: Predictor, images: Images, explainer: Explainer | None, layers: Sequence[str], first: Frame
) -> dict[str, np.ndarray]:
    """Predictions, the explanation of the true class, and one map of each layer: that of the ``first`` frame,
    or without one the map that varies most. Where the true class is not known, it is the one that was
    predicted in the first frame; of several labels the likeliest then, of numbers the first.
    """
    inputs_BCHW = predictor.inputs(images.pixels_BCHW)
    outputs, output_BK = predictor.outputs(inputs_BCHW, layers)
    values = predictor.interpret(inputs_BCHW, output_BK, None)
    kept = ("predicted", "confidence", *OUTPUTS)
    frame = {name: values[name].cpu().numpy() for name in kept if name in values}
    if explainer is not None:
        if "predicted" in frame:
            predicted_B = torch.from_numpy(first.get("predicted", frame["predicted"]))
            target_B = torch.where(images.labels_B == UNKNOWN, predicted_B, images.labels_B)
        elif "scores" in frame:
            target_B = torch.from_numpy(first.get("target", frame["scores"].argmax(axis=1)))
        else:
            target_B = torch.zeros(len(images), dtype=torch.long)
        frame["target"] = target_B.numpy()
        for _, attribution in attributions(predictor, {"": explainer}, inputs_BCHW, target_B):
            kind = "signed" if explainer.signed else "unsigned"
            keys = (key for key in first if key.startswith(f"{kind}/{explainer.title}"))
            frame[next(keys, f"{kind}/{attribution.maps.title}")] = attribution.maps.shown()
    for layer in layers:
        maps_BMHW = outputs[layer].numpy()
        followed = _map_of(layer, maps_BMHW, first)
        frame[f"map/{layer} map {followed}"] = maps_BMHW[:, followed]
    return frame


def strip(frames: Sequence[Frame], position: int, label: int, target_K: Tensor | None = None) -> Strip:
    """The strip of the image at that position, whose class is ``label``, or whose labels ``target_K``."""

    def of_image(name: str) -> list[float] | None:
        return [frame[name][position].item() for frame in frames] if name in frames[0] else None

    predicted = of_image("predicted")
    outputs = {
        name: torch.from_numpy(np.stack([frame[name][position] for frame in frames]))
        for name in OUTPUTS
        if name in frames[0]
    }
    right: list[bool | None] = [None] * len(frames)
    if "has" in outputs and target_K is not None:
        right = (outputs["has"] == target_K).all(dim=1).tolist()
    elif predicted is not None and label != UNKNOWN:
        right = [value == label for value in predicted]
    return Strip(
        rows={key: np.stack([frame[key][position] for frame in frames]) for key in frames[0] if "/" in key},
        predicted=None if predicted is None else [int(value) for value in predicted],
        confidence=of_image("confidence"),
        errors=of_image("mse"),
        right=right,
        outputs=outputs,
    )


def _map_of(layer: str, maps_BMHW: np.ndarray, first: Frame) -> int:
    for key in first:
        if key.startswith(f"map/{layer} map "):
            return int(key.rpartition(" ")[2])
    return int(maps_BMHW.std(axis=(0, 2, 3)).argmax())
