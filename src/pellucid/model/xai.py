"""XAI net: thirteen 3 × 3 convolutions in the manner of VGG-16, whose layers are meant to be looked at.

After Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition",
2015, with batch norm and dropout. The first convolution has no padding.

Shapes: B images, C channels, H × W pixels, D = 512, K classes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pellucid.model.size import check_size

# Output channels of the convolutions between pools, and after which of them (counted from 1) is
# dropout: the first rate after convolution 1, the second after the others.
STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
DROPOUT_AFTER = (1, 3, 5, 6, 8, 9, 11, 12)


class XAI(nn.Module):
    """A deep convolutional classifier; ``dropout`` holds three rates.

    Its convolutions are ``features.0``, ``features.4`` … ``features.48``. Raises ImageTooSmallError below
    34 × 34 pixels.
    """

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        dropout: Sequence[float] = (0.0, 0.1, 0.3),
        channels_last: bool = False,
    ) -> None:
        super().__init__()
        check_size("XAI", image_shape, lambda side: (side - 2) // 2 ** len(STAGES))
        first, later, last = dropout
        layers: list[nn.Module] = []
        width, number = image_shape[0], 0
        for stage in STAGES:
            for size in stage:
                number += 1
                layers += [
                    nn.Conv2d(width, size, 3, padding=0 if number == 1 else 1, bias=False),
                    nn.BatchNorm2d(size),
                    nn.ReLU(),
                ]
                if number in DROPOUT_AFTER:
                    layers.append(nn.Dropout(first if number == 1 else later))
                width = size
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        # One vector an image, whatever its size; the identity where the last map is 1 × 1.
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Sequential(
            nn.Linear(width, width, bias=False),
            nn.Dropout(last),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Dropout(last),
        )
        self.head = nn.Linear(width, num_classes)
        if channels_last:
            self.to(memory_format=torch.channels_last)

    def embed(self, images_BCHW: Tensor) -> Tensor:
        embedding_BD: Tensor = self.classifier(self.pool(self.features(images_BCHW)))
        return embedding_BD

    def forward(self, images_BCHW: Tensor) -> Tensor:
        logits_BK: Tensor = self.head(self.embed(images_BCHW))
        return logits_BK
