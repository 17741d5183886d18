"""Nets that are quickly explained."""

from __future__ import annotations

from pellucid.model.cnn import CNN
from pellucid.model.torchvision import TorchvisionClassifier
from pellucid.model.xai import XAI


def small_cnn(side: int = 16) -> CNN:
    """For colour images of four classes."""
    return CNN(
        image_shape=(3, side, side),
        num_classes=4,
        channels=[4, 8],
        hidden=[16],
        dropout=0.25,
        channels_last=False,
    )


def small_xai(channels: int, classes: int) -> XAI:
    """For the smallest images that it takes."""
    shape = (channels, 34, 34)
    return XAI(image_shape=shape, num_classes=classes, dropout=[0.3, 0.4, 0.5], channels_last=False)


def small_resnet(side: int) -> TorchvisionClassifier:
    """For colour images of four classes, its head alone trained."""
    return TorchvisionClassifier(
        image_shape=(3, side, side),
        num_classes=4,
        arch="resnet18",
        weights="none",
        trainable="head",
        stem="standard",
        channels_last=False,
    )
