"""Autoencoder: a fully connected net that squeezes an image into a few numbers and draws it again.

After Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks", 2006.

Shapes: B images, C channels, H × W pixels, D numbers in the latent vector.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import Tensor, nn


class Autoencoder(nn.Module):
    """A fully connected autoencoder, ReLU between its layers, Sigmoid last.

    784 → 128 → 64 → 12 → 3 → 12 → 64 → 128 → 784 for Fashion-MNIST.
    """

    def __init__(self, *, image_shape: tuple[int, int, int], sizes: Sequence[int] = (128, 64, 12, 3)) -> None:
        super().__init__()
        widths = [prod(image_shape), *sizes]
        self.encoder = nn.Sequential(nn.Flatten(), *_linear_stack(widths))
        self.decoder = nn.Sequential(
            *_linear_stack(widths[::-1]), nn.Sigmoid(), nn.Unflatten(1, tuple(image_shape))
        )

    def encode(self, images_BCHW: Tensor) -> Tensor:
        latent_BD: Tensor = self.encoder(images_BCHW)
        return latent_BD

    def decode(self, latent_BD: Tensor) -> Tensor:
        """Images in [0, 1], not normalised."""
        images_BCHW: Tensor = self.decoder(latent_BD)
        return images_BCHW

    def embed(self, images_BCHW: Tensor) -> Tensor:
        return self.encode(images_BCHW)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return self.decode(self.encode(images_BCHW))


def _linear_stack(widths: Sequence[int]) -> list[nn.Module]:
    """Linear layers with ReLU between them and none after the last."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return layers[:-1]
