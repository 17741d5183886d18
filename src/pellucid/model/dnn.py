"""Fully connected net: flatten, then Linear, ReLU (Dropout after the first), ending in class scores.

Shapes: B images, C channels, H × W pixels, D embedding, K classes.
"""

from collections.abc import Sequence
from math import prod

from torch import Tensor, nn


class DNN(nn.Module):
    """A fully connected classifier: 784 → 256 → ReLU → Dropout → 128 → ReLU → 10 for Fashion-MNIST."""

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        hidden: Sequence[int] = (256, 128),
        dropout: float = 0.25,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        width = prod(image_shape)
        for index, size in enumerate(hidden):
            layers += [nn.Linear(width, size), nn.ReLU()]
            if index == 0:
                layers.append(nn.Dropout(dropout))
            width = size
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(width, num_classes)

    def embed(self, images_BCHW: Tensor) -> Tensor:
        embedding_BD: Tensor = self.features(images_BCHW)
        return embedding_BD

    def forward(self, images_BCHW: Tensor) -> Tensor:
        logits_BK: Tensor = self.head(self.embed(images_BCHW))
        return logits_BK
