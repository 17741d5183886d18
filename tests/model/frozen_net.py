"""A user's net with frozen features."""

from __future__ import annotations

import torch
from torch import nn


class OwnFrozenNet(nn.Module):
    """A user's net: it inherits from nothing of ours, and offers a frozen backbone and a head."""

    def __init__(self, *, augmentations_per_image: int = 2, between: float = 0.0) -> None:
        super().__init__()
        layers = (
            nn.Conv2d(3, 8, 3, stride=2),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
        )
        self.backbone = nn.Sequential(*layers).requires_grad_(False)
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(32, 2))
        self.augmentations_per_image, self.between = augmentations_per_image, between
        self.train()

    def embed(self, images_BCHW: torch.Tensor) -> torch.Tensor:
        features_BD: torch.Tensor = self.backbone(images_BCHW)
        return features_BD

    def forward(self, images_BCHW: torch.Tensor) -> torch.Tensor:
        features_BD = nn.functional.dropout(self.embed(images_BCHW), self.between, self.training)
        logits_BK: torch.Tensor = self.head(features_BD)
        return logits_BK

    def train(self, mode: bool = True) -> OwnFrozenNet:
        super().train(mode)
        self.backbone.eval()
        return self
