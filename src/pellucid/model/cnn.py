"""Small convolutional net: blocks of convolution, batch norm, ReLU and pooling, then linear layers.

Shapes: B images, C channels, H × W pixels, D embedding, K classes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pellucid.model.size import check_size


class CNN(nn.Module):
    """A small convolutional classifier, by default of two blocks and two linear layers before its head.

    Conv 1→32 (padding 1), Conv 32→64 (none), each pooled by 2; Linear 600, Dropout, Linear 120.
    There is no activation between the linear layers, as in the net that it follows.
    Raises ImageTooSmallError below 8 × 8 pixels (for two blocks).
    """

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        channels: Sequence[int] = (32, 64),
        hidden: Sequence[int] = (600, 120),
        dropout: float = 0.25,
        channels_last: bool = True,
    ) -> None:
        super().__init__()

        def last_map(side: int) -> int:
            for index in range(len(channels)):
                side = (side if index == 0 else side - 2) // 2
            return side

        check_size("CNN", image_shape, last_map)
        width, height, breadth = image_shape
        blocks: list[nn.Module] = []
        for index, size in enumerate(channels):
            blocks += [
                nn.Conv2d(width, size, kernel_size=3, padding=1 if index == 0 else 0),
                nn.BatchNorm2d(size),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
            width = size
        self.features = nn.Sequential(*blocks)
        width *= last_map(height) * last_map(breadth)
        layers: list[nn.Module] = [nn.Flatten()]
        for index, size in enumerate(hidden):
            layers.append(nn.Linear(width, size))
            if index == 0:
                layers.append(nn.Dropout(dropout))
            width = size
        self.classifier = nn.Sequential(*layers)
        self.head = nn.Linear(width, num_classes)
        if channels_last:
            self.to(memory_format=torch.channels_last)

    def embed(self, images_BCHW: Tensor) -> Tensor:
        embedding_BD: Tensor = self.classifier(self.features(images_BCHW))
        return embedding_BD

    def forward(self, images_BCHW: Tensor) -> Tensor:
        logits_BK: Tensor = self.head(self.embed(images_BCHW))
        return logits_BK
