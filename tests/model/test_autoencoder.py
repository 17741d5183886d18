"""The autoencoder."""

from __future__ import annotations

import torch
from torch import nn

from pellucid.model.autoencoder import Autoencoder


def test_autoencoder_mirrors_its_encoder() -> None:
    net = Autoencoder(image_shape=(1, 28, 28), sizes=[128, 64, 12, 3])
    sizes = [m.out_features for m in net.encoder if isinstance(m, nn.Linear)]
    back = [m.out_features for m in net.decoder if isinstance(m, nn.Linear)]
    assert sizes == [128, 64, 12, 3]
    assert back == [12, 64, 128, 784]
    assert not isinstance(net.encoder[-1], nn.ReLU), "the latent vector takes any sign"
    assert net.encode(torch.zeros(4, 1, 28, 28)).shape == (4, 3)
