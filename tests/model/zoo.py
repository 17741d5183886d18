"""Classifiers of torchvision and timm as small as the tests need them."""

from __future__ import annotations

from typing import Any

from pellucid.model.timm import TimmClassifier
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


def make_timm(arch: str = "test_resnet", side: int = 32, channels: int = 3, **options: Any) -> TimmClassifier:
    given: dict[str, Any] = {"weights": "none", "stem": "standard", "num_classes": 5}
    return TimmClassifier(arch=arch, image_shape=(channels, side, side), **given | options)
