"""What views have left of a run: pictures, records of TensorBoard, figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pellucid.callbacks.visualizer import Visualizer
from pellucid.config.build import locate
from tests.helpers import CONF


def find_views() -> dict[str, type[Visualizer]]:
    found = {}
    for path in sorted((CONF / "callbacks").glob("*.yaml")):
        node = (OmegaConf.to_container(OmegaConf.load(path)) or {}).get(path.stem)  # type: ignore[union-attr]
        if isinstance(node, dict) and str(node["_target_"]).startswith("pellucid."):
            kind = locate(node["_target_"], "callbacks")
            if isinstance(kind, type) and issubclass(kind, Visualizer):
                found[path.stem] = kind
    return found


VIEWS = find_views()


OURS = {
    *("samples", "curves", "predictions", "confusion", "feature_maps", "filters", "activations"),
    *("explanations", "embeddings", "reconstructions", "latent", "film_strip", "graph"),
}


CLASSIFIER = {"predictions", "confusion", "explanations"}


AUTOENCODER = {"reconstructions", "latent"}

NARROW = ((8, 8), (16, 16), (32, 32, 32), (64, 64, 64), (64, 64, 64))  # XAI with an eighth of its channels


def looked(result: dict[str, Any]) -> set[str]:
    """Our views that took time, and so were drawn; and the total."""
    drawn = {key.removeprefix("look/seconds/") for key, value in result.items() if value}
    return drawn & {*OURS, "total"}


def failures(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key.startswith("look/failed")}


def pictures(folder: Path) -> set[str]:
    """Of our views."""
    found = (path.relative_to(folder / "figures") for path in (folder / "figures").rglob("*.png"))
    return {path.as_posix() for path in found if path.parts[0].removesuffix(".png") in OURS}


def events(folder: Path) -> EventAccumulator:
    read = EventAccumulator(
        str(folder / "tensorboard"), {"images": 0, "scalars": 0, "histograms": 0, "tensors": 0}
    )
    read.Reload()
    return read
