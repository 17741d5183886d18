"""Torchvision's classifiers as small as the tests need them."""

from __future__ import annotations

from pellucid.model.torchvision import TorchvisionClassifier


def make(arch: str = "resnet18", size: int = 32, **options: object) -> TorchvisionClassifier:
    given = {
        "weights": "none",
        "trainable": "all",
        "num_classes": 7,
        "channels_last": False,
        "stem": "standard",
    }
    given |= {"image_shape": (3, size, size), **options}
    return TorchvisionClassifier(arch=arch, **given)  # type: ignore[arg-type]
