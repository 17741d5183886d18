"""The command explain on small runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pellucid.commands.explain.explain import explain
from tests.helpers import compose

METHODS = ("saliency", "integrated_gradients", "grad_cam", "occlusion")


def run_explain(run: Path, images: Path, **given: Any) -> list[dict[str, Any]]:
    options: dict[str, Any] = {
        "target": "predicted",
        "layers": None,
        "trust": "auto",
        "checkpoint": "best",
        "accelerator": "cpu",
    }
    options |= {"explainer": compose()["explainer"], "out": None}
    return explain(str(run), images=str(images), **{**options, **given})
